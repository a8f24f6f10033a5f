//! Pages with a content security policy: what it blocks in the page, it blocks in fragments that come later.

use std::time::Duration;

use hydra_tests::Browser;
use serde_json::{Value, json};

use crate::site::{Part, Plan, page};

const JS: &str = "text/javascript";

fn ran(name: &str) -> String {
    format!("document.documentElement.dataset.{name} = 'ran'")
}

/// A fragment that tries all ways to run a script.
fn hostile() -> String {
    format!(
        "<b>here</b><script>{}</script><script src=\"/own.js\"></script><script src=\"/own.js?late\" defer></script>\
         <script type=\"module\">{}</script><svg><script>{}</script></svg><img src=\"/none\" onerror=\"{}\">\
         <div><template shadowrootmode=\"open\"><script>{}</script></template></div>\
         <iframe srcdoc=\"<script>parent.{}</script>\"></iframe>",
        ran("inline"),
        ran("module"),
        ran("svg"),
        ran("handler"),
        ran("shadow"),
        ran("srcdoc"),
    )
}

fn files() -> Vec<(&'static str, &'static str, String, Duration)> {
    vec![
        ("/own.js", JS, ran("own"), Duration::ZERO),
        ("/linked.js", JS, ran("linked"), Duration::ZERO),
    ]
}

/// What ran on the page where the fragment comes so, as soon as all of `expected` did.
fn what_ran(browser: &Browser, policy: &'static str, mode: &'static str, expected: &Value) -> Value {
    let part = Part {
        scripts: vec!["/linked.js"],
        ..Part::new(mode, &hostile())
    };
    let site = Plan {
        page: page("<p>text</p><div id='place'>{{ 0 | __hydra }}</div>"),
        parts: vec![part],
        policy,
        files: files(),
        ..Plan::default()
    }
    .serve();
    println!("{mode} under `{policy}`");
    browser.go(&site.address);
    browser.wait("return document.querySelector('#place b')?.textContent", "here");
    browser.wait("return document.readyState", "complete");
    for name in expected.as_object().into_iter().flat_map(|ran| ran.keys()) {
        browser.wait(&format!("return document.documentElement.dataset.{name}"), "ran");
    }
    // What may run would have done so by the time that this has.
    let quiet = "document.body.dataset.quiet = ''; fetch('/own.js').then(() => requestAnimationFrame(() => \
                 requestAnimationFrame(() => setTimeout(() => document.body.dataset.quiet = 'yes', 50))))";
    assert_eq!(browser.run(quiet), Value::Null);
    browser.wait("return document.body.dataset.quiet", "yes");
    browser.run("return {...document.documentElement.dataset}")
}

#[test]
fn a_policy_blocks_in_fragments_that_come_later_what_it_blocks_inline() {
    let all = [
        "",
        "script-src 'self'",
        "script-src 'nonce-n0nce'",
        "script-src 'nonce-n0nce' 'strict-dynamic'",
        "script-src 'nonce-n0nce' 'strict-dynamic' https: 'unsafe-inline'",
        "script-src 'self' 'unsafe-inline'",
        "script-src 'self'; require-trusted-types-for 'script'",
        "script-src 'nonce-n0nce' 'strict-dynamic'; require-trusted-types-for 'script'; trusted-types hydra-later",
    ];
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for policy in all {
            let inline = what_ran(&browser, policy, "inline", &json!({"linked": "ran"}));
            for mode in ["deferred", "lazy"] {
                assert_eq!(
                    what_ran(&browser, policy, mode, &inline),
                    inline,
                    "{policy} {mode}"
                );
            }
        }
    }
}

#[test]
fn where_no_script_may_run_the_browser_puts_deferred_fragments_in_place_and_lazy_ones_stay() {
    let policies = [
        "default-src 'none'",
        "script-src 'none'",
        "script-src 'nonce-other'",
    ];
    let browser = Browser::open();
    for (may_run, policy) in policies
        .map(|policy| (true, policy))
        .into_iter()
        .chain([(false, "")])
    {
        let lazy = Part::new("lazy", &hostile());
        let site = Plan {
            page: page(
                "<ul id='list'><li>first</li>{{ 0 | __hydra }}<li>last</li></ul><table id='table'>{{ 1 | __hydra }}</table>\
                 <p id='lazy'>{{ 2 | __hydra }}</p>",
            ),
            parts: vec![
                Part::new("deferred", &format!("<li>here</li>{}", hostile())),
                Part::new("deferred", "<tr><td>cell</td></tr>"),
                lazy,
            ],
            policy,
            files: files(),
            ..Plan::default()
        }
        .serve();
        browser.allow_scripts(may_run);
        browser.go(&site.address);
        let text = |selector: &str| format!("return document.querySelector('{selector}')?.textContent");
        browser.wait(&text("#list li:nth-of-type(2)"), "here");
        browser.wait(&text("#table td"), "cell");
        browser.wait("return document.readyState", "complete");
        assert_eq!(browser.run(&text("#lazy")), "wait", "{policy}");
        assert_eq!(
            browser.run("return {...document.documentElement.dataset}"),
            json!({}),
            "{policy}"
        );
    }
}

#[test]
fn without_the_named_policy_of_trusted_types_fallbacks_stay() {
    let browser = Browser::of_yesterday();
    let site = Plan {
        page: page("<p id='deferred'>{{ 0 | __hydra }}</p><p id='lazy'>{{ 1 | __hydra }}</p>"),
        parts: vec![
            Part::new("deferred", "</template>there"),
            Part::new("lazy", "there"),
        ],
        policy: "require-trusted-types-for 'script'; trusted-types other",
        files: files(),
        ..Plan::default()
    }
    .serve();
    browser.go(&site.address);
    browser.wait("return document.readyState", "complete");
    hydra_tests::wait_for("the lazy one is asked for", hydra_tests::PATIENCE, || {
        (site.asked(1) == 1).then_some(())
    });
    for id in ["deferred", "lazy"] {
        browser.wait(
            &format!("return document.getElementById('{id}').textContent"),
            "wait",
        );
    }
}

#[test]
fn no_base_in_a_page_or_a_fragment_moves_the_script_or_what_it_fetches() {
    const ELSEWHERE: &str = "<base href=\"https://elsewhere.invalid/\">";
    let inline = |html: &str| Part::new("inline", html);
    let with_base =
        page(&format!("{ELSEWHERE}{{{{ 0 | __hydra }}}}")).replace("<title>", &format!("{ELSEWHERE}<title>"));
    let rest = "<p id='deferred'>{{ 1 | __hydra }}</p><p id='lazy'>{{ 2 | __hydra }}</p>";
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for (page, first) in [
            (page(&format!("{{{{ 0 | __hydra }}}}{rest}")), inline(ELSEWHERE)),
            (
                page(&format!("{{{{ 0 | __hydra }}}}{rest}")),
                inline("<svg></svg><BASE\nhref=//elsewhere.invalid>"),
            ),
            (
                page(&format!("{{{{ 0 | __hydra }}}}{rest}")),
                Part::new("deferred", ELSEWHERE),
            ),
            (
                page(&format!("{{{{ 0 | __hydra }}}}{rest}")),
                Part::new("lazy", ELSEWHERE),
            ),
            (
                with_base.replace("</body>", &format!("{rest}</body>")),
                inline("first"),
            ),
        ] {
            let lazy = Part {
                scripts: vec!["/linked.js"],
                ..Part::new("lazy", "<b>lazy</b>")
            };
            let site = Plan {
                page,
                parts: vec![first, Part::new("deferred", "<b>deferred</b>"), lazy],
                policy: "script-src 'nonce-n0nce'",
                files: files(),
                ..Plan::default()
            }
            .serve();
            browser.go(&site.address);
            for name in ["deferred", "lazy"] {
                browser.wait(
                    &format!("return document.querySelector('#{name} b')?.textContent"),
                    name,
                );
            }
            browser.wait("return document.documentElement.dataset.linked", "ran");
            let elsewhere = "return [...document.scripts].filter((script) => script.nonce && !script.dataset.hydra && !script.src.startsWith(origin)).length";
            assert_eq!(browser.run(elsewhere), 0);
        }
    }
}

#[test]
fn names_in_fragments_hide_nothing_that_the_script_needs() {
    let names = [
        "createRange",
        "querySelectorAll",
        "querySelector",
        "readyState",
        "currentScript",
        "body",
        "getElementById",
        "createElementNS",
        "createTreeWalker",
        "addEventListener",
        "activeElement",
        "createDocumentFragment",
        "createComment",
        "head",
        "documentElement",
        "location",
        "fetch",
        "trustedTypes",
        "innerHeight",
    ];
    let document = names
        .map(|name| format!("<img name=\"{name}\"><img name=\"{name}\" id=\"{name}\">"))
        .concat();
    let form = [
        "parentNode",
        "localName",
        "namespaceURI",
        "contains",
        "getClientRects",
        "getBoundingClientRect",
        "nodeType",
        "firstChild",
        "nextSibling",
        "insertBefore",
        "appendChild",
        "append",
        "querySelectorAll",
        "isConnected",
        "childNodes",
        "shadowRoot",
        "attributes",
        "compareDocumentPosition",
        "elements",
    ];
    let fields = form
        .map(|name| format!("<input type=\"hidden\" name=\"{name}\">"))
        .concat();
    for browser in [Browser::open(), Browser::of_yesterday()] {
        let form = Part {
            fallback: format!("<form>{fields}</form>wait"),
            ..Part::new("lazy", "<b>form</b>")
        };
        let site = Plan {
            page: page(&format!(
                "{{{{ 0 | __hydra }}}}<form>{fields}<p id='deferred'>{{{{ 1 | __hydra }}}}</p>{{{{ 2 | __hydra }}}}</form>\
                 <p id='lazy'>{{{{ 3 | __hydra }}}}</p><div id='form'>{{{{ 4 | __hydra }}}}</div>"
            )),
            parts: vec![
                Part::new("inline", &document),
                Part::new("deferred", "<b>deferred</b></template>"),
                Part::new("lazy", "<b id='inside'>inside</b>"),
                Part::new("lazy", "<b>lazy</b>"),
                form,
            ],
            policy: "script-src 'self'",
            files: files(),
            ..Plan::default()
        }
        .serve();
        browser.go(&site.address);
        for (selector, text) in [
            ("#deferred b", "deferred"),
            ("#inside", "inside"),
            ("#lazy b", "lazy"),
            ("#form b", "form"),
        ] {
            browser.wait(
                &format!("return Document.prototype.querySelector.call(document, '{selector}')?.textContent"),
                text,
            );
        }
    }
}

#[test]
fn a_policy_without_bases_keeps_addresses_where_they_are() {
    const ELSEWHERE: &str = "<base href=\"https://elsewhere.invalid/\"><a href=\"/here\">here</a>";
    let bases = "script-src 'nonce-n0nce'; base-uri 'none'";
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for (mode, policy, moves) in [
            ("inline", bases, false),
            ("deferred", bases, false),
            ("lazy", bases, false),
            // The test would see it.
            ("inline", "script-src 'nonce-n0nce'", true),
        ] {
            let lazy = Part {
                scripts: vec!["/linked.js"],
                ..Part::new("lazy", "<b>lazy</b>")
            };
            let site = Plan {
                page: page("<p>{{ 0 | __hydra }}</p><p id='lazy'>{{ 1 | __hydra }}</p>"),
                parts: vec![Part::new(mode, ELSEWHERE), lazy],
                policy,
                files: files(),
                ..Plan::default()
            }
            .serve();
            println!("{mode} under `{policy}`");
            browser.go(&site.address);
            browser.wait("return document.querySelector('#lazy b')?.textContent", "lazy");
            browser.wait("return document.querySelector('a')?.textContent", "here");
            let expected = if moves {
                "https://elsewhere.invalid/here".to_owned()
            } else {
                format!("{}here", site.address)
            };
            browser.wait("return document.querySelector('a').href", expected);
            if !moves {
                // What the page links for a later fragment bears the nonce.
                browser.wait("return document.documentElement.dataset.linked", "ran");
            }
        }
    }
}
