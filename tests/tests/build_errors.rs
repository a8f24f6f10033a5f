//! What `cargo build` says when a page and its fragments don't fit together: a copy of the storefront, with one change.

use std::{fs, path::Path};

use hydra_tests::{cargo, target_folder, workspace};
use tempfile::TempDir;

const TAG_END: &str = "</m:fragment>\n  </div>";
const RECOMMENDED: &str =
    "<m:fragment service=\"recommendations\" ref=\"also-bought\" imports=\"basketProduct as product\"";

/// A copy of the storefront as a workspace of its own. `name` is its package's: copies of one name would take each
/// other's results for theirs.
fn storefront(name: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let original = workspace().join("fixtures/shop/storefront");
    copy_folder(&original, copy.path());
    let root = workspace().display().to_string();
    let text = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    // The dependencies and profiles of the workspace, so that what is built already can be used.
    let rest = text.split_once("[workspace.package]").unwrap().1;
    let rest = rest.replace("path = \"", &format!("path = \"{root}/"));
    let own = fs::read_to_string(original.join("Cargo.toml")).unwrap();
    let own = own.replace("name = \"storefront\"", &format!("name = \"{name}\""));
    let manifest = format!("{own}\n[workspace]\nresolver = \"3\"\n[workspace.package]{rest}");
    fs::write(copy.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace().join("Cargo.lock"), copy.path().join("Cargo.lock")).unwrap();
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Replaces `from`, which is there once, in a file of the copy.
fn change(copy: &TempDir, file: &str, from: &str, to: &str) {
    let path = copy.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Builds the copy. Gives whether that worked, and all that cargo said.
fn build(copy: &TempDir) -> (bool, String) {
    let output = cargo()
        .current_dir(copy.path())
        .args(["build", "--offline", "--color", "never"])
        // A build that fails leaves nothing but what others can use too.
        .env("CARGO_TARGET_DIR", target_folder())
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_second_fragment_that_exports_address_fails_the_build_with_the_report() {
    let copy = storefront("export-conflict");
    let second = "</m:fragment>\n<m:fragment service=\"orderService\" ref=\"checkout\" exports=\"addressLine2 as address\" imports=\"dob\">x</m:fragment>\n  </div>";
    change(&copy, "templates/checkout.html", TAG_END, second);
    let (built, said) = build(&copy);
    assert!(!built, "{said}");
    for part in [
        "export-conflict",
        "`address` reaches this page twice",
        "templates/checkout.html:10",
        "as orderAddress",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_field_that_an_export_shadows_fails_the_build_with_the_report() {
    let copy = storefront("shadowed-field");
    change(
        &copy,
        "src/main.rs",
        "    customer: &'static str,",
        "    customer: &'static str,\n    address: String,",
    );
    let (built, said) = build(&copy);
    assert!(!built, "{said}");
    for part in ["export-shadows-attribute", "main.rs", "checkout.html"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_page_type_that_does_not_fit_its_template_does_not_compile() {
    let copy = storefront("unfit-page-type");
    // What `cfg` leaves is for the macro to see: the build script stays silent about such a struct.
    change(
        &copy,
        "src/main.rs",
        "    customer: &'static str,",
        "    #[cfg(not(test))]\n    buyer: &'static str,",
    );
    change(&copy, "src/main.rs", "        customer: \"", "        buyer: \"");
    let (built, said) = build(&copy);
    assert!(!built, "{said}");
    for part in [
        "`Checkout` has no `customer`, which its template needs",
        "--> templates/checkout.html:",
        "add a field `customer`",
        "src/main.rs:",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn an_unknown_import_is_found_by_the_build_script() {
    let copy = storefront("unknown-import");
    let wrong = RECOMMENDED.replace("basketProduct", "basketProdukt");
    change(&copy, "templates/checkout.html", RECOMMENDED, &wrong);
    let (built, said) = build(&copy);
    assert!(!built, "{said}");
    assert!(
        said.contains("unknown-import") && said.contains("basketProduct"),
        "{said}"
    );
}
