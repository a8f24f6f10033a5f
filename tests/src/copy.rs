//! Packages in a folder of their own, built with the dependencies of this workspace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use tempfile::TempDir;

use crate::programs::{cargo, target_folder, workspace};

/// The sections of a manifest but those that optimize single packages: copies lack these packages, and cargo would warn.
fn without_optimized_packages(manifest: &str) -> String {
    let is_kept = |section: &&str| !section.contains("[profile.dev.package.") || section.contains(".\"*\"]");
    let kept: Vec<&str> = manifest.split("\n\n").filter(is_kept).collect();
    kept.join("\n\n")
}

/// A workspace with the dependencies and profiles of ours, so that what is built already can be used.
#[derive(Debug)]
pub struct Copy {
    folder: TempDir,
}

impl Copy {
    /// The profile of our workspace, as options of `--config`, for packages that are no copy: their dependencies are built already.
    pub const PROFILE: [&'static str; 2] = [
        "profile.dev.debug=\"line-tables-only\"",
        "profile.dev.package.\"*\".debug=false",
    ];

    /// One without a package: each folder that is added is one. `name` and `members` as in a `Cargo.toml`.
    ///
    /// # Panics
    /// Where it can't be written.
    #[must_use]
    pub fn of_workspace(members: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = workspace().display().to_string();
        let text = fs::read_to_string(workspace().join("Cargo.toml")).expect("our own Cargo.toml");
        let (_, rest) = text
            .split_once("[workspace.package]")
            .expect("a section for packages");
        let rest = rest.replace("path = \"", &format!("path = \"{root}/"));
        let rest = without_optimized_packages(&rest);
        let manifest =
            format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n[workspace.package]{rest}");
        let copy = Self { folder };
        copy.write("Cargo.toml", &manifest);
        fs::copy(workspace().join("Cargo.lock"), copy.path().join("Cargo.lock")).expect("our own Cargo.lock");
        copy
    }

    /// Where it lies, as the compiler names it.
    ///
    /// # Panics
    /// Where the folder is gone.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("the folder")
    }

    /// Adds a copy of the folder `from` under `name`.
    ///
    /// # Panics
    /// Where it can't be copied.
    pub fn add(&self, name: &str, from: &Path) {
        copy_folder(from, &self.folder.path().join(name));
    }

    /// Writes a file.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("a file in our own folder");
    }

    /// Replaces `from`, which is there once, in a file.
    ///
    /// # Panics
    /// Where it is not there, or more often.
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder.path().join(file)).expect("a file of the copy");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        self.write(file, &text.replace(from, to));
    }

    /// Runs `cargo build` with these arguments.
    ///
    /// # Panics
    /// Where cargo does not run.
    #[must_use]
    pub fn build(&self, arguments: &[&str]) -> Output {
        self.cargo("build", arguments)
    }

    /// Runs a command of cargo's with these arguments.
    ///
    /// # Panics
    /// Where cargo does not run.
    #[must_use]
    pub fn cargo(&self, command: &str, arguments: &[&str]) -> Output {
        let mut build = cargo();
        build
            .current_dir(self.folder.path())
            .args([command, "--offline", "--color", "never"])
            .args(arguments)
            // A build that fails leaves nothing but what others can use too.
            .env("CARGO_TARGET_DIR", target_folder());
        build.output().expect("cargo runs")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in our own");
    for entry in fs::read_dir(from).expect("a folder to copy") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file to copy");
        }
    }
}
