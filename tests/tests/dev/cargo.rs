//! A service that cargo builds: its templates and its Rust change.

use std::time::Duration;

use hydra_tests::{Copy, Running, get, target_folder, wait_for, workspace};

use crate::folder::start;

/// How long cargo may take.
const BUILD: Duration = Duration::from_secs(600);

/// Waits until the first page has a text.
fn wait_for_home(hydra: &Running, text: &str) {
    wait_for(&format!("a page with `{text}`"), BUILD, || {
        let page = get(&hydra.address, "/").ok()?;
        (page.status == 200 && page.body.contains(text)).then_some(())
    });
}

fn run(copy: &Copy) -> Running {
    start(&copy.path().join("storefront"))
        .env(
            "CARGO",
            &std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()),
        )
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", &target_folder().display().to_string())
        .listening()
}

#[test]
fn what_changes_is_built_and_served() {
    let copy = Copy::of_workspace(&["storefront"]);
    copy.add("storefront", &workspace().join("fixtures/shop/storefront"));
    copy.change(
        "storefront/Cargo.toml",
        "name = \"storefront\"",
        "name = \"developed\"",
    );
    let hydra = run(&copy);
    wait_for_home(&hydra, "<html");
    copy.change("storefront/templates/index.html", "</h1>", "!</h1>");
    wait_for_home(&hydra, "!</h1>");

    let before = hydra.printed().len();
    copy.change("storefront/src/main.rs", "async fn home(", "async fn home(,");
    wait_for("the report of cargo", BUILD, || {
        let printed = hydra.printed();
        let report = "developed | the build failed: the former program stays until this is mended";
        printed
            .get(before..)
            .is_some_and(|printed| printed.contains(report))
            .then_some(())
    });
    wait_for_home(&hydra, "!</h1>");
    copy.change("storefront/src/main.rs", "async fn home(,", "async fn home(");
    copy.change("storefront/templates/index.html", "!</h1>", "?</h1>");
    wait_for_home(&hydra, "?</h1>");
}
