//! Deferred fragments in their places: whatever is in them, and wherever these are.

use std::time::Duration;

use hydra_tests::Browser;
use serde_json::Value;

use crate::site::{Part, Plan, page};

fn text(selector: &str) -> String {
    format!("return document.querySelector('{selector}')?.textContent")
}

/// Both kinds of browsers: one that puts fragments in their places itself, and one that leaves all to the script.
fn browsers() -> [Browser; 2] {
    [Browser::open(), Browser::of_yesterday()]
}

#[test]
fn hostile_fragments_stay_in_their_places() {
    let rows = [
        "<b>here</b></template><p class=out>out</p>",
        "<b>here</b></div></div></body></html><p>still in</p>",
        "<b>here</b><!-- open",
        "<b>here</b><!-- <!-- --",
        "<b>here</b><textarea>open",
        "<b>here</b><title>open",
        "<b>here</b><script>open",
        "<b>here</b><style>open",
        "<b>here</b><script><!-- <script> </script>",
        "<b>here</b><plaintext>open",
        "<b>here</b><p title=\"open",
        "<b>here</b><p ",
        "<b>here</b></",
        "<b>here</b><?end><?end name=\"x\">",
        "<b>here</b><?start name=\"x\">",
        "<b>here</b><template>open",
        "<b>here</b><template for=\"hydra-1\">x</template>",
        "<b>here</b><template data-hydra-for=\"hydra-1\">x</template>",
        "<b>here</b><svg><style><!-- </style></svg>",
        "<b>here</b><noscript></template><!-- </noscript>",
        "<b>here</b><table><tr><td>open",
        "<b>here</b><select><option>open",
        "<b>here</b><form><p><a href=x><i>open",
        "<base href=\"https://elsewhere.invalid/\"><b>here</b>",
    ];
    for browser in browsers() {
        for html in rows {
            let site = Plan {
                page: page(
                    "<div id='place'>{{ 0 | __hydra }}</div><p id='after'>after</p><div id='next'>{{ 1 | __hydra }}</div>",
                ),
                parts: vec![Part::new("deferred", html), Part::new("deferred", "<b>next</b>")],
                ..Plan::default()
            }
            .serve();
            println!("{html}");
            browser.go(&site.address);
            browser.wait(&text("#place b"), "here");
            browser.wait(&text("#next b"), "next");
            browser.wait("return document.readyState", "complete");
            browser.wait(&text("body > #after"), "after");
            let out = "return document.querySelectorAll('body > :not(#place, #after, #next)').length + \
                       document.querySelectorAll('.out:not(#place *)').length";
            assert_eq!(browser.run(out), 0, "{html}");
        }
    }
}

#[test]
fn fragments_come_into_places_of_all_kinds() {
    let rows = [
        (
            "<ul id='at'><li>first</li>{{ 0 | __hydra }}</ul>",
            "<li>here</li>",
            "#at > li + li",
        ),
        (
            "<table id='at'><tbody>{{ 0 | __hydra }}</tbody></table>",
            "<tr><td>here</td></tr>",
            "#at > tbody > tr > td",
        ),
        (
            "<table id='at'>{{ 0 | __hydra }}</table>",
            "<tr><td>here</td></tr>",
            "#at > tbody > tr > td, #at > tr > td",
        ),
        (
            "<select id='at'>{{ 0 | __hydra }}</select>",
            "<option>here</option>",
            "#at > option",
        ),
        ("<p id='at'>{{ 0 | __hydra }}</p>", "<b>here</b>", "#at > b"),
        (
            "<my-tag id='at'>{{ 0 | __hydra }}</my-tag>",
            "<b>here</b>",
            "#at > b",
        ),
        (
            "<svg id='at'>{{ 0 | __hydra }}</svg>",
            "<text>here</text>",
            "#at > text",
        ),
        (
            "<svg id='at'>{{ 0 | __hydra }}</svg>",
            "<g><text>here</text></g>",
            "#at > g > text",
        ),
        // What stands open at the end of the page keeps the browser from what stands elsewhere.
        (
            "<p id='at'>{{ 0 | __hydra }}</p><div>open<div>",
            "<b>here</b>",
            "#at > b",
        ),
        (
            "<table><tr><td id='at'>{{ 0 | __hydra }}<td>open",
            "<b>here</b>",
            "#at > b",
        ),
        (
            "<section><p id='at'>{{ 0 | __hydra }}</section><section>",
            "<b>here</b>",
            "#at > b",
        ),
        // Behind its end.
        ("</body></html><b id='at'>{{ 0 | __hydra }}</b>", "here", "#at"),
    ];
    for browser in browsers() {
        for (body, html, selector) in rows {
            let part = Part {
                fallback: String::new(),
                ..Part::new("deferred", html)
            };
            let site = Plan {
                page: page(body),
                parts: vec![part],
                ..Plan::default()
            }
            .serve();
            println!("{body} {html}");
            browser.go(&site.address);
            browser.wait(&text(selector), "here");
            let namespace = format!("return document.querySelector('{selector}').namespaceURI");
            let expected = if body.starts_with("<svg") {
                "http://www.w3.org/2000/svg"
            } else {
                "http://www.w3.org/1999/xhtml"
            };
            assert_eq!(browser.run(&namespace), expected);
        }
    }
}

#[test]
fn shadow_trees_in_fragments_are_shown() {
    let html = "<div class='host'><template shadowrootmode='open'><b>shadow</b></template></div>";
    for browser in browsers() {
        let text_form = format!("{html}</template>");
        let site = Plan {
            page: page("<p>{{ 0 | __hydra }}</p><p>{{ 1 | __hydra }}</p><p>{{ 2 | __hydra }}</p>"),
            parts: vec![
                Part::new("deferred", html),
                Part::new("deferred", &text_form),
                Part::new("lazy", html),
            ],
            ..Plan::default()
        }
        .serve();
        browser.go(&site.address);
        let shown = "return [...document.querySelectorAll('.host')].map((host) => host.shadowRoot?.textContent).join(' ')";
        browser.wait(shown, "shadow shadow shadow");
    }
}

#[test]
fn scripts_run_in_the_order_of_the_document_and_those_of_a_fragment_are_its_own() {
    let note = |name: &str| format!("(window.order ??= []).push('{name}')");
    let js = "text/javascript";
    let files = || {
        vec![
            ("/slow.js", js, note("slow"), Duration::from_millis(300)),
            ("/quick.js", js, note("quick"), Duration::ZERO),
            (
                "/w.js",
                js,
                "(window.order ??= []).push(document.currentScript.dataset.to)".to_owned(),
                Duration::ZERO,
            ),
        ]
    };
    let own = format!(
        "<script src='/slow.js'></script><script src='/quick.js'></script><script>{}</script>",
        note("inline")
    );
    // With text that only the script can put in place.
    let as_text = format!("{own}</template>");
    let linked = |mode| Part {
        scripts: vec!["/slow.js", "/quick.js"],
        ..Part::new(mode, "x")
    };
    let suppressing = "<script type='text/plain' src='/slow.js'></script><link rel='stylesheet' href='/x.css' media='print'>";
    for browser in browsers() {
        for (name, parts, expected) in [
            ("own", vec![Part::new("deferred", &own)], "slow quick inline"),
            (
                "own, as text",
                vec![Part::new("deferred", &as_text)],
                "slow quick inline",
            ),
            ("own, lazy", vec![Part::new("lazy", &own)], "slow quick inline"),
            ("linked", vec![linked("deferred")], "slow quick"),
            ("linked, lazy", vec![linked("lazy")], "slow quick"),
            (
                "a script with its own address is not a link",
                vec![
                    Part::new("deferred", "<script src='/w.js' data-to='one'></script>"),
                    Part::new("deferred", "<script src='/w.js' data-to='two'></script>"),
                ],
                "one two",
            ),
            (
                "lazy scripts with addresses of their own",
                vec![
                    Part::new("inline", "<script src='/w.js' data-to='one'></script>"),
                    Part::new("lazy", "<script src='/w.js' data-to='two'></script>"),
                ],
                "one two",
            ),
            (
                "a script that does not run is not a link",
                vec![Part::new("inline", suppressing), linked("lazy")],
                "slow quick",
            ),
            (
                "linked twice",
                vec![linked("inline"), linked("lazy"), linked("lazy")],
                "slow quick",
            ),
        ] {
            println!("{name}");
            let places = (0..parts.len())
                .map(|n| format!("<p>{{{{ {n} | __hydra }}}}</p>"))
                .collect::<String>();
            let site = Plan {
                page: page(&places),
                parts,
                files: files(),
                ..Plan::default()
            }
            .serve();
            browser.go(&site.address);
            browser.wait("return document.readyState", "complete");
            // Which of two fragments comes first is not for the page to say.
            let order = match expected {
                "one two" => "return (window.order ?? []).sort().join(' ')",
                _ => "return (window.order ?? []).join(' ')",
            };
            browser.wait(order, expected);
        }
    }
}

#[test]
fn a_fallback_that_a_visitor_fills_in_is_not_replaced() {
    let form = "<form><input id='field'><button type='reset'>x</button></form>";
    for browser in browsers() {
        for mode in ["deferred", "lazy"] {
            println!("{mode}");
            let part = Part {
                fallback: form.to_owned(),
                is_held: true,
                ..Part::new(mode, "<b>here</b>")
            };
            let site = Plan {
                page: page("<div id='place'>{{ 0 | __hydra }}</div><button id='else'>else</button>"),
                parts: vec![part],
                ..Plan::default()
            }
            .serve();
            browser.go(&site.address);
            browser.wait("return document.querySelector('#field') !== null", true);
            hydra_tests::wait_for("it is asked for", hydra_tests::PATIENCE, || {
                (site.asked(0) == 1).then_some(())
            });
            // The script is there.
            browser.wait("return performance.getEntriesByType('resource').some(({ name }) => name.includes('later.js'))", true);
            browser.type_into("#field", "tea");
            site.let_go();
            let is_there = match mode {
                "deferred" => "return document.readyState === 'complete'",
                _ => {
                    "return performance.getEntriesByType('resource').some(({ name }) => name.includes('/fragment?'))"
                }
            };
            browser.wait(is_there, true);
            let kept = "return document.querySelector('#field')?.value";
            assert_eq!(browser.run(kept), "tea");
            assert_eq!(
                browser.run("document.getElementById('else').focus()"),
                Value::Null
            );
            browser.wait("return document.activeElement.id", "else");
            assert_eq!(browser.run(kept), "tea");
            assert_eq!(
                browser.run("document.querySelector('#place form').reset()"),
                Value::Null
            );
            browser.wait(&text("#place b"), "here");
            assert_eq!(
                browser.run("return document.querySelector('#field')"),
                Value::Null
            );
        }
    }
}
