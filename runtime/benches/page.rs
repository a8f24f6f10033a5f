//! A page of 20 KB with five ready fragments: what the engine costs beside Tera's own work.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use futures_util::{FutureExt, StreamExt, stream, stream::BoxStream};
use http_body_util::BodyExt;
use hydra_contract::{
    Import, Insertion, InsertionKind, Lifted, PLAN_FORMAT, Plan, Slot, Template, TemplatePosition, Text,
};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::{Answer, Engine, Options, PageRequest, PageState, PageVisitor},
    wire::{FragmentsRequest, ResolvedFragment, ResolvedFragments},
};
use tera::{Context, Tera};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const SLOTS: usize = 5;
const PARAGRAPH: &str =
    "<p class=\"text\">All work is done beside the street where Ann and Bob have their shop.</p>\n";

/// 20 KB, 26 expressions and a list of ten rows, with or without five fragments.
fn template(slots: bool) -> String {
    let mut page = String::from("<!doctype html>\n<html><head><title>{{ title }}</title></head><body>\n");
    for part in 0..SLOTS {
        page.push_str(&PARAGRAPH.repeat(44));
        page.push_str(&"<b>{{ name }}</b>, {{ city }}; ".repeat(2));
        page.push_str("{{ title }}\n");
        if slots {
            page.push_str(&format!("{{{{ {part} | __hydra }}}}\n"));
        }
    }
    page.push_str(
        "<ul>{% for row in rows %}<li>{{ row.id }}: {{ row.label }}</li>{% endfor %}</ul></body></html>\n",
    );
    page
}

fn context() -> Context {
    let rows: Vec<_> = (0..10)
        .map(|id| serde_json::json!({"id": id, "label": "a row"}))
        .collect();
    tera::context! { title => "Checkout", name => "Ann & Bob", city => "Brussels", rows => &rows }
}

fn site(number: usize) -> Insertion {
    let import = |from: &str, to: &str| Import {
        from: vec![from.to_owned()],
        to: to.to_owned(),
    };
    let slot = Slot {
        service: Text::Fixed("orders".to_owned()),
        reference: Text::Fixed(format!("f{number}")),
        imports: vec![import("name", "who"), import("city", "city")],
        fallback: Some(Lifted {
            template: "#1/page.html".to_owned(),
            captures: vec!["name".to_owned()],
        }),
        ..Slot::default()
    };
    Insertion {
        place: TemplatePosition::default(),
        gives: Vec::new(),
        kind: InsertionKind::Slot(Box::new(slot)),
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(Options::new("storefront")));

static IMPATIENT: LazyLock<Engine> = LazyLock::new(|| {
    let mut options = Options::new("storefront");
    options.flush_after = Duration::ZERO;
    engine(options)
});

fn engine(options: Options) -> Engine {
    let template = |name: &str, source: String| Template {
        name: name.to_owned(),
        source,
        origin: None,
    };
    let plan = Plan {
        format: PLAN_FORMAT,
        templates: vec![
            template("page.html", self::template(true)),
            template("#1/page.html", "{{ name }}".to_owned()),
        ],
        sites: (0..SLOTS).map(site).collect(),
        ..Plan::default()
    };
    Engine::new(plan, options, |_| ()).expect("the plan is good")
}

static HTML: LazyLock<Bytes> = LazyLock::new(|| Bytes::from("<section>fragment</section> ".repeat(37)));

/// What there is to beat: the same page without slots, by Tera alone.
#[divan::bench]
fn plain_tera(bencher: Bencher<'_, '_>) {
    let mut tera = Tera::default();
    tera.add_raw_template("page.html", &template(false))
        .expect("the template is good");
    let context = context();
    bencher.bench_local(|| tera.render("page.html", black_box(&context)));
}

/// The Tera render with five slots in it, up to the asks.
#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let context = context();
    bencher.bench_local(|| begin(black_box(&context)));
}

/// From the answers to the pieces that leave.
#[divan::bench]
fn assemble(bencher: Bencher<'_, '_>) {
    let context = context();
    bencher
        .with_inputs(|| begin(&context))
        .bench_local_values(assemble_page);
}

/// Both.
#[divan::bench]
fn render_and_assemble(bencher: Bencher<'_, '_>) {
    let context = context();
    bencher.bench_local(|| assemble_page(begin(black_box(&context))));
}

/// The whole way, from the handler's context to the last byte of the body, with the call to a source that answers at once.
#[divan::bench]
fn whole_request(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let source: Arc<dyn FragmentSource> = Arc::new(Ready);
    bencher.with_inputs(context).bench_local_values(|context| {
        let source = Some(source.clone());
        let request = PageRequest {
            template: "page.html".to_owned(),
            context,
            visitor: PageVisitor {
                source,
                ..PageVisitor::default()
            },
            ..PageRequest::default()
        };
        runtime.block_on(async {
            let mut body = ENGINE.page(request).await.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.map_or(0, |frame| frame.data_ref().map_or(0, Bytes::len));
            }
            length
        })
    });
}

/// A page that waits for a slow fragment: what it holds is the peak of memory here.
#[divan::bench]
fn in_flight(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let source: Arc<dyn FragmentSource> = Arc::new(Never);
    bencher.with_inputs(context).bench_local_values(|context| {
        let source = Some(source.clone());
        let request = PageRequest {
            template: "page.html".to_owned(),
            context,
            visitor: PageVisitor {
                source,
                ..PageVisitor::default()
            },
            ..PageRequest::default()
        };
        runtime.block_on(async {
            let mut body = IMPATIENT.page(request).await.into_body();
            assert!(body.frame().await.is_some());
            body
        })
    });
}

fn begin(context: &Context) -> PageState {
    ENGINE.begin("page.html", context).expect("the page renders")
}

fn assemble_page(mut state: PageState) -> (PageState, Vec<Bytes>) {
    for ask in state.take_fetches() {
        state.answer(
            ask,
            Answer {
                html: Some(HTML.clone()),
                ..Answer::default()
            },
        );
    }
    let mut out = Vec::with_capacity(2 * SLOTS + 1);
    state.take_ready(&mut out);
    assert!(state.is_complete());
    (state, out)
}

/// Answers every batch at once.
struct Ready;

impl FragmentSource for Ready {
    fn resolve(&self, batch: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        let items = batch.requests.0.into_iter().flat_map(|(_, items)| items);
        let html = || std::str::from_utf8(&HTML).ok().map(str::to_owned);
        let fragments = items
            .map(|item| ResolvedFragment {
                id: item.id,
                html: html(),
                ..ResolvedFragment::default()
            })
            .collect();
        let part = ResolvedFragments {
            fragments,
            ..ResolvedFragments::default()
        };
        stream::once(async { part }.boxed()).boxed()
    }
}

/// Never answers.
struct Never;

impl FragmentSource for Never {
    fn resolve(&self, _: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        stream::pending().boxed()
    }
}

fn main() {
    divan::main();
}
