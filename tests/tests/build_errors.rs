//! What `cargo build` says when a page and its fragments don't fit together: a copy of the storefront, with one change.

use std::process::Command;

use hydra_tests::{Copy, program, workspace};

const TAG_END: &str = "</m:fragment>\n  </div>";
const RECOMMENDED: &str =
    "<m:fragment service=\"recommendations\" ref=\"also-bought\" imports=\"basketProduct as product";

/// A copy of the storefront. `name` is its package's: copies of one name would take each other's results for theirs.
fn storefront(name: &str) -> Copy {
    let copy = Copy::of_workspace(&["storefront"]);
    copy.add("storefront", &workspace().join("fixtures/shop/storefront"));
    let named = format!("name = \"{name}\"");
    copy.change("storefront/Cargo.toml", "name = \"storefront\"", &named);
    copy
}

/// Replaces `from`, which is there once, in a file of the storefront.
fn change(copy: &Copy, file: &str, from: &str, to: &str) {
    copy.change(&format!("storefront/{file}"), from, to);
}

/// Builds the copy. Gives whether that worked, and all that cargo said.
fn build(copy: &Copy) -> (bool, String) {
    let output = copy.build(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
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

#[test]
fn a_renamed_attribute_is_a_build_error_in_both_services_at_the_place_to_mend() {
    let copy = Copy::of_workspace(&["storefront", "order-service"]);
    for package in ["storefront", "order-service"] {
        copy.add(package, &workspace().join("fixtures/shop").join(package));
        let (name, other) = (
            format!("name = \"{package}\""),
            format!("name = \"{package}-renamed\""),
        );
        copy.change(&format!("{package}/Cargo.toml"), &name, &other);
    }
    let offered = "order-service/templates/checkout.html";
    copy.change(offered, "m:imports=\"dob: date", "m:imports=\"birthday: date");
    copy.change(
        offered,
        "\"{{ dob }}\">{{ dob }}",
        "\"{{ birthday }}\">{{ birthday }}",
    );
    copy.change(offered, "addressLine2: string", "addressLineTwo: string");
    let contract = Command::new(program("hydra-compile"))
        .args(["contract", "--service", "orderService"])
        .arg(copy.path().join("order-service/templates"))
        .output()
        .unwrap();
    assert!(contract.status.success(), "{contract:?}");
    let contract = String::from_utf8(contract.stdout).unwrap();
    copy.write("storefront/contracts/orderService.json", &contract);

    let output = copy.build(&["--workspace", "--keep-going"]);
    let said = String::from_utf8_lossy(&output.stderr);
    for part in [
        // The owner: where its handler uses the names.
        "no field `dob` on type `CheckoutImports`",
        "order-service/src/main.rs:",
        "no field named `address_line2`",
        // The page: where its tag names them.
        "unknown-fragment-import",
        "did you mean `dob as birthday`?",
        "unknown-export",
        "did you mean `addressLineTwo as address`?",
        "templates/checkout.html:7:",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
