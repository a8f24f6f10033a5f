//! Helps that can be pasted: after the paste the problem is gone, and no other has come.
//! The language server offers the same pastes as quick fixes.

use std::{fs, path::Path};

use hydra_compile::{
    Input, Options, compile, editor,
    input::KnownContract,
    problem::{Problem, Severity},
    read::{self, InputPaths, Progress},
    source::{Source, SourceId},
};

const ORDERS: &str = r#"{"service": "orders", "fragments": {
    "checkout": {"imports": {"dob": {"type": "date", "default": "2000-01-31"}, "country": {"default": "BE"},
        "a": {"default": 1}, "b": {"default": 1}, "c": {"default": 1}},
        "exports": {"a": "any", "b": "any", "c": "any", "address": "string", "total": "integer"}},
    "recent": {"exports": {"address": "string", "a": "any", "b": "any", "total": "integer"}}}}"#;

/// The pages that one paste does not mend: a name in two tags, and what a child template has to move as well.
const NOT_MENDED: [&str; 2] = [
    "{# a #}{% set q = 1 %}{% extends 'base.html' %}{% block title %}<m:fragment service='orders' ref='checkout'>-</m:fragment>{% endblock %}",
    "<m:fragmnet service='orders' ref='checkout'>-</m:fragmnet>",
];

/// The fixtures whose help leaves a choice to the writer, or speaks of more than one place or of another file.
const NOT_PASTED: [&str; 31] = [
    "action-in-fallback",
    "action-in-page",
    "bad-contract",
    "contract-file-name",
    "duplicate-action-of-include",
    "duplicate-attribute",
    "duplicate-import",
    "empty-fallback",
    "empty-value",
    "export-in-loop",
    "form-in-form",
    "form-in-form-of-file",
    "form-in-form-of-layout",
    "form-override",
    "form-passed-on",
    "form-shadowed",
    "form-with-base",
    "fragment-in-capture",
    "import-cycle",
    "late-export",
    "maybe-unset",
    "misplaced-action",
    "missing-ref",
    "mode-conflict",
    "mode-conflict-in-fallback",
    "not-utf8",
    "template-syntax",
    "too-deep",
    "type-mismatch",
    "unknown-element",
    "unused-export",
];

/// How many pastes one page may take.
const MOST: usize = 20;

/// A site of the page and a few templates that it may use.
fn site(page: &str) -> Input {
    let files = [
        ("base.html", "<h1>{% block title %}Shop{% endblock %}</h1>"),
        ("page.html", page),
        (
            "part.html",
            "<p>part</p>{% component card(title) %}{{ title }}{% endcomponent %}",
        ),
    ];
    let mut input = Input {
        contracts_given: true,
        templates: files.len(),
        ..Input::default()
    };
    input.sources = files
        .map(|(name, text)| Source::new(name.to_owned(), name, text.to_owned()))
        .into();
    let known = KnownContract {
        source: SourceId(9_000),
        contract: serde_json::from_str(ORDERS).expect("a contract"),
    };
    input.contracts.insert("orders".to_owned(), known);
    input
}

/// The file with the help of a problem pasted into it. `None`: there is nothing to paste.
fn paste(text: &str, problem: &Problem) -> Option<String> {
    editor::mend(text, problem).map(|edits| editor::edited(text, &edits))
}

/// What one problem is, wherever it stands.
fn key(problem: &Problem) -> (&'static str, String) {
    (problem.code.name(), problem.message.clone())
}

fn is_error(problem: &&Problem) -> bool {
    problem.code.severity() == Severity::Error
}

/// Pastes the help of one of the problems. `Err`: what is wrong with it.
fn mend(input: &mut Input, problems: &[Problem], problem: &Problem) -> Result<(), String> {
    let label = problem.labels.first().ok_or("no place")?;
    let source = input
        .sources
        .get_mut(label.location.source.0 as usize)
        .ok_or("no file")?;
    let shown = format!("{:?}, help: {:?}", problem.message, problem.help);
    let text = paste(&source.text, problem).ok_or_else(|| format!("nothing to paste: {shown}"))?;
    *source = Source::new(source.name.clone(), source.path.clone(), text.clone());
    let after = compile(input).problems;
    let count = |problems: &[Problem]| problems.iter().filter(|other| key(other) == key(problem)).count();
    if count(&after) >= count(problems) {
        return Err(format!("still there: {shown}: {text}"));
    }
    let before: Vec<_> = problems.iter().map(key).collect();
    let mut errors = after.iter().filter(is_error);
    match errors.find(|other| !before.contains(&key(other))) {
        Some(new) => Err(format!("another came: {:?}, after {shown}: {text}", key(new))),
        None => Ok(()),
    }
}

/// Pastes the helps of all errors, one after the other: how many. `Err`: what is wrong with them.
fn mended(mut input: Input) -> Result<usize, String> {
    for pastes in 0..MOST {
        let problems = compile(&input).problems;
        let Some(problem) = problems.iter().find(is_error) else {
            return Ok(pastes);
        };
        mend(&mut input, &problems, problem)?;
    }
    Err("no end".to_owned())
}

/// Pages with one mistake, or two of a kind.
fn mistakes() -> Vec<String> {
    let mut pages = Vec::new();
    let uses = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("{{{{ {name} or '' }}}}"))
            .collect::<String>()
    };
    let lists = [
        "a; b",
        "a;b",
        "a;b;c",
        "a | b",
        "a|b",
        "a，b",
        "a、b",
        "a & b",
        "a + b",
        "a / b",
        "a b",
        "a b c",
        "a, b c",
        "a,,b",
        "a,,,b",
        "a, , b",
        ",a",
        ",,a,b",
        "a,,",
        "a => b2",
        "a=>b2",
        "a -> b2",
        "a: b2",
        "a:b2",
        "a = b2",
        "a=b2",
        "a AS b2",
        "a As b2, b",
        "a as b2 as c2",
        "a as b2 b",
        "a as b2 b c",
        "a as b2; b",
        "a; b as b2; c",
        "a => b2, b => c2",
        "a, b; c",
        "a|b|c",
        "a ; b",
        "a as",
        "a, b as",
        "a!",
        "a, b?",
        "1a",
        "a, a",
        "a, a, b",
        "a, b, a, b",
        "a as x2, b as x2",
        "a as x2, b as x2, c as x2",
        "a, b as a",
        "(a)",
        "a.",
        "[a, b]",
        "a\u{a0}b",
        "a\tb",
        "a\nb",
        "{a, b}",
        "\"a\"",
    ];
    for list in lists {
        let quote = if list.contains('"') { '\'' } else { '"' };
        pages.push(format!(
            "<html m:attributes='z: any'><m:fragment service='orders' ref='checkout' exports={quote}{list}{quote}>-</m:fragment></html>"
        ));
        if !list.contains("a, a")
            && !list.contains("x2, b as x2")
            && !list.contains("a, b, a")
            && !list.contains("b as a")
        {
            let imports = list.replace("b2", "dob").replace("c2", "country");
            pages.push(format!(
                "<html m:attributes='a: any, b: any, c: any'><m:fragment service='orders' ref='checkout' imports={quote}{imports}{quote}>-</m:fragment></html>"
            ));
        }
    }
    for path in ["a.q", "a.q.r", "a.q, b"] {
        pages.push(format!(
            "<html m:attributes='a: any, b: any'><m:fragment service='orders' ref='checkout' imports='{path}'>-</m:fragment></html>",
            path = path.replace("q.r", "q.c").replace("a.q,", "a.c,").replace("a.q", "a.c")
        ));
    }
    // Conflicts, alone and together, and with the first free name taken.
    let pairs = [
        ("a", "a"),
        ("a, b", "a, b"),
        ("a, b", "b, a"),
        ("a as x, b as y", "a as x, b as y"),
        ("address", "address"),
        ("total, address, a", "address, a, total"),
    ];
    for (first, second) in pairs {
        for taken in [
            "",
            "{{ ordersA or ordersServiceA or '' }}",
            "{% set ordersAddress = 1 %}{{ ordersX or ordersTotal2 or '' }}",
        ] {
            pages.push(format!(
                "{taken}<m:fragment service='orders' ref='checkout' exports='{first}'>-</m:fragment><m:fragment service='orders' ref='recent' exports='{second}'>-</m:fragment>"
            ));
        }
    }
    pages.push("<m:fragment service='orders' ref='checkout' exports='a'>-</m:fragment><m:fragment service='orders' ref='recent' exports='a'>-</m:fragment><m:fragment service='orders' ref='recent' exports='a'>-</m:fragment>".to_owned());
    for stated in ["a: any", "a: any, b: any", "a: any, ordersA: any"] {
        pages.push(format!("<html m:attributes='{stated}'><m:fragment service='orders' ref='checkout' exports='a, b, c'>-</m:fragment></html>"));
    }
    pages.push(format!(
        "{{% set a = 1 %}}<m:fragment service='orders' ref='checkout' exports='a'>-</m:fragment>{}",
        uses(&["a"])
    ));
    // Names that are nearly right.
    for (from, to) in [
        ("orders", "order"),
        ("orders", "Orders"),
        ("checkout", "chekout"),
        ("checkout", "check-out"),
        ("address", "adress"),
        ("dob", "dbo"),
        ("dob", "Dob"),
    ] {
        let page = "<html m:attributes='dob: date'><m:fragment service='orders' ref='checkout' imports='dob' exports='address'>-</m:fragment></html>";
        pages.push(page.replacen(&format!("'{from}'"), &format!("'{to}'"), 1));
    }
    for (right, wrong) in [
        ("service", "sevice"),
        ("exports", "export"),
        ("imports", "import"),
        ("timeout", "time-out"),
        ("required", "requierd"),
        ("cache", "cashe"),
    ] {
        let value = match right {
            "service" => "orders",
            "exports" | "imports" => "a",
            _ => "2s",
        };
        let value = if right == "required" {
            String::new()
        } else {
            format!("='{value}'")
        };
        let other = if right == "service" {
            ""
        } else {
            " service='orders'"
        };
        pages.push(format!("<html m:attributes='z: any{}'><m:fragment{other} ref='checkout' {wrong}{value}>-</m:fragment></html>", if right == "imports" { ", a: any" } else { "" }));
    }
    for (right, wrong) in [
        ("2s", "2"),
        ("2s", "2 s"),
        ("300ms", "300"),
        ("10m", "10min"),
        ("1h", "1hour"),
        ("2s", "2S"),
        ("5s", "5sec"),
    ] {
        let _ = right;
        pages.push(format!(
            "<m:fragment service='orders' ref='checkout' timeout='{wrong}'>-</m:fragment>"
        ));
    }
    for mode in ["lasy", "defered", "later", "Lazy", "inlin"] {
        pages.push(format!(
            "<m:fragment service='orders' ref='checkout' mode='{mode}'>-</m:fragment>"
        ));
    }
    for ty in [
        "strng",
        "String",
        "int",
        "bool",
        "timestamp",
        "list<strng>",
        "List<string>",
        "text",
        "array",
        "object",
        "Date",
        "float",
    ] {
        pages.push(format!("<html m:attributes='a: {ty}'>{{{{ a }}}}</html>"));
    }
    for declared in [
        "a; b",
        "a b",
        "a string",
        "a: string b: string",
        "a | b",
        "a,,b",
        ",a",
        "a: string; b: date",
        "a = 1",
    ] {
        pages.push(format!("<html m:attributes=\"{declared}\">{{{{ a }}}}</html>"));
    }
    for call in [
        "{{ a | uper }}",
        "{{ a | lenght }}",
        "{% if a is defnied %}{% endif %}",
        "{{ rnage(end=2) }}",
        "{{ <crad title='x' /> }}",
        "{% include 'prat.html' %}",
        "{% include 'part.htm' %}",
    ] {
        pages.push(format!("<html m:attributes='a: any'>{call}</html>"));
    }
    pages.push("{% extends 'bsae.html' %}{% block title %}x{% endblock %}".to_owned());
    pages.push("<p>x</p>{% extends 'base.html' %}{% block title %}<m:fragment service='orders' ref='checkout'>-</m:fragment>{% endblock %}".replace("<p>x</p>", "{# a #}{{ 1 }}").replace("{{ 1 }}", "{% set q = 1 %}"));
    pages.push("<m:fragmnet service='orders' ref='checkout'>-</m:fragmnet>".to_owned());
    pages
}

#[test]
fn what_helps_say_can_be_pasted() {
    let pages = mistakes();
    let (mut good, mut bad) = (0, Vec::new());
    for page in &pages {
        match mended(site(page)) {
            Ok(0) => bad.push((page, "no error".to_owned())),
            Ok(_) => good += 1,
            Err(error) => bad.push((page, error)),
        }
    }
    let (names, reasons): (Vec<_>, Vec<_>) = bad.into_iter().unzip();
    println!("{good} of {}", pages.len());
    assert_eq!(names, NOT_MENDED.iter().collect::<Vec<_>>(), "{reasons:#?}");
    assert!(good * 100 >= pages.len() * 98, "{good} of {}", pages.len());
}

/// The folder of fixtures, each with one fault.
fn fixtures() -> Vec<(String, Input)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/problem");
    let entries = fs::read_dir(folder).expect("the fixtures");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    let read = |folder: &Path| {
        let places = InputPaths {
            templates: vec![folder.to_owned()],
            contracts: Some(folder.join("contracts")).filter(|contracts| contracts.is_dir()),
            rust: Some(folder.join("src")).filter(|rust| rust.is_dir()),
        };
        read::read(&places, Options::default(), &Progress::default()).expect("a fixture that can be read")
    };
    let name = |folder: &Path| folder.file_name().expect("a name").to_string_lossy().into_owned();
    folders
        .iter()
        .map(|folder| (name(folder), read(folder)))
        .collect()
}

#[test]
fn the_helps_of_all_fixtures_can_be_pasted_but_for_those_named_here() {
    let (mut failed, mut reasons) = (Vec::new(), Vec::new());
    for (name, mut input) in fixtures().into_iter().filter(|(name, _)| name != "many") {
        let problems = compile(&input).problems;
        if let Err(error) = mend(&mut input, &problems, &problems[0]) {
            reasons.push(format!("{name}: {error}"));
            failed.push(name);
        }
    }
    assert_eq!(failed, NOT_PASTED, "{}", reasons.join("\n"));
}
