//! What README shows runs as it stands: the files below "Write your own", in their order, in an empty folder, are an application that
//! shows the page below them, and a name that is renamed on one side is a build error.
//!
//! One thing differs from what a reader does: `../hydra/`, the clone beside the application, is the folder of this workspace. The versions
//! of other crates are those of our own lock file, so that nothing has to be fetched, and what is built for other tests can be used: a
//! quarter of a minute, or two minutes where nothing is built yet.

use std::{fs, path::Path, process::Command};

use hydra_tests::{
    Copy, Start, cargo, get,
    markdown::{Block, blocks},
    target_folder, workspace,
};

const SECTION: &str = "Write your own";

/// How README names the clone that lies beside the application.
const CLONE: &str = "../hydra/";

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

/// Builds the application. Gives whether that worked, and what cargo said.
fn build(folder: &Path) -> (bool, String) {
    let mut build = cargo();
    build
        .current_dir(folder)
        .args(["build", "--offline", "--color", "never"]);
    for line in Copy::PROFILE {
        build.args(["--config", line]);
    }
    let output = build.env("CARGO_TARGET_DIR", target_folder()).output();
    let output = output.expect("cargo runs");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The program that was built, in an environment without settings of ours.
fn program() -> Command {
    let name = format!("hello{}", std::env::consts::EXE_SUFFIX);
    let mut program = Command::new(target_folder().join("debug").join(name));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_")) {
        program.env_remove(name);
    }
    program
}

/// Replaces all of `from` in a file, builds, and puts the file back.
fn said_after(folder: &Path, file: &str, from: &str, to: &str) -> (bool, String) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("a file of the README");
    assert!(text.contains(from), "`{from}` in {file}");
    fs::write(&path, text.replace(from, to)).expect("a file");
    let built = build(folder);
    fs::write(&path, text).expect("a file");
    built
}

/// Compares the answers of the application with those that the section shows.
fn assert_shown(address: &str, blocks: &[Block]) {
    let shown = |block: &Block| block.attribute("answer").is_some();
    assert!(blocks.iter().any(shown), "the section shows no page");
    for block in blocks.iter().filter(|block| shown(block)) {
        let path = block.attribute("answer").unwrap_or_default();
        let answer = get(address, path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains(&block.text), "{path}: {}", answer.body);
    }
}

#[test]
fn the_application_of_the_readme_shows_its_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = shown();
    write(folder.path(), &blocks);
    let (built, said) = build(folder.path());
    assert!(built && !said.contains("warning"), "{said}");
    // The port of the README may be taken.
    let start = Start::command(program())
        .folder(folder.path())
        .env("HYDRA_LISTEN", "127.0.0.1:0");
    let running = start.listening();
    assert_shown(&running.address, &blocks);

    // A renamed name is a build error on either side.
    for (file, from, to, place) in [
        ("src/main.rs", "name", "title", "templates/index.html"),
        (
            "templates/teas.html",
            "customer",
            "client",
            "templates/index.html",
        ),
    ] {
        let (built, said) = said_after(folder.path(), file, from, to);
        assert!(!built && said.contains(place), "{file}: {said}");
    }
}
