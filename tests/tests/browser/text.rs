//! Fragments where HTML has text: what was written is what visitors see, and the check has told it.

use hydra_tests::{Browser, PATIENCE, wait_for};
use serde_json::Value;

use crate::owner::{Owner, serve};

/// The tag of a fragment as it is written.
fn tag(reference: &str) -> String {
    format!("<m:fragment service=\"plain\" ref=\"{reference}\">no {reference}</m:fragment>")
}

#[test]
fn a_fragment_where_html_has_text_is_shown_as_text_and_the_check_tells_it() {
    // The markup around the tag, and where the browser has its text then.
    let rows = [
        (
            "<textarea id='at'>",
            "</textarea>",
            "return document.getElementById('at').value",
        ),
        ("<title>", "</title>", "return document.title"),
        (
            "<script id='at'>window.said = `",
            "`</script>",
            "return window.said",
        ),
        (
            "<script id='at' type='text/plain'>",
            "</script>",
            "return document.getElementById('at').textContent",
        ),
        (
            "<style id='at'>",
            "</style>",
            "return document.getElementById('at').textContent",
        ),
        (
            "<iframe id='at'>",
            "</iframe>",
            "return document.getElementById('at').textContent",
        ),
        (
            "<xmp id='at'>",
            "</xmp>",
            "return document.getElementById('at').textContent",
        ),
        (
            "<input id='at' value='",
            "'>",
            "return document.getElementById('at').value",
        ),
        (
            "<p id='at' title='",
            "'>",
            "return document.getElementById('at').title",
        ),
        (
            "<plaintext id='at'>",
            "",
            "return document.getElementById('at').textContent.trim()",
        ),
    ];
    let browser = Browser::open();
    for (before, after, shown) in rows {
        let text = tag("inline");
        // `block` is asked for, so that the test would see it if `inline` were.
        let page = format!(
            "<!doctype html><body><p id='beside'>{}</p>{before}{text}{after}",
            tag("block")
        );
        let (owner, port) = Owner::listen();
        let (_folder, hydra) = serve(port, &[("index.html", &page)], &["inline", "block"]);
        println!("{before}");
        browser.go(&hydra.address);
        browser.wait("return document.getElementById('beside')?.textContent", "block");
        browser.wait("return document.readyState", "complete");
        browser.wait(shown, text);
        assert_eq!(
            (owner.asked("/block"), owner.asked("/inline")),
            (1, 0),
            "{before}"
        );
        let told = wait_for("the warning", PATIENCE, || {
            let printed = hydra.printed();
            printed.contains("fragment-as-text").then_some(printed)
        });
        let message = "`<m:fragment>` is text here: visitors see the tag, not the fragment";
        assert!(told.contains(message), "{told}");
    }
}

#[test]
fn a_fragment_beside_text_is_shown_and_nothing_is_told() {
    let browser = Browser::open();
    for (before, after) in [
        ("<textarea></textarea>", ""),
        ("<svg><title>", "</title></svg>"),
        ("<script>let a = '<!--'</script>", ""),
        ("<noscript></noscript><b>", "</b>"),
    ] {
        let page = format!("<!doctype html><body>{before}{}{after}", tag("inline"));
        let (owner, port) = Owner::listen();
        let (_folder, hydra) = serve(port, &[("index.html", &page)], &["inline"]);
        println!("{before}");
        browser.go(&hydra.address);
        browser.wait("return document.readyState", "complete");
        browser.wait("return document.body.textContent.includes('inline')", true);
        assert_eq!(
            browser.run("return document.querySelector('m\\\\:fragment')"),
            Value::Null
        );
        assert_eq!(owner.asked("/inline"), 1);
        assert!(
            !hydra.printed().contains("fragment-as-text"),
            "{}",
            hydra.printed()
        );
    }
}
