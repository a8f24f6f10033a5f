//! The program of a service as it is deployed takes no plans: it contains nothing that `hydra dev` talks to.

use std::{path::PathBuf, process::Command};

use hydra_tests::{cargo, target_folder};

/// Names the socket of `hydra dev`.
const SOCKET: &str = "HYDRA_DEV_SOCKET";

/// The program of a small service, built with or without the debug assertions of this workspace's packages. Other packages are those
/// that are built already.
fn built(has_assertions: bool) -> PathBuf {
    let mut build = cargo();
    build.args([
        "build",
        "--offline",
        "--quiet",
        "--package",
        "hydra-tests",
        "--example",
        "small_service",
    ]);
    for (name, value) in [
        ("profile.dev.debug-assertions", has_assertions),
        ("profile.dev.package.\"*\".debug-assertions", true),
        ("profile.dev.build-override.debug-assertions", true),
    ] {
        build.arg("--config").arg(format!("{name}={value}"));
    }
    build
        .args(["--message-format", "json"])
        .env("CARGO_TARGET_DIR", target_folder());
    let output = build.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("JSON");
    let messages = messages
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    programs.next().expect("a program").into()
}

/// Whether the bytes of a program contain the name of the socket.
fn has_socket(program: PathBuf) -> bool {
    let mut search = Command::new("grep");
    search
        .args(["--quiet", "--text", "--fixed-strings", SOCKET])
        .arg(program);
    match search.status().expect("grep runs").code() {
        Some(0) => true,
        Some(1) => false,
        status => panic!("grep ended with {status:?}"),
    }
}

#[test]
fn a_program_without_debug_assertions_has_no_trace_of_the_socket() {
    assert!(has_socket(built(true)), "a debug build takes plans");
    assert!(!has_socket(built(false)), "another one takes none");
}
