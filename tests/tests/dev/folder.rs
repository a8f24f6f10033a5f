//! The storefront and the order service in a folder of their own, with a cargo that has built them already.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hydra_tests::{PATIENCE, Running, Start, program, wait_for, workspace};
use tempfile::TempDir;

/// Plays cargo: describes the packages, and says where their programs are, or what is in the file `NAME.fails`. It waits while the
/// file `NAME.waits` is there.
const CARGO: &str = r#"#!/bin/sh
here=$(dirname "$0")
if [ "$1" = metadata ]; then exec cat "$here/metadata.json"; fi
while [ "$1" != --bin ]; do shift; done
while [ -e "$here/$2.waits" ]; do sleep 0.02; done
if [ -e "$here/$2.fails" ]; then cat "$here/$2.fails" >&2; exit 101; fi
printf '{"reason":"compiler-artifact","target":{"name":"%s","kind":["bin"]},"executable":"%s"}\n' "$2" "$here/$2"
"#;

/// The services, and where the programs are that cargo names.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new(services: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Self { folder };
        for folder in ["shop", "built"] {
            fs::create_dir(made.path(folder)).expect("made");
        }
        let package = |name: &&str| {
            let manifest = made.path("shop").join(name).join("Cargo.toml");
            serde_json::json!({"name": name, "manifest_path": manifest, "targets": [{"name": name, "kind": ["bin"]}],
                "dependencies": [{"name": "hydra-compile", "kind": "build"}]})
        };
        for name in services {
            copy(
                &workspace().join("fixtures/shop").join(name),
                &made.path("shop").join(name),
            );
            made.build(name);
        }
        let packages: Vec<_> = services.iter().map(package).collect();
        let metadata = serde_json::json!({"packages": packages, "workspace_root": made.path("shop")});
        made.write("shop/Cargo.toml", "[workspace]\n");
        made.write("built/metadata.json", &metadata.to_string());
        made.write_program("cargo", CARGO);
        made
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path())
            .expect("the folder")
            .join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// Replaces `from`, which is there once, in a file.
    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {name}");
        self.write(name, &text.replace(from, to));
    }

    /// The program of a service is written anew, as cargo does after a change.
    pub(crate) fn build(&self, name: &str) {
        let (next, place) = (self.path("built/next"), self.path("built").join(name));
        fs::copy(program(name), &next).expect("a program");
        fs::rename(next, place).expect("a program");
    }

    /// A script is the program of a service.
    pub(crate) fn write_program(&self, name: &str, text: &str) {
        let (next, place) = (self.path("built/next"), self.path("built").join(name));
        fs::write(&next, text).expect("a program");
        fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).expect("a program");
        fs::rename(next, place).expect("a program");
    }

    pub(crate) fn start(&self) -> Start {
        start(&self.path("shop")).env("CARGO", &self.path("built/cargo").display().to_string())
    }

    /// The processes whose program is that of a service, also of a former build.
    pub(crate) fn processes(&self, name: &str) -> Vec<String> {
        let program = self.path("built").join(name).display().to_string();
        let is_one = |entry: &fs::DirEntry| {
            let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
            exe.to_string_lossy().trim_end_matches(" (deleted)") == program
        };
        let entries = fs::read_dir("/proc").expect("processes").flatten();
        entries
            .filter(is_one)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// `hydra dev` for a folder, on any free port.
pub(crate) fn start(folder: &Path) -> Start {
    Start::program("hydra")
        .arg("dev")
        .arg(&folder.display().to_string())
        .arg("--listen")
        .arg("127.0.0.1:0")
}

/// Waits until a program has printed a text, which it prints after `before` bytes of its output.
pub(crate) fn wait_for_print(hydra: &Running, before: usize, text: &str) {
    let found = || {
        hydra
            .printed()
            .get(before..)
            .is_some_and(|printed| printed.contains(text))
            .then_some(())
    };
    let end = std::time::Instant::now() + PATIENCE;
    while found().is_none() {
        assert!(
            std::time::Instant::now() < end,
            "no `{text}`:\n{}",
            hydra.printed()
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Waits until a page has a text.
pub(crate) fn wait_for_page(hydra: &Running, path: &str, text: &str) {
    wait_for(&format!("{path} with `{text}`"), PATIENCE, || {
        let page = hydra_tests::get(&hydra.address, path).ok()?;
        (page.status == 200 && page.body.contains(text)).then_some(())
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("copied")),
        }
    }
}
