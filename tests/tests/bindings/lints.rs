//! Generated code under all lints that rustc and clippy have, and in a crate that names the runtime otherwise.

use std::{collections::BTreeSet, process::Command};

use hydra_tests::{Copy, workspace};
use serde_json::Value;

/// Names that make Rust names which no one would write.
const TEMPLATES: [(&str, &str); 3] = [
    (
        "card--big.html",
        "<p>{{ a__b }}</p><m:fragment service='x--y' ref='z' imports='a__b, a__b as B' exports='c__d, E as f'>-\
         </m:fragment>{{ c__d }}{{ f }}",
    ),
    (
        "index.html",
        "{{ title }}<m:fragment ref='note' imports='title'>-</m:fragment>",
    ),
    (
        "offers.html",
        "<p m:ref='note' m:imports='title: string' m:exports='C: list<map<number>>'>{{ title }}</p>\
         <p m:ref='A__b' m:imports='type: any, a__b: date = \"2020-01-01\"' m:attributes='async: boolean, rows: list<Row2>'>\
         {{ a__b }}{% for row in rows %}{{ row.title }}{% endfor %}</p>",
    ),
];

const BUILD: &str = "//! Builds.\nfn main() { hydra_compile::Build::new(\"templates\").contracts(\"contracts\").run_or_exit(); }";

const CONTRACT: &str = r#"{"service": "x--y", "fragments": {"z": {"imports": {"a__b": {"type": "any"}, "B": {"type": "date"}},
    "exports": {"c__d": "integer", "E": "list<string>"}}}}"#;

/// The user's code. Lints speak of it too: that shows that they are on.
const STRICT: &str = r#"
hydra_runtime::app!();

#[derive(hydra_runtime::Page, serde::Serialize)]
#[page(template = "index.html", path = "/")]
pub struct Index<'a> {
    title: &'a str,
}

#[derive(Debug, serde::Serialize)]
struct Row2 {
    title: u8,
}

pub struct Flag {
    pub is_set: bool,
}

pub fn answer() -> u8 {
    return 1;
}
"#;

const RENAMED: &str = r#"
use std::collections::BTreeMap;

hydra::app!(crate = hydra);

#[derive(hydra::Page, serde::Serialize)]
#[page(template = "index.html", path = "/")]
#[hydra(crate = "hydra")]
pub struct Index {
    title: String,
}

/// A row of the fragment `A__b`.
#[derive(Debug, serde::Serialize)]
pub struct Row2 {
    title: u8,
}

pub async fn index() -> Index {
    Index { title: String::new() }
}

#[hydra::fragment("note")]
pub async fn note(imports: fragments::NoteImports) -> fragments::Note {
    let length = imports.title.len() as f64;
    fragments::Note { c: vec![BTreeMap::from([(imports.title, length)])] }
}

#[hydra::fragment("A__b")]
pub async fn rows() -> fragments::AB {
    fragments::AB { r#async: true, rows: vec![Row2 { title: 1 }] }
}

pub fn application() -> App {
    App::new("renamed").page(index).fragment(note).fragment(rows)
}
"#;

/// What the guide says of `forbid`: of lints in groups that generated code allows, of such groups, and of other lints.
const FORBIDDEN: [(&str, &str); 3] = [
    ("forbid-single", "unused_must_use, clippy::unwrap_used"),
    ("forbid-group", "warnings, clippy::pedantic"),
    ("forbid-other", "unsafe_code, missing_docs"),
];

const FORBIDDING: &str = r#"
hydra_runtime::app!();

/// A row.
#[derive(Debug, serde::Serialize)]
pub struct Row2 {
    title: u8,
}
"#;

/// All lints of rustc that are stable, and the groups of clippy, as `#![deny(…)]` takes them.
fn lints() -> String {
    let help = Command::new("rustc")
        .args(["-W", "help"])
        .output()
        .expect("rustc runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let tables = help.split("Lint groups provided by rustc:").collect::<Vec<_>>();
    let names = |table: &str| -> BTreeSet<String> {
        let lines = table.lines().filter(|line| line.starts_with("  "));
        let names = lines.filter_map(|line| line.split_whitespace().next());
        let is_name = |name: &&str| name.contains('-') && !name.starts_with('-');
        names.filter(is_name).map(|name| name.replace('-', "_")).collect()
    };
    let lints = names(tables.first().expect("the lints"));
    assert!(lints.len() > 100 && lints.contains("missing_docs"), "{lints:?}");
    let groups = [
        "warnings",
        "unused",
        "clippy::all",
        "clippy::pedantic",
        "clippy::nursery",
        "clippy::restriction",
        "clippy::cargo",
    ];
    let all = lints.into_iter().chain(groups.map(str::to_owned));
    // A lint of rustc's that is not stable yet is unknown.
    format!(
        "#![allow(unknown_lints)]\n#![deny({})]\n#![allow(unknown_lints)]\n",
        all.collect::<Vec<_>>().join(", ")
    )
}

fn manifest(name: &str, runtime: &str) -> String {
    format!(
        "[package]\nname = \"bindings-{name}\"\nversion.workspace = true\nedition.workspace = true\n\n[lib]\npath = \"src/lib.rs\"\n\n\
         [dependencies]\n{runtime}\nserde = {{ workspace = true }}\n\n\
         [build-dependencies]\nhydra-compile = {{ workspace = true }}\n"
    )
}

/// What clippy says of the packages: one JSON object a line.
fn said() -> Vec<Value> {
    let copy = Copy::of_workspace(&[
        "strict",
        "renamed",
        "forbid-single",
        "forbid-group",
        "forbid-other",
    ]);
    let path = workspace().join("runtime").display().to_string();
    let packages = [
        (
            "strict",
            "hydra-runtime = { workspace = true }".to_owned(),
            lints() + STRICT,
        ),
        (
            "renamed",
            format!("hydra = {{ package = \"hydra-runtime\", path = {path:?} }}"),
            RENAMED.to_owned(),
        ),
    ];
    let forbidding = FORBIDDEN.map(|(name, lints)| {
        let library = format!("#![forbid({lints})]\n//! Forbids.\n{FORBIDDING}");
        (name, "hydra-runtime = { workspace = true }".to_owned(), library)
    });
    let packages = packages.into_iter().chain(forbidding);
    for (name, runtime, library) in packages {
        for folder in ["templates", "contracts", "src"] {
            std::fs::create_dir_all(copy.path().join(name).join(folder)).expect("a folder");
        }
        copy.write(&format!("{name}/Cargo.toml"), &manifest(name, &runtime));
        copy.write(&format!("{name}/build.rs"), BUILD);
        copy.write(&format!("{name}/src/lib.rs"), &library);
        copy.write(&format!("{name}/contracts/x--y.json"), CONTRACT);
        for (template, text) in TEMPLATES {
            copy.write(&format!("{name}/templates/{template}"), text);
        }
    }
    let output = copy.cargo(
        "clippy",
        &["--workspace", "--keep-going", "--message-format=json"],
    );
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Vec<Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn generated_code_is_quiet_under_all_lints_and_names_the_runtime_as_it_is_told() {
    let said = said();
    let messages = |package: &str| -> Vec<(String, String)> {
        let target = format!("bindings_{}", package.replace('-', "_"));
        let of_package = said
            .iter()
            .filter(|line| line["reason"] == "compiler-message" && line["target"]["name"] == target.as_str());
        let message = |line: &Value| {
            let code = line["message"]["code"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            (
                code,
                line["message"]["rendered"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            )
        };
        of_package.map(message).collect()
    };
    assert_eq!(messages("renamed"), []);
    let strict = messages("strict");
    assert!(
        strict.iter().any(|(code, _)| code == "clippy::needless_return"),
        "{strict:#?}"
    );
    for lint in [
        "missing_docs",
        "missing_debug_implementations",
        "missing_copy_implementations",
    ] {
        assert!(strict.iter().any(|(code, _)| code == lint), "{lint}: {strict:#?}");
    }
    let generated = strict.iter().filter(|(_, text)| {
        text.contains("hydra.rs") || text.contains("app!()") || text.contains("derive(hydra_runtime::Page")
    });
    assert_eq!(generated.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    // As the guide says: `forbid` of a lint refuses what allows its group, and `forbid` of a group warns of it.
    let codes = |package: &str| -> BTreeSet<String> {
        let codes = messages(package).into_iter().map(|(code, _)| code);
        codes
            .filter(|code| !code.is_empty() && code != "dead_code")
            .collect()
    };
    assert_eq!(codes("forbid-single"), BTreeSet::from(["E0453".to_owned()]));
    assert_eq!(
        codes("forbid-group"),
        BTreeSet::from(["forbidden_lint_groups".to_owned()])
    );
    assert_eq!(codes("forbid-other"), BTreeSet::new());
}
