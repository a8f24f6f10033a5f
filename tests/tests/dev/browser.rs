//! What the browser shows while templates change.

use std::{
    fs,
    time::{Duration, Instant},
};

use hydra_tests::Browser;
use tempfile::TempDir;

use crate::folder::{Folder, start};

const PAGE: &str = "<!doctype html><html lang=\"en\" m:attributes=\"title: string\"><head><title>Teas</title>\
    <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/site.css\"></head>\n\
    <body><h1>{{ title }}</h1><p style=\"height: 3000px\">long</p>\n<m:fragment ref=\"price\" exports=\"amount\">none</m:fragment>\n\
    <b id=\"amount\">{{ amount }}</b></body></html>\n";
const CONFLICT: &str = "<m:fragment ref=\"price\" exports=\"amount\">again</m:fragment>";

/// The text of the report over the page, or nothing.
const REPORT: &str =
    "(document.querySelector('hydra-dev-report')?.shadowRoot.querySelector('section')?.textContent ?? '')";

/// Waits until the report over the page contains a text.
fn wait_for_report(browser: &Browser, text: &str) {
    browser.wait(
        &format!("return {REPORT}.includes({})", serde_json::json!(text)),
        true,
    );
}

/// Waits until there is no report over the page.
fn wait_for_no_report(browser: &Browser) {
    browser.wait(&format!("return {REPORT}"), "");
}

/// A folder with a page and a fragment.
fn teas() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("index.html", PAGE),
        ("index.toml", "title = 'Teas'\n"),
        (
            "price.html",
            "<i m:ref=\"price\" m:exports=\"amount: string\">{{ amount }}</i>",
        ),
        ("price.toml", "amount = '12 euros'\n"),
        ("site.css", "h1 { color: rgb(1, 2, 3) }"),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn a_problem_covers_the_page_until_it_is_mended() {
    let folder = teas();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    let mut hydra = start(folder.path()).listening();
    let browser = Browser::open();
    browser.go(&hydra.address);
    browser.wait_for_text("#amount", "12 euros");

    // A conflict: its code, its places and its help are on the page.
    let _ = browser.run("scrollTo(0, 1200)");
    write(
        "index.html",
        &PAGE.replace("</body>", &format!("{CONFLICT}</body>")),
    );
    for text in [
        "export-conflict",
        "`amount` reaches this page twice",
        "index.html:4",
        "amount as otherAmount",
    ] {
        wait_for_report(&browser, text);
    }
    // A page that is opened now has it too, and is there below.
    browser.go_anew(&hydra.address);
    wait_for_report(&browser, "export-conflict");
    browser.wait_for_text("#amount", "12 euros");
    let _ = browser.run("dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))");
    wait_for_no_report(&browser);
    let _ = browser.run("scrollTo(0, 1200)");
    write("index.html", &PAGE.replace("<b id", "<i>now</i><b id"));
    browser.wait_for_text("i", "12 euros");
    browser.wait("return document.body.textContent.includes('now')", true);
    wait_for_no_report(&browser);
    browser.wait("return scrollY", 1200);

    // A style sheet, without loading the page.
    let _ = browser.run("window.stays = 1");
    write("site.css", "h1 { color: rgb(4, 5, 6) }");
    browser.wait(
        "return getComputedStyle(document.querySelector('h1')).color",
        "rgb(4, 5, 6)",
    );
    browser.wait(
        "return document.querySelectorAll('link[rel=stylesheet]').length",
        1,
    );
    browser.wait("return window.stays", 1);

    // Data beside a template, half saved first.
    write("index.toml", "title = 'Te");
    wait_for_report(&browser, "index.toml");
    write("index.toml", "title = 'Coffees'\n");
    browser.wait_for_text("h1", "Coffees");
    wait_for_no_report(&browser);
    assert_eq!(browser.console_errors(), <[&str; 0]>::default());
    assert!(hydra.terminate().success());
}

#[test]
fn a_problem_covers_the_page_within_a_second_and_goes_when_it_is_mended() {
    let folder = teas();
    let page = folder.path().join("index.html");
    let hydra = start(folder.path()).listening();
    let browser = Browser::open();
    browser.go(&hydra.address);
    browser.wait_for_text("#amount", "12 euros");
    // Other work on the machine may delay each of them, but not all.
    let shown: Vec<Duration> = (0..10)
        .map(|_| {
            let saved = Instant::now();
            fs::write(&page, PAGE.replace("</body>", &format!("{CONFLICT}</body>"))).expect("written");
            wait_for_report(&browser, "export-conflict");
            let shown = saved.elapsed();
            fs::write(&page, PAGE).expect("written");
            wait_for_no_report(&browser);
            shown
        })
        .collect();
    println!("shown after {shown:?}");
    assert!(shown.iter().any(|one| *one < Duration::from_secs(1)), "{shown:?}");
    browser.wait_for_text("#amount", "12 euros");
    assert_eq!(browser.console_errors(), <[&str; 0]>::default());
}

#[test]
fn a_policy_of_the_page_and_a_folder_that_is_broken_from_the_start_do_not_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("index.html", &format!("{CONFLICT}{CONFLICT}"));
    write(
        "hydra.toml",
        "[response_headers]\nContent-Security-Policy = \"default-src 'none'; img-src data:; require-trusted-types-for 'script'\"\n",
    );
    let config = folder.path().join("hydra.toml").display().to_string();
    let hydra = start(folder.path()).arg("--config").arg(&config).listening();
    let browser = Browser::open();
    browser.go(&hydra.address);
    wait_for_report(&browser, "`price`");
    write(
        "index.html",
        "<!doctype html><link rel=\"icon\" href=\"data:,\"><h1>well</h1>",
    );
    browser.wait_for_text("h1", "well");
    wait_for_no_report(&browser);
}

#[test]
fn a_page_whose_service_is_being_built_comes_by_itself() {
    let folder = Folder::new(&["storefront"]);
    folder.write("built/storefront.waits", "");
    let hydra = folder.start().listening();
    let browser = Browser::open();
    browser.go(&hydra.address);
    browser.wait_for_text("h1", "One moment");
    browser.wait_for_text("b", "storefront");
    fs::remove_file(folder.path("built/storefront.waits")).expect("removed");
    browser.wait(
        "return document.body.textContent.includes('worth the wait')",
        true,
    );
    wait_for_no_report(&browser);
}
