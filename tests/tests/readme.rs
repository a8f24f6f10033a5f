//! What README shows runs as it stands: the files below "Write your own", in their order, in an empty folder, are an application that
//! shows the page below them.
//!
//! One thing differs from what a reader does: `../hydra/`, the clone beside the application, is the folder of this workspace. The versions
//! of other crates are those of our own lock file, so that nothing has to be fetched, and what is built for other tests can be used: a
//! quarter of a minute, or two minutes where nothing is built yet.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use hydra_tests::{
    Start, cargo, get,
    markdown::{Block, blocks},
    target_folder, workspace,
};

const SECTION: &str = "Write your own";

/// How README names the clone that lies beside the application.
const CLONE: &str = "../hydra/";

/// The profile of our workspace, whose dependencies are built already.
const PROFILE: [&str; 2] = [
    "profile.dev.debug=\"line-tables-only\"",
    "profile.dev.package.\"*\".debug=false",
];

/// The blocks of the section.
fn shown() -> Vec<Block> {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("the README");
    let mut blocks = blocks(&readme);
    blocks.retain(|block| block.section == SECTION);
    blocks
}

/// Writes what the section says to write.
fn write(folder: &Path, blocks: &[Block]) {
    let clone = format!("{}/", workspace().display());
    for block in blocks {
        if let Some(file) = block.file() {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, block.text.replace(CLONE, &clone)).expect("a file");
        }
    }
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).expect("our own Cargo.lock");
}

/// Builds the application, and gives its program.
fn build(folder: &Path) -> PathBuf {
    let mut build = cargo();
    build
        .current_dir(folder)
        .args(["build", "--offline", "--color", "never"]);
    for line in PROFILE {
        build.args(["--config", line]);
    }
    let output = build
        .env("CARGO_TARGET_DIR", target_folder())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
    target_folder()
        .join("debug")
        .join(format!("hello{}", std::env::consts::EXE_SUFFIX))
}

#[test]
fn the_application_of_the_readme_shows_its_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = shown();
    write(folder.path(), &blocks);
    let mut program = Command::new(build(folder.path()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_")) {
        program.env_remove(name);
    }
    // The port of the README may be taken.
    let start = Start::command(program)
        .folder(folder.path())
        .env("HYDRA_LISTEN", "127.0.0.1:0");
    let running = start.listening();
    let mut answers = 0;
    for block in &blocks {
        if let Some(path) = block.attribute("answer") {
            answers += 1;
            let answer = get(&running.address, path).expect("an answer");
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.body.contains(&block.text), "{path}: {}", answer.body);
        }
    }
    assert!(answers > 0, "the section shows no page");
}
