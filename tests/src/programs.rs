//! The programs of the workspace, built once for all tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The packages whose programs tests start.
const PACKAGES: [&str; 6] = [
    "hydra-runtime-cli",
    "hydra-compile",
    "hydra-demo",
    "storefront",
    "order-service",
    "recommendations",
];

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The cargo that runs the tests.
#[must_use]
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace());
    command
}

/// The path of a program, built.
///
/// # Panics
/// Where it can't be built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut build = cargo();
        build.args(["build", "--quiet", "--bins"]);
        for package in PACKAGES {
            build.args(["--package", package]);
        }
        // A build script takes the compiler without its program.
        build.args(["--features", "hydra-compile/cli"]);
        let status = build.status().expect("cargo runs");
        assert!(status.success(), "the programs can't be built");
        // The test itself is target/debug/deps/…
        let test = std::env::current_exe().expect("a test has a path");
        test.ancestors()
            .nth(2)
            .expect("it lies in the target folder")
            .to_owned()
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The target folder of the workspace.
///
/// # Panics
/// Where the test does not run from it.
#[must_use]
pub fn target_folder() -> PathBuf {
    own_folder(3)
}

/// A folder above the test itself, which is `target/debug/deps/…`.
fn own_folder(up: usize) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors()
        .nth(up)
        .expect("it lies in the target folder")
        .to_owned()
}
