//! The script of later fragments costs no round trip of its own: it is asked for with the head, before any fragment has come.

use hydra_tests::{Browser, PATIENCE, wait_for};
use serde_json::{Value, json};

use crate::site::{Part, Plan, Site, page};

/// Each round trip takes long, and nothing is kept.
fn far_away(browser: &Browser) {
    for (command, parameters) in [
        ("Network.enable", json!({})),
        ("Network.setCacheDisabled", json!({"cacheDisabled": true})),
        (
            "Network.emulateNetworkConditions",
            json!({"offline": false, "latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}),
        ),
    ] {
        browser.tell(command, &parameters);
    }
}

const POLICIES: [&str; 4] = [
    "",
    "script-src 'self'",
    "script-src 'nonce-n0nce'",
    "script-src 'nonce-n0nce' 'strict-dynamic'",
];

const SCRIPT: &str = "/shop/_hydra/later.js";
/// How often the browser has the whole script.
const HAS_SCRIPT: &str = "return performance.getEntriesByType('resource').filter(({ name, responseEnd }) => \
                          name.includes('/later.js?') && responseEnd > 0).length";

fn site(body: &str, parts: Vec<Part>, policy: &'static str) -> Site {
    Plan {
        page: page(body),
        parts,
        policy,
        ..Plan::default()
    }
    .serve()
}

fn held(mode: &'static str, html: &str) -> Part {
    Part {
        is_held: true,
        ..Part::new(mode, html)
    }
}

fn text(id: &str) -> String {
    format!("return document.getElementById('{id}')?.textContent")
}

#[test]
fn the_script_is_there_before_the_rest_of_the_page() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        far_away(&browser);
        for policy in POLICIES {
            for mode in ["deferred", "lazy"] {
                println!("{mode} under `{policy}`");
                // The first fragment holds the page: what stands behind it has not left.
                let parts = vec![held("inline", "text"), Part::new(mode, "<b>here</b>")];
                let body = "<p id='text'>{{ 0 | __hydra }}</p><p id='later'>{{ 1 | __hydra }}</p>";
                let site = site(body, parts, policy);
                browser.go(&site.address);
                browser.wait(HAS_SCRIPT, 1);
                assert_eq!(site.paths(), ["/", SCRIPT]);
                assert_eq!(browser.run("return document.readyState"), "loading");
                assert_eq!(browser.run(&text("later")), Value::Null, "it has not left");
                let first = "return document.head.firstElementChild.localName + document.head.firstElementChild.async";
                assert_eq!(browser.run(first), "scripttrue");
                site.let_go();
                browser.wait(&text("later"), "here");
                let mut expected = vec!["/", SCRIPT];
                expected.extend((mode == "lazy").then_some("/shop/_hydra/fragment"));
                assert_eq!(site.paths(), expected);
            }
        }
    }
}

#[test]
fn a_deferred_fragment_needs_no_request_once_it_is_there() {
    // What the browser puts in place itself, and what only the script can.
    let as_text = ["<b>here</b></template>", "<b>here</b><!-- "].map(|html| (html, &POLICIES[2..3]));
    for browser in [Browser::open(), Browser::of_yesterday()] {
        far_away(&browser);
        for (html, policies) in [("<b>here</b>", &POLICIES[..])].into_iter().chain(as_text) {
            for policy in policies {
                println!("{html} under `{policy}`");
                let site = site(
                    "<p id='later'>{{ 0 | __hydra }}</p>",
                    vec![held("deferred", html)],
                    policy,
                );
                browser.go(&site.address);
                browser.wait(&text("later"), "wait");
                browser.wait(HAS_SCRIPT, 1);
                assert_eq!(site.paths(), ["/", SCRIPT]);
                site.let_go();
                browser.wait("return document.querySelector('#later b')?.textContent", "here");
                assert_eq!(site.paths(), ["/", SCRIPT], "nothing was asked for after it came");
            }
        }
    }
}

#[test]
fn the_script_is_asked_for_once_however_many_fragments_come() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        far_away(&browser);
        for policy in POLICIES {
            let parts = ["deferred", "lazy", "deferred", "lazy"].map(|mode| Part::new(mode, "here"));
            let places = (0..parts.len()).map(|n| format!("<p class='later'>{{{{ {n} | __hydra }}}}</p>"));
            let site = site(&places.collect::<String>(), parts.to_vec(), policy);
            browser.go(&site.address);
            let shown =
                "return [...document.querySelectorAll('.later')].map((place) => place.textContent).join(' ')";
            browser.wait(shown, "here here here here");
            let scripts = site.paths().into_iter().filter(|path| path == SCRIPT);
            assert_eq!(scripts.count(), 1, "{policy}");
        }
    }
}

#[test]
fn where_all_come_into_their_places_at_once_no_script_is_asked_for() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        far_away(&browser);
        for policy in POLICIES {
            let site = Plan {
                page: page("<p id='later'>{{ 0 | __hydra }}</p>"),
                parts: vec![Part {
                    takes: std::time::Duration::ZERO,
                    ..Part::new("inline", "here")
                }],
                policy,
                ..Plan::default()
            }
            .serve();
            browser.go(&site.address);
            browser.wait(&text("later"), "here");
            browser.wait("return document.readyState", "complete");
            assert_eq!(site.paths(), ["/"]);
        }
    }
}

#[test]
fn a_fragment_that_waits_for_its_own_files_waits_for_no_other() {
    // The style sheet of a lazy fragment is asked for with the fragment's answer, and nothing else comes between.
    let browser = Browser::open();
    far_away(&browser);
    let part = Part {
        styles: vec!["/later.css"],
        ..Part::new("lazy", "here")
    };
    let site = Plan {
        page: page("<p id='later'>{{ 0 | __hydra }}</p>"),
        parts: vec![part],
        files: vec![(
            "/later.css",
            "text/css",
            "p { color: green }".to_owned(),
            std::time::Duration::ZERO,
        )],
        ..Plan::default()
    }
    .serve();
    browser.go(&site.address);
    wait_for("the style sheet", PATIENCE, || {
        site.paths().contains(&"/later.css".to_owned()).then_some(())
    });
    browser.wait(&text("later"), "here");
    assert_eq!(site.paths(), ["/", SCRIPT, "/shop/_hydra/fragment", "/later.css"]);
}
