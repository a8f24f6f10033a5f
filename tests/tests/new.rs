//! What `hydra new` makes is what the guide shows, line for line. It is formatted, has no lints, and passes its own tests.
//!
//! The crates are those of this workspace, and what is built of them for other tests is used: clippy runs in place of rustc, so that
//! one build is enough for lints and tests.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use hydra_tests::{
    Copy, cargo,
    markdown::{Block, blocks},
    program, target_folder, workspace,
};

/// The folder of the guide's installation.
const SHOP: &str = "shop/";
/// How the guide names the clone that lies beside the installation.
const CLONE: &str = "../hydra/";

/// Runs `hydra new` in a folder.
fn hydra_new(folder: &Path, arguments: &[&str]) -> Output {
    let mut hydra = Command::new(program("hydra"));
    hydra.arg("new").args(arguments).current_dir(folder);
    hydra.output().expect("hydra runs")
}

/// What a run that must succeed printed.
fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.into_owned()
}

/// Why a run failed.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files that the guide shows.
fn shown() -> Vec<Block> {
    let page = fs::read_to_string(workspace().join("docs/guide/new.md")).expect("the page");
    let mut blocks = blocks(&page);
    blocks.retain(|block| block.file().is_some());
    blocks
}

/// The files of a folder, below `folder`, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(folder).expect("inside").display().to_string();
                found.push(inside);
            }
        }
    }
    found.sort();
    found
}

/// An installation with the service `blog`, as the guide makes it.
fn installation(folder: &Path) {
    let clone = workspace().display().to_string();
    let text = said(&hydra_new(folder, &["shop", "--hydra", &clone]));
    assert!(
        text.contains("The crates of Hydra are not published yet"),
        "{text}"
    );
    said(&hydra_new(
        &folder.join("shop/services/site"),
        &["--service", "blog"],
    ));
}

#[test]
fn the_guide_shows_each_file_as_it_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    installation(folder.path());
    let shop = folder.path().join("shop");
    let clone = format!("{}/", workspace().display());
    let shown = shown();
    for block in &shown {
        let file = block
            .file()
            .and_then(|file| file.strip_prefix(SHOP))
            .expect("a file of the installation");
        let made = fs::read_to_string(shop.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(made.replace(&clone, CLONE), block.text, "{file}");
    }
    let mut made = files(&shop);
    // The README says the same in short, and the guide says that these two are like those of `teas`.
    made.retain(|file| {
        !["README.md", "services/blog/Cargo.toml", "services/blog/build.rs"].contains(&file.as_str())
    });
    let mut names: Vec<_> = shown
        .iter()
        .filter_map(|block| block.file()?.strip_prefix(SHOP))
        .collect();
    names.sort_unstable();
    assert_eq!(made, names);
}

#[test]
fn the_contract_is_the_one_that_the_compiler_makes() {
    let folder = tempfile::tempdir().expect("a folder");
    installation(folder.path());
    let output = Command::new(program("hydra-compile"))
        .args(["contract", "--service", "teas", "services/teas/templates"])
        .current_dir(folder.path().join("shop"))
        .output()
        .expect("hydra-compile runs");
    let contract = folder.path().join("shop/services/site/contracts/teas.json");
    assert_eq!(said(&output), fs::read_to_string(contract).expect("the contract"));
}

/// A service with the longest name has the longest lines.
const LONG: &str = "aServiceWithTheLongestNameOfAll";

#[test]
fn what_is_made_is_formatted_and_has_no_lints_and_its_tests_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    installation(folder.path());
    let shop = folder.path().join("shop");
    said(&hydra_new(&shop, &["--service", &LONG[..30]]));
    fs::copy(workspace().join("Cargo.lock"), shop.join("Cargo.lock")).expect("our own Cargo.lock");
    let mut fmt = cargo();
    said(
        &fmt.current_dir(&shop)
            .args(["fmt", "--check"])
            .output()
            .expect("cargo runs"),
    );

    let mut test = cargo();
    test.current_dir(&shop)
        .args(["test", "--workspace", "--offline", "--color", "never"]);
    for line in Copy::PROFILE {
        test.args(["--config", line]);
    }
    test.env("CARGO_TARGET_DIR", target_folder())
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    let said = said(&test.output().expect("cargo runs"));
    assert!(!said.contains("warning"), "{said}");
    for (tests, services) in [(1, 1), (2, 3)] {
        let passed = format!("test result: ok. {tests} passed");
        assert_eq!(said.matches(&passed).count(), services, "{said}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let clone = workspace().display().to_string();
    fs::create_dir(folder.path().join("taken")).expect("a folder");
    for (arguments, expected) in [
        (
            &["taken", "--hydra", &clone][..],
            "taken` exists already, and nothing is overwritten",
        ),
        (
            &["a/b", "--hydra", &clone],
            "`a/b` can't be the name of an installation: the name holds '/'",
        ),
        (&["shop", "--hydra", "."], "is not a clone of Hydra"),
        (
            &["--service", "blog"],
            "is not in an installation: go into the folder that `hydra new NAME` made",
        ),
        (
            &["--service", "login"],
            "the path `/login` belongs to the gateway",
        ),
        (&[], "required arguments were not provided"),
        (&["shop", "--service", "blog"], "cannot be used with"),
        (&["--service", "blog", "--hydra", "x"], "cannot be used with"),
    ] {
        let text = refusal(&hydra_new(folder.path(), arguments));
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    assert_eq!(files(folder.path()), Vec::<String>::new());

    installation(folder.path());
    let shop = folder.path().join("shop");
    let before = files(&shop);
    let text = refusal(&hydra_new(&shop, &["--service", "site"]));
    assert!(text.contains("services/site` exists already"), "{text}");
    assert_eq!(files(&shop), before);
}
