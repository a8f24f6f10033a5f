//! The Rust of the guide compiles, without a warning, and its tests pass: all blocks of a page that name a file are one application.
//!
//! Blocks with the same file name are one file. A page without a build script has the one of the README.

use std::{collections::BTreeMap, fs, process::Output};

use hydra_tests::{
    Copy,
    markdown::{blocks, files},
    workspace,
};

const BUILD_SCRIPT: &str = "fn main() {\n    hydra_compile::Build::new(\"templates\").run_or_exit();\n}\n";

const DEPENDENCIES: &str = "version.workspace = true\nedition.workspace = true\npublish = false\n\n[dependencies]\n\
    hydra-runtime = { workspace = true, features = [\"garde\", \"upload\"] }\n\
    garde = { workspace = true, features = [\"derive\"] }\nserde = { workspace = true }\ntokio = { workspace = true }\n\
    tower = { workspace = true }\n\n[build-dependencies]\nhydra-compile = { workspace = true }\n\n\
    [dev-dependencies]\nhydra-runtime = { workspace = true, features = [\"testing\"] }\n";

/// The files of one application, by their names.
type Files = BTreeMap<String, String>;

/// The applications of the guide, by the names of their packages.
fn applications() -> BTreeMap<String, Files> {
    let guide = workspace().join("docs/guide");
    let mut found = BTreeMap::new();
    for page in files("md").iter().filter(|page| page.starts_with(&guide)) {
        let text = fs::read_to_string(page).expect("a page");
        let mut files = Files::new();
        for block in blocks(&text) {
            if let Some(file) = block.file() {
                *files.entry(file.to_owned()).or_default() += &block.text;
            }
        }
        if files.contains_key("src/main.rs") {
            let stem = page.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("guide-{stem}");
            files
                .entry("build.rs".to_owned())
                .or_insert_with(|| BUILD_SCRIPT.to_owned());
            files.insert(
                "Cargo.toml".to_owned(),
                format!("[package]\nname = \"{name}\"\n{DEPENDENCIES}"),
            );
            found.insert(name, files);
        }
    }
    found
}

/// Fails with what cargo said unless it was well.
fn assert_fine(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
}

#[test]
fn the_applications_of_the_guide_build_and_their_tests_pass() {
    let applications = applications();
    let names: Vec<&str> = applications.keys().map(String::as_str).collect();
    assert!(names.len() >= 5, "{names:?}");
    let copy = Copy::of_workspace(&names);
    for (name, files) in &applications {
        for (file, text) in files {
            let path = copy.path().join(name).join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }
    assert_fine(&copy.build(&["--workspace"]));
    let with_tests = applications
        .iter()
        .filter(|(_, files)| files.values().any(|text| text.contains("::test]")));
    let packages: Vec<&str> = with_tests
        .flat_map(|(name, _)| ["--package", name.as_str()])
        .collect();
    assert!(!packages.is_empty(), "no page has tests");
    assert_fine(&copy.cargo("test", &packages));
}
