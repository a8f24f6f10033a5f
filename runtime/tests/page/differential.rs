//! The definition of correct (design section 5): a page is what plain Tera prints if every fragment's exports had been
//! in the context from the start, and every fragment's HTML had stood in place of its tag.
//!
//! Random pages are compiled and rendered both ways. `HYDRA_CASES=100000` tries more of them.

mod parts;

use std::{
    cell::Cell,
    collections::BTreeSet,
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use hydra_compile::{lower, site::Site, source::Source};
use hydra_contract::{InsertionKind, Plan};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::{Engine, Options, PageRequest, PageVisitor},
    wire::{FragmentsRequest, Outcome, ResolvedFragment, ResolvedFragments},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use self::parts::{Dash, Part, parts};
use crate::support::text;

const EXPORTS: [&str; 3] = ["x", "y", "z"];

/// A page, written for Hydra and for plain Tera.
#[derive(Default)]
struct Page {
    hydra: String,
    plain: String,
    fragments: usize,
    blocks: usize,
    /// Which fragments fail, by number.
    fails: u32,
}

#[derive(Clone, Copy, Default)]
struct Place {
    in_loop: bool,
    nested: bool,
    captured: bool,
    fallback: bool,
}

fn open(dash: Dash) -> &'static str {
    if dash.0 { "-" } else { "" }
}

fn shut(dash: Dash) -> &'static str {
    if dash.1 { "-" } else { "" }
}

impl Page {
    fn both(&mut self, text: &str) {
        self.hydra.push_str(text);
        self.plain.push_str(text);
    }

    fn list(&mut self, parts: &[Part], place: Place) {
        for part in parts {
            self.part(part, place);
        }
    }

    /// A statement with its dashes.
    fn statement(&mut self, statement: &str, dash: Dash) {
        self.both(&format!("{{%{} {statement} {}%}}", open(dash), shut(dash)));
    }

    fn part(&mut self, part: &Part, place: Place) {
        let inner = Place {
            nested: true,
            ..place
        };
        match part {
            Part::Text(text) => self.both(text),
            Part::Print(expression, dash) => {
                self.both(&format!("{{{{{} {expression} {}}}}}", open(*dash), shut(*dash)));
            }
            // What a fallback sets stays in it, which no plain page can say.
            Part::Set(..) | Part::Capture(..) if place.fallback => {}
            Part::Set(name, value, dash) => self.statement(&format!("set {name} = {value}"), *dash),
            Part::Capture(name, body) => {
                self.captured([&format!("set {name}"), "endset"], body, inner);
            }
            Part::Filter(body) => self.captured(["filter upper", "endfilter"], body, inner),
            Part::If(condition, body, elif, other, dash) => {
                self.statement(&format!("if {condition}"), *dash);
                self.list(body, inner);
                if let Some(elif) = elif {
                    self.both(&format!("{{% elif {elif} %}}e"));
                }
                self.otherwise(other.as_deref(), (false, dash.1), inner);
                self.statement("endif", *dash);
            }
            Part::For(names, list, body, other, dash) => {
                self.statement(&format!("for {names} in {list}"), *dash);
                let in_loop = Place {
                    in_loop: true,
                    ..inner
                };
                self.list(body, in_loop);
                self.otherwise(other.as_deref(), (false, false), inner);
                self.statement("endfor", *dash);
            }
            Part::Jump(jump, condition) => self.jump(jump, *condition, place),
            Part::Include(true) => self.both("{% include 'inc.html' %}"),
            Part::Include(false) => self.both("{% include 'own.html' %}"),
            Part::Block(body) => self.block(body, place),
            Part::Fragment {
                import,
                export,
                fallback,
            } => {
                if !place.captured {
                    self.fragment(*import, *export, fallback, place);
                }
            }
        }
    }

    fn captured(&mut self, [begin, end]: [&str; 2], body: &[Part], inner: Place) {
        self.statement(begin, (false, false));
        let captured = Place {
            captured: true,
            in_loop: false,
            ..inner
        };
        self.list(body, captured);
        self.statement(end, (false, false));
    }

    fn otherwise(&mut self, other: Option<&[Part]>, dash: Dash, inner: Place) {
        if let Some(other) = other {
            self.statement("else", dash);
            self.list(other, inner);
        }
    }

    fn jump(&mut self, jump: &str, condition: bool, place: Place) {
        if place.in_loop && !place.captured && !place.fallback {
            let condition = if condition { "x" } else { "n > 3" };
            self.both(&format!("{{% if {condition} %}}{{% {jump} %}}{{% endif %}}"));
        }
    }

    fn block(&mut self, body: &[Part], place: Place) {
        if !place.nested {
            self.blocks += 1;
            self.both(&format!("{{% block b{} %}}", self.blocks));
            let inner = Place {
                nested: true,
                ..place
            };
            self.list(body, inner);
            self.both("{% endblock %}");
        }
    }

    fn fragment(&mut self, import: Option<&str>, export: bool, fallback: &[Part], place: Place) {
        let number = self.fragments;
        self.fragments += 1;
        let _ = write!(self.hydra, "<m:fragment service='s' ref='f{number}'");
        if let Some(import) = import {
            let _ = write!(self.hydra, " imports='{import} as i'");
        }
        if let Some(export) = EXPORTS.get(number).filter(|_| export && !place.in_loop) {
            let _ = write!(self.hydra, " exports='e as {export}'");
        }
        self.hydra.push('>');
        let plain = self.plain.len();
        // White space control stops at the tag: what a fragment or its fallback prints is never trimmed from outside.
        self.both("(");
        self.list(
            fallback,
            Place {
                fallback: true,
                nested: true,
                ..place
            },
        );
        self.both(")");
        self.hydra.push_str("</m:fragment>");
        if self.fails & (1 << (number % 32)) == 0 {
            // It comes: its HTML stands in place of the tag, and shows what it was given.
            self.plain.truncate(plain);
            match import {
                Some(import) => {
                    let import = import.replace("p.q", "p?.q");
                    let _ = write!(
                        self.plain,
                        "<f{number}>{{% if {import} is defined %}}{{{{ {import} }}}}{{% endif %}}</f>"
                    );
                }
                None => {
                    let _ = write!(self.plain, "<f{number}></f>");
                }
            }
        }
    }
}

/// Answers at once: `f0` exports `X0`, and shows its import.
struct Fragments {
    fails: u32,
    asked: Arc<Mutex<BTreeSet<u32>>>,
}

impl FragmentSource for Fragments {
    fn resolve(&self, batch: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        let items = batch.requests.0.into_iter().flat_map(|(_, items)| items);
        let fragments = items.map(|item| {
            let number: u32 = item.reference[1..].parse().unwrap();
            self.asked.lock().unwrap().insert(number);
            let shown = match item.attributes.unwrap_or_default().get("i") {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let fails = self.fails & (1 << (number % 32)) != 0;
            let exports = if fails {
                json!({})
            } else {
                json!({ "e": format!("X{number}") })
            };
            ResolvedFragment {
                id: item.id,
                html: (!fails).then(|| format!("<f{number}>{shown}</f>")),
                exports: exports.as_object().cloned().unwrap_or_default(),
                outcome: if fails { Outcome::Failed } else { Outcome::Rendered },
                ..ResolvedFragment::default()
            }
        });
        stream::iter([ResolvedFragments {
            fragments: fragments.collect(),
            ..Default::default()
        }])
        .boxed()
    }
}

const INCLUDED: &str = "({{ x or 'no' }}{% if y %}{{- a }}{% endif %})";
const OWN: &str = "[{% set v = x %}{{ v or a -}} ]";

fn own() -> tera::Context {
    let own = json!({ "a": "A", "n": 5, "c": true, "l": [1, 2, 3], "p": { "q": "Q" } });
    tera::Context::from_serialize(&own).unwrap()
}

/// The page's own attributes and all exports, from the start. Those that never came are none.
fn with_exports(page: &Page, asked: &BTreeSet<u32>) -> tera::Context {
    let mut all = own();
    for (number, name) in (0..).zip(EXPORTS) {
        if page.hydra.contains(&format!("'e as {name}'")) {
            let came = asked.contains(&number) && page.fails & (1 << number) == 0;
            all.insert(name, &came.then(|| format!("X{number}")));
        }
    }
    all
}

/// What plain Tera prints. `None`: this is not a page.
fn plain(page: &Page, context: &tera::Context) -> Option<String> {
    let mut tera = tera::Tera::default();
    tera.add_raw_templates([
        ("page.html", page.plain.as_str()),
        ("inc.html", INCLUDED),
        ("own.html", OWN),
    ])
    .ok()?;
    tera.render("page.html", context).ok()
}

/// Whether exports wait for each other: the compiler refuses such pages before it lowers them.
fn has_circle(plan: &Plan) -> bool {
    let waits = |site: &hydra_contract::Insertion| match &site.kind {
        InsertionKind::Hole(hole) => hole.waits.clone(),
        InsertionKind::Slot(_) => Vec::new(),
    };
    let edges: BTreeSet<(String, String)> = plan
        .sites
        .iter()
        .flat_map(|site| {
            let gives = site.gives.clone();
            waits(site)
                .into_iter()
                .flat_map(move |from| gives.clone().into_iter().map(move |to| (from.clone(), to)))
        })
        .collect();
    EXPORTS.iter().any(|start| {
        let mut reached = BTreeSet::from([(*start).to_owned()]);
        for _ in EXPORTS {
            let next: Vec<_> = edges
                .iter()
                .filter(|(from, _)| reached.contains(from))
                .map(|(_, to)| to.clone())
                .collect();
            if next.iter().any(|to| to == start) {
                return true;
            }
            reached.extend(next);
        }
        false
    })
}

/// What Hydra shows, and which fragments it asked for. `None`: the compiler refuses the page.
fn hydra(page: &Page) -> Option<(String, BTreeSet<u32>)> {
    let templates = [
        ("inc.html", INCLUDED),
        ("own.html", OWN),
        ("page.html", page.hydra.as_str()),
    ];
    let sources = templates.map(|(name, text)| Source::new(name, name, text));
    let (site, problems) = Site::parse(&sources, &BTreeSet::new());
    assert_eq!(problems, [], "{}", page.hydra);
    let (plan, problems) = lower::lower(&site, &[2], hydra_contract::Contract::default());
    if !problems.is_empty() || has_circle(&plan) {
        return None;
    }
    let shown = plan
        .templates
        .iter()
        .map(|t| format!("{}: {}", t.name, t.source))
        .collect::<Vec<_>>()
        .join("\n");
    // None is late only because the machine has much to do.
    let mut options = Options::new("storefront");
    options.fragment_timeout = Duration::from_secs(60);
    options.page_deadline = Duration::from_secs(60);
    let engine = match Engine::new(plan, options, |_| ()) {
        Ok(engine) => engine,
        Err(error) => panic!("{error}\n{}\n{shown}", page.hydra),
    };
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let request = PageRequest {
        template: "page.html".to_owned(),
        context: own(),
        visitor: PageVisitor {
            source: Some(Arc::new(Fragments {
                fails: page.fails,
                asked: asked.clone(),
            })),
            ..PageVisitor::default()
        },
        ..PageRequest::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let shown = runtime.block_on(async { text(engine.page(request).await).await });
    let asked = asked.lock().unwrap().clone();
    Some((shown, asked))
}

/// Pages that random tests found: each once differed from plain Tera.
#[test]
fn pages_that_once_differed_are_what_plain_tera_prints() {
    let givers = "<m:fragment service='s' ref='f0'>()</m:fragment><m:fragment service='s' ref='f1' exports='e as y'>()</m:fragment>\
        <m:fragment service='s' ref='f2' exports='e as x'>()</m:fragment>";
    let leaves = "{% if v %}{% else %}{% if x %}{% else %}{{ w }}{% endif %}{% endif %}";
    for page in [
        // The `else` of a loop sets a name from one export, and the loop as a whole waits for another.
        "{% for i in [] %}{% if c %}{% break %}{% else %}{% set v = y %}{% endif %}{% else %}{% if x == 'X1' %}{% else %}\
         {% set w = x ~ a %}{% endif %}{% endfor %}@",
        "{% for i in [] %}{% if y %}{% break %}{% endif %}{% else %}{% set w = a %}{% endfor %}{{ w }}",
        "{% for i in [] %}{% if y %}{% continue %}{% endif %}{{ x }}{% else %}{% set w = x %}{% endfor %}{{ w }}",
        "{% for i in [y or 0] %}a{% else %}{% set w = a %}{% endfor %}{{ w or 'none' }}",
        "{% for i in l %}{% if y %}{% break %}{% endif %}{% for k in [] %}{% else %}{% set w = x %}{% endfor %}{{ w }}{% else %}\
         {% set w = a %}{% endfor %}{{ w or 'none' }}",
        "{% for i in [] %}{% else %}{% for k in l %}{% if y %}{% break %}{% endif %}{% endfor %}{% set w = c %}{% endfor %}{{ w }}",
        "{% for i in l %}{% if i == 2 %}{% set_global w = y %}{% break %}{% endif %}{% endfor %}{{ w }}",
        "{% block b1 %}{% for i in [] %}{{ y }}{% else %}{% set w = x %}{% endfor %}{{ w }}{% endblock %}",
    ] {
        for fails in 0..8 {
            compare(&page.replace('@', leaves), givers, fails);
        }
    }
}

/// Compares a page with the fragments `f0`, `f1` and `f2` behind it.
fn compare(page: &str, givers: &str, fails: u32) {
    let plain = (0..3).map(|number| match fails & (1 << number) {
        0 => format!("<f{number}></f>"),
        _ => "()".to_owned(),
    });
    let page = Page {
        hydra: format!("{page}{givers}"),
        plain: format!("{page}{}", plain.collect::<String>()),
        fails,
        ..Page::default()
    };
    let mut context = own();
    for (number, name) in [(1, "y"), (2, "x")] {
        let came = fails & (1 << number) == 0;
        context.insert(name, &came.then(|| format!("X{number}")));
    }
    let (found, _) = hydra(&page).unwrap_or_else(|| panic!("{} can be lowered", page.hydra));
    let expected = plain_of(&page, &context);
    assert_eq!(found, expected, "{}, fails: {fails:b}", page.hydra);
}

fn plain_of(page: &Page, context: &tera::Context) -> String {
    plain(page, context).unwrap_or_else(|| panic!("Tera renders {}", page.plain))
}

fn cases() -> u32 {
    std::env::var("HYDRA_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(2_000)
}

#[test]
fn a_page_is_what_plain_tera_prints() {
    let mut config = ProptestConfig::with_cases(cases());
    config.max_shrink_iters = 5_000;
    config.failure_persistence = None;
    let compared = Cell::new(0);
    let given = (parts(), prop_oneof![Just(0), any::<u32>()]);
    let result = TestRunner::new(config).run(&given, |(parts, fails)| {
        let mut page = Page {
            fails,
            ..Page::default()
        };
        page.list(&parts, Place::default());
        if let Some((found, asked)) = hydra(&page)
            && let Some(expected) = plain(&page, &with_exports(&page, &asked))
        {
            prop_assert_eq!(found, expected, "hydra: {}\nplain: {}", page.hydra, page.plain);
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // About one of three is; the compiler or Tera refuses the rest.
    let compared = compared.get();
    assert!(compared >= cases() / 5, "{compared} pages were compared");
}
