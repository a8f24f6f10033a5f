//! Lazy fragments: when they are fetched, and what becomes of those that can't be had.

use std::time::Duration;

use hydra_tests::{Browser, PATIENCE, wait_for};
use serde_json::{Value, json};

use crate::site::{Part, Plan, Site, page};

const TEXT: &str = "return document.getElementById('place').textContent";

fn far(n: usize) -> String {
    format!("<div style='height: 3000px'></div><div id='place'>{{{{ {n} | __hydra }}}}</div>")
}

fn scroll(browser: &Browser, to: &str) {
    assert_eq!(browser.run(&format!("window.scrollTo(0, {to})")), Value::Null);
}

fn one(body: &str, part: Part) -> Site {
    Plan {
        page: page(body),
        parts: vec![part],
        ..Plan::default()
    }
    .serve()
}

#[test]
fn one_that_can_not_be_had_is_asked_for_again() {
    let browser = Browser::open();
    let site = one(
        "<div id='place'>{{ 0 | __hydra }}</div>",
        Part::new("lazy", "here"),
    );
    site.fail(true);
    browser.go(&site.address);
    wait_for("it is asked for again", PATIENCE, || {
        (site.asked(0) >= 2).then_some(())
    });
    assert_eq!(browser.run(TEXT), "wait");
    site.fail(false);
    browser.wait(TEXT, "here");
}

#[test]
fn what_was_near_while_the_browser_was_offline_comes_once_it_is_online() {
    let browser = Browser::open();
    let site = one(&far(0), Part::new("lazy", "here"));
    browser.go(&site.address);
    browser.wait("return document.readyState", "complete");
    browser.tell("Network.enable", &json!({}));
    let network = |offline: bool| {
        let conditions =
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        browser.tell("Network.emulateNetworkConditions", &conditions);
        browser.wait("return navigator.onLine", !offline);
    };
    network(true);
    scroll(&browser, "document.body.scrollHeight");
    let failed =
        "return performance.getEntriesByType('resource').some(({ name }) => name.includes('/fragment?'))";
    browser.wait(failed, true);
    scroll(&browser, "0");
    assert_eq!((browser.run(TEXT), site.asked(0)), (json!("wait"), 0));
    network(false);
    scroll(&browser, "document.body.scrollHeight");
    browser.wait(TEXT, "here");
}

#[test]
fn a_fragment_is_shown_with_its_style_sheets_but_does_not_wait_for_ever() {
    let browser = Browser::open();
    let css = "#place b { color: rgb(1, 2, 3) }".to_owned();
    for (delay, color) in [
        (Duration::from_millis(400), "rgb(1, 2, 3)"),
        (Duration::from_secs(60), "rgb(0, 0, 0)"),
    ] {
        let part = Part {
            styles: vec!["/slow.css"],
            ..Part::new("lazy", "<b>here</b>")
        };
        let site = Plan {
            page: page("<div id='place'>{{ 0 | __hydra }}</div>"),
            parts: vec![part],
            files: vec![("/slow.css", "text/css", css.clone(), delay)],
            ..Plan::default()
        }
        .serve();
        browser.go(&site.address);
        // As soon as it is there.
        let seen = "const b = document.querySelector('#place b'); return b && getComputedStyle(b).color";
        browser.wait(seen, color);
        let never_otherwise = "return document.querySelectorAll('link[href$=\"/slow.css\"]').length";
        assert_eq!(browser.run(never_otherwise), 1);
    }
}

#[test]
fn all_are_there_when_the_page_is_printed() {
    let browser = Browser::open();
    let place = "<div style='height: 3000px'></div><p class='place'>{{ 0 | __hydra }}</p>";
    let site = one(&place.repeat(30), Part::new("lazy", "here"));
    browser.go(&site.address);
    browser.wait("return document.readyState", "complete");
    let paper = browser.tell("Page.printToPDF", &json!({}));
    assert!(paper["data"].as_str().is_some_and(|data| !data.is_empty()));
    let left = "return [...document.querySelectorAll('.place')].filter((place) => place.textContent !== 'here').length";
    assert_eq!(browser.run(left), 0);
    assert_eq!(site.asked(0), 30);
}

#[test]
fn what_the_address_names_is_fetched_and_shown() {
    let browser = Browser::open();
    for hash in ["#inside", "#%69nside"] {
        let site = one(&far(0), Part::new("lazy", "<b id='inside'>here</b>"));
        browser.go(&format!("{}{hash}", site.address));
        browser.wait(TEXT, "here");
        browser.wait(
            "return scrollY > 1000 && document.querySelector(':target')?.id",
            "inside",
        );
    }
    // This works later too, and not for a text that is not a name.
    let site = one(&far(0), Part::new("lazy", "<b id='inside'>here</b>"));
    browser.go(&format!("{}#/path", site.address));
    browser.wait("return document.readyState", "complete");
    assert_eq!(browser.run("location.hash = '#top'"), Value::Null);
    browser.wait("return location.hash", "#top");
    assert_eq!((browser.run(TEXT), site.asked(0)), (json!("wait"), 0));
    assert_eq!(browser.run("location.hash = '#inside'"), Value::Null);
    browser.wait("return scrollY > 1000", true);
    browser.wait(TEXT, "here");
}

#[test]
fn few_are_fetched_at_once_and_what_is_in_view_comes_first() {
    const PLACES: usize = 100;
    let browser = Browser::open();
    let place = "<p class='place' style='height: 400px'>{{ 0 | __hydra }}</p>";
    let part = Part {
        is_held: true,
        ..Part::new("lazy", "here")
    };
    let site = one(&place.repeat(PLACES), part);
    browser.go(&site.address);
    wait_for("the first are asked for", PATIENCE, || {
        (site.asked(0) > 0).then_some(())
    });
    for step in 1..=10 {
        scroll(&browser, &format!("document.body.scrollHeight * {step} / 10"));
        let frames = "document.body.dataset.frames = ''; requestAnimationFrame(() => requestAnimationFrame(() => \
                      document.body.dataset.frames = 'two'))";
        assert_eq!(browser.run(frames), Value::Null);
        browser.wait("return document.body.dataset.frames", "two");
    }
    site.let_go();
    let last = "return [...document.querySelectorAll('.place')].at(-1).textContent";
    browser.wait(last, "here");
    // Those that were passed by on the way were given up, or never asked for.
    let shown = browser.run("return [...document.querySelectorAll('.place')].filter((place) => place.textContent === 'here').length");
    assert!(shown.as_u64().is_some_and(|shown| shown < 30), "{shown}");
    assert!(site.asked(0) < PLACES, "{}", site.asked(0));
}

#[test]
fn what_has_no_box_of_its_own_comes_when_the_element_around_it_does() {
    let browser = Browser::open();
    let far = "<div style='height: 3000px'></div>";
    for (before, after, html, selector, fallback) in [
        (
            "<select id='place'>",
            "</select>",
            "<option>here</option>",
            "select > option",
            "",
        ),
        (
            "<select id='place'>",
            "</select>",
            "<option>here</option>",
            "select > option:last-of-type",
            "<option>wait</option>",
        ),
        (
            "<select id='place'><optgroup label='a'>",
            "</optgroup></select>",
            "<option>here</option>",
            "optgroup > option",
            "",
        ),
        (
            "<svg id='place'>",
            "</svg>",
            "<text>here</text>",
            "svg > text",
            "",
        ),
        (
            "<svg id='place'><g>",
            "</g></svg>",
            "<text>here</text>",
            "svg > g > text",
            "",
        ),
        (
            "<table id='place'><tr>",
            "</tr></table>",
            "<td>here</td>",
            "tr > td",
            "",
        ),
        (
            "<table id='place'><tbody>",
            "</tbody></table>",
            "<tr><td>here</td></tr>",
            "tbody td",
            "",
        ),
        ("<ul id='place'>", "</ul>", "<li>here</li>", "ul > li", ""),
        (
            "<p id='place' style='display: contents'>",
            "</p>",
            "<b>here</b>",
            "p > b",
            "",
        ),
    ] {
        let part = Part {
            fallback: fallback.to_owned(),
            ..Part::new("lazy", html)
        };
        println!("{before}{fallback}{after}");
        // Two in one element, and both come.
        let site = one(
            &format!("{far}{before}{{{{ 0 | __hydra }}}}{{{{ 0 | __hydra }}}}{after}"),
            part,
        );
        browser.go(&site.address);
        browser.wait("return document.readyState", "complete");
        let frames =
            "requestAnimationFrame(() => requestAnimationFrame(() => document.body.dataset.frames = 'two'))";
        assert_eq!(browser.run(frames), Value::Null);
        browser.wait("return document.body.dataset.frames", "two");
        assert_eq!(site.asked(0), 0, "it is far away");
        scroll(&browser, "document.body.scrollHeight");
        let count = "return [...document.querySelectorAll('#place *')] \
                     .filter((at) => at.textContent === 'here' && !at.firstElementChild).length";
        browser.wait(count, 2);
        browser.wait(
            &format!("return document.querySelector('{selector}')?.textContent"),
            "here",
        );
    }
    // What is hidden is near nothing, and comes once it is shown.
    let hidden = "<div id='place' style='display: none'>{{ 0 | __hydra }}</div>";
    let site = one(hidden, Part::new("lazy", "here"));
    browser.go(&site.address);
    browser.wait("return document.readyState", "complete");
    let frames =
        "requestAnimationFrame(() => requestAnimationFrame(() => document.body.dataset.frames = 'two'))";
    assert_eq!(browser.run(frames), Value::Null);
    browser.wait("return document.body.dataset.frames", "two");
    assert_eq!((browser.run(TEXT), site.asked(0)), (json!("wait"), 0));
    assert_eq!(
        browser.run("document.getElementById('place').style.display = 'block'"),
        Value::Null
    );
    browser.wait(TEXT, "here");
}
