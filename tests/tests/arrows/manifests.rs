//! What the crates say in their `Cargo.toml`: on which crates of ours they are built, and what others need to find them.

use std::{collections::BTreeSet, fs};

use toml::{Table, Value};

use super::{CRATES, root};

/// The crates of ours that a crate may be built on.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("hydra-contract", &[]),
    ("hydra-compile", &["hydra-contract"]),
    ("hydra-runtime-macros", &["hydra-compile"]),
    ("hydra-runtime-rsocket", &[]),
    ("hydra-runtime-wire", &["hydra-contract"]),
    (
        "hydra-runtime-net",
        &["hydra-contract", "hydra-runtime-rsocket", "hydra-runtime-wire"],
    ),
    (
        "hydra-runtime-gateway",
        &["hydra-contract", "hydra-runtime-net", "hydra-runtime-wire"],
    ),
    (
        "hydra-runtime",
        &[
            "hydra-contract",
            "hydra-runtime-gateway",
            "hydra-runtime-macros",
            "hydra-runtime-net",
            "hydra-runtime-wire",
        ],
    ),
    (
        "hydra-runtime-cli",
        &[
            "hydra-compile",
            "hydra-contract",
            "hydra-runtime",
            "hydra-runtime-gateway",
            "hydra-runtime-net",
            "hydra-runtime-wire",
        ],
    ),
];

fn manifest(folder: &str) -> Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ours<'m>(manifest: &'m Table, table: &str) -> BTreeSet<&'m str> {
    let dependencies = manifest.get(table).and_then(Value::as_table);
    let names = dependencies.into_iter().flat_map(Table::keys).map(String::as_str);
    names.filter(|name| name.starts_with("hydra")).collect()
}

#[test]
fn a_crate_is_built_on_those_below_it() {
    for ((name, folder, _), (of, allowed)) in CRATES.into_iter().zip(ALLOWED) {
        assert_eq!(name, of);
        let manifest = manifest(folder);
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        for table in ["dependencies", "build-dependencies"] {
            for other in ours(&manifest, table) {
                assert!(allowed.contains(&other), "{name} must not be built on {other}");
            }
        }
    }
}

#[test]
fn an_application_builds_the_gateway_only_if_it_wants_to() {
    let manifest = manifest("runtime");
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    for name in ["hydra-runtime-gateway", "redis"] {
        assert_eq!(
            dependencies[name].get("optional"),
            Some(&Value::Boolean(true)),
            "{name}"
        );
    }
    let features = manifest["features"].as_table().expect("a table");
    assert!(!features.contains_key("default"), "{features:?}");
}

#[test]
fn crates_of_ours_are_pinned() {
    let manifest = manifest(".");
    let dependencies = manifest["workspace"]["dependencies"].as_table().expect("a table");
    for name in CRATES
        .map(|(name, ..)| name)
        .into_iter()
        .filter(|name| *name != "hydra-runtime-cli")
    {
        let version = dependencies[name]["version"].as_str().expect("a version");
        assert!(version.starts_with('='), "{name} = {version}");
    }
}

#[test]
fn each_crate_says_what_others_need_to_find_it() {
    for (name, folder, _) in CRATES {
        let manifest = manifest(folder);
        let package = manifest["package"].as_table().expect("a table");
        for key in ["description", "readme", "license", "rust-version"] {
            assert!(package.contains_key(key), "{name}: {key}");
        }
        for key in ["keywords", "categories", "include"] {
            let count = package[key].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&count), "{name}: {key}");
        }
        let readme = package["readme"].as_str().expect("a file");
        for file in [readme, "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(root().join(folder).join(file).exists(), "{name}: {file}");
        }
    }
}

/// A test, a benchmark or a program that needs features is left out without a word where they are missing: the crate's own tests
/// depend on it with them.
#[test]
fn nothing_is_skipped_since_a_feature_is_missing() {
    for (name, folder, _) in CRATES {
        let manifest = manifest(folder);
        let own = manifest.get("dev-dependencies").and_then(|of| of.get(name));
        let given: Vec<&str> = strings(own.and_then(|own| own.get("features")));
        for kind in ["bench", "bin", "test"] {
            let targets = manifest.get(kind).and_then(Value::as_array);
            for target in targets.into_iter().flatten() {
                for needed in strings(target.get("required-features")) {
                    assert!(given.contains(&needed), "{name}: {kind} needs {needed}");
                }
            }
        }
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}
