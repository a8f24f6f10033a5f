//! `docs/` agrees with the compiler: the files of each section of the guide are a site without problems, or those of a page with
//! an application together, and the reference lists every rule and shows a contract as the compiler makes it.

use std::{env, fs, path::Path};

use hydra_compile::{
    Input, Options, compile, explain,
    problem::Code,
    read::{self, InputPaths, Progress},
};
use tempfile::TempDir;

/// A block of code with a file name.
struct File {
    name: String,
    text: String,
}

/// The blocks ```` ```html file="templates/index.html" ```` of each `##` section, by its heading.
fn sections(page: &str) -> Vec<(String, Vec<File>)> {
    let mut sections = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push((heading.to_owned(), Vec::new()));
        } else if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let (Some(name), Some((_, files))) = (file_name(info), sections.last_mut()) {
                let text = body.join("\n") + "\n";
                files.push(File { name, text });
            }
        }
    }
    sections
}

/// The sites of a page: one of each section, or of a page with an application one of all its sections.
fn sites(page: &str) -> Vec<(String, Vec<File>)> {
    let sections = sections(page);
    let is_application = sections
        .iter()
        .flat_map(|(_, files)| files)
        .any(|file| file.name == "src/main.rs");
    match is_application {
        true => {
            let blocks = sections.into_iter().flat_map(|(_, files)| files);
            let (rust, mut files): (Vec<File>, Vec<File>) =
                blocks.partition(|file| file.name == "src/main.rs");
            files.push(File {
                name: "src/main.rs".to_owned(),
                text: rust.into_iter().map(|file| file.text).collect(),
            });
            vec![("the application".to_owned(), files)]
        }
        false => sections,
    }
}

fn file_name(info: &str) -> Option<String> {
    let (_, rest) = info.split_once("file=\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Writes these files into `folder` and reads them as the site of `service`.
fn input(folder: &TempDir, files: &[File], service: Option<&str>) -> Input {
    for file in files {
        let path = folder.path().join(&file.name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, &file.text).expect("a file");
    }
    let places = InputPaths {
        templates: vec![folder.path().join("templates")],
        contracts: Some(folder.path().join("contracts")).filter(|contracts| contracts.is_dir()),
        rust: Some(folder.path().join("src")).filter(|rust| rust.is_dir()),
    };
    let options = Options {
        service: service.map(str::to_owned),
        ..Options::default()
    };
    read::read(&places, options, &Progress::default()).expect("readable files")
}

/// The messages of all problems of a site that consists of these files.
fn problems(files: &[File]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let problems = compile(&input(&folder, files, None)).problems.into_iter();
    problems
        .map(|problem| format!("{}: {}", problem.code.name(), problem.message))
        .collect()
}

#[test]
fn the_examples_of_the_guide_are_clean() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(guide).expect("the guide") {
        let path = entry.expect("an entry").path();
        let page = fs::read_to_string(&path).expect("a page");
        for (heading, files) in sites(&page) {
            // Other blocks, such as Rust or `hydra.toml`, belong to tests of their own.
            if files.iter().any(|file| file.name.starts_with("templates/")) {
                checked += 1;
                let found = problems(&files);
                if !found.is_empty() {
                    wrong.push((path.clone(), heading, found));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 9, "only {checked} sections with templates were found");
}

#[test]
fn the_reference_shows_the_contract_that_the_compiler_makes_of_its_example() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/contracts.md");
    let page = fs::read_to_string(page).expect("the page");
    let files: Vec<File> = sections(&page).into_iter().flat_map(|(_, files)| files).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let input = input(&folder, &files, Some("orderService"));
    let compiled = compile(&input);
    assert!(compiled.problems.is_empty(), "{:#?}", compiled.problems);
    let made = compiled.site.expect("no errors");

    let shown = read::contract(&folder.path().join("orderService.json")).expect("a contract");
    assert_eq!(&shown, made.contract());

    let by_hand = read::contract(&folder.path().join("contracts/legacy.json")).expect("a contract");
    assert_eq!(by_hand.fragments.len(), 2);
}

/// `docs/reference/rules.md`, as the rules are now.
fn rules() -> String {
    let mut page = String::from(
        "# The rules\n\n\
         `hydra-compile explain CODE` describes each rule with a bad and a good example. An error stops the build, a warning doesn't.\n\
         A code never changes its meaning.\n\n\
         | code | severity | what it reports |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let name = code.name();
        let severity = format!("{:?}", code.severity()).to_lowercase();
        let title = explain::title(*code);
        page += &format!("| [`{name}`](../../compiler/src/explain/{name}.md) | {severity} | {title} |\n");
    }
    page
}

#[test]
fn the_reference_lists_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/rules.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, rules()).expect("the reference can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rules(),
        "docs/reference/rules.md is out of date: run the test again with UPDATE_DOCS=1"
    );
}
