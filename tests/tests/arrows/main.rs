//! The direction of the arrows: between crates, and between the folders of one crate.

mod circles;
mod imports;
mod manifests;

use std::path::{Path, PathBuf};

use circles::circles;

/// The crates, with their folder and the file at their root.
const CRATES: [(&str, &str, &str); 9] = [
    ("hydra-contract", "compiler/contract", "src/lib.rs"),
    ("hydra-compile", "compiler", "src/lib.rs"),
    ("hydra-runtime-macros", "macros", "src/lib.rs"),
    ("hydra-runtime-rsocket", "runtime/rsocket", "src/lib.rs"),
    ("hydra-runtime-wire", "runtime/wire", "src/lib.rs"),
    ("hydra-runtime-net", "runtime/net", "src/lib.rs"),
    ("hydra-runtime-gateway", "runtime/gateway", "src/lib.rs"),
    ("hydra-runtime", "runtime", "src/lib.rs"),
    ("hydra-runtime-cli", "runtime/cli", "src/main.rs"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_modules_of_a_folder_import_each_other_in_one_direction() {
    let mut found = String::new();
    let program = ("the program hydra-compile", "compiler", "src/main.rs");
    for (name, folder, file) in CRATES.into_iter().chain([program]) {
        let imports = imports::of(&root().join(folder).join(file));
        assert!(!imports.is_empty(), "{name} has no imports at all");
        for circle in circles(&imports) {
            found.push_str(&format!("{name}: {circle}\n"));
        }
    }
    assert_eq!(found, "", "these modules import each other in a circle");
}
