//! Lets cargo build the program of a service.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use anstream::adapter::strip_str;
use serde::Deserialize;

use super::{
    cargo,
    find::CratePlace,
    group::Group,
    guard::Guard,
    output::{self, Tag, Tail},
};

/// How often a build is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long cargo may take to end once it is told to.
const END: Duration = Duration::from_secs(2);

/// The end of a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Built {
    /// The path of the program.
    Program(PathBuf),
    /// What cargo said.
    Failed(String),
    /// The build was stopped, because its result is not wanted any more.
    Stopped,
}

/// A line of `cargo build --message-format json-render-diagnostics`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the program of a service, and shows what cargo says. `is_unwanted` is asked again and again.
pub(super) fn build(
    place: &CratePlace,
    tag: &Tag,
    guard: &Guard,
    mut is_unwanted: impl FnMut() -> bool,
) -> Built {
    let color = match io::stderr().is_terminal() {
        true => "always",
        false => "never",
    };
    let mut command = cargo::command();
    command
        .args([
            "build",
            "--message-format",
            "json-render-diagnostics",
            "--color",
            color,
            "--manifest-path",
        ])
        .arg(place.folder.join("Cargo.toml"))
        .args(["--package", &place.name, "--bin", &place.program])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = match Group::start(&mut command, guard) {
        Ok(group) => group,
        Err(error) => return Built::Failed(format!("can't run cargo: {error}")),
    };
    let said = Tail::default();
    let saying = group.stderr().map(|stderr| {
        let (tag, said) = (tag.clone(), said.clone());
        thread::spawn(move || output::forward(stderr, &tag, |line| said.push(line)))
    });
    let (sender, programs) = mpsc::channel();
    if let Some(stdout) = group.stdout() {
        thread::spawn(move || {
            output::lines(stdout, |line| {
                // The receiver is gone only when the build is.
                let _ = executable(line).map(|found| sender.send(found));
            });
        });
    }
    let status = loop {
        if let Some(status) = group.ended() {
            break status;
        }
        if is_unwanted() {
            group.stop(END);
            return Built::Stopped;
        }
        thread::sleep(LOOK);
    };
    // Cargo has closed its end of the pipe, so that the threads end.
    let _ = saying.map(thread::JoinHandle::join);
    let mut named = programs.iter().filter(|(name, _)| *name == place.program);
    match named.next() {
        Some((_, program)) if status.success() => Built::Program(program),
        _ if status.success() => Built::Failed(format!("cargo built no program `{}`", place.program)),
        _ => Built::Failed(without_progress(&said.text())),
    }
}

/// The name and the path of the program that a line of cargo's output is about.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let Message { executable, target } = serde_json::from_str(line).ok()?;
    Some((target?.name, executable?))
}

/// What cargo said without colours and without the lines about its progress.
fn without_progress(said: &str) -> String {
    const PROGRESS: [&str; 9] = [
        "Compiling ",
        "Checking ",
        "Blocking ",
        "Downloading ",
        "Downloaded ",
        "Locking ",
        "Updating ",
        "Adding ",
        "Finished ",
    ];
    let said = strip_str(said).to_string();
    let is_progress = |line: &&str| {
        let word = line.trim_start();
        word.len() < line.len() && PROGRESS.iter().any(|start| word.starts_with(start))
    };
    let lines: Vec<&str> = said.lines().filter(|line| !is_progress(line)).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_progress_and_colours_are_left_out() {
        for (said, expected) in [
            (
                "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m shop v0.1.0\n\u{1b}[31merror\u{1b}[0m: no\n  --> src/main.rs\n",
                "error: no\n  --> src/main.rs",
            ),
            (
                "    Blocking waiting for file lock\nCompiling is hard\n",
                "Compiling is hard",
            ),
            ("", ""),
        ] {
            assert_eq!(without_progress(said), expected);
        }
    }

    #[test]
    fn the_program_is_found_in_the_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"shop","kind":["bin"]},"executable":"/t/shop"}"#;
        assert_eq!(executable(line), Some(("shop".to_owned(), "/t/shop".into())));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"name":"x","kind":["lib"]},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not JSON",
            "",
        ] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
