//! Where a fragment comes to that stands beside elements without end tags.
//!
//! The guide says: inline, the browser closes such an element before the fragment as before any other HTML. A fragment that comes
//! later comes to where its tag stands, and that is inside of an element that is still open.

use hydra_tests::Browser;

use crate::site::{Part, Plan, page};

/// The page around the place, what comes there, and where that is found inline and later.
struct Row {
    before: &'static str,
    after: &'static str,
    html: &'static str,
    beside: &'static str,
    inside: &'static str,
}

const OPEN: [Row; 6] = [
    Row {
        before: "<ul id='at'><li>first",
        after: "<li>last</ul>",
        html: "<li class='here'>here",
        beside: "#at > li:first-child + .here + li:last-child",
        inside: "#at > li:first-child > .here",
    },
    Row {
        before: "<div id='at'><p>first",
        after: "<p>last</div>",
        html: "<p class='here'>here",
        beside: "#at > p:first-child + .here + p:last-child",
        inside: "#at > p:first-child > .here",
    },
    Row {
        before: "<dl id='at'><dt>first",
        after: "<dt>last</dl>",
        html: "<dd class='here'>here",
        beside: "#at > dt:first-child + .here + dt:last-child",
        inside: "#at > dt:first-child > .here",
    },
    Row {
        before: "<dl id='at'><dt>first<dd>second",
        after: "<dt>last</dl>",
        html: "<dt class='here'>here",
        beside: "#at > dd + .here + dt:last-child",
        inside: "#at > dd > .here",
    },
    Row {
        before: "<ruby id='at'>first<rt>second",
        after: "<rt>last</ruby>",
        html: "<rt class='here'>here",
        beside: "#at > rt + .here + rt:last-child",
        inside: "#at > rt > .here",
    },
    Row {
        before: "<select id='at'><option>first",
        after: "<option>last</select>",
        html: "<option class='here'>here",
        beside: "#at > option:first-child + .here + option:last-child",
        inside: "#at > option:first-child > .here",
    },
];

const CLOSED: [Row; 6] = [
    Row {
        before: "<ul id='at'><li>first</li>",
        after: "<li>last</ul>",
        html: "<li class='here'>here</li>",
        beside: "#at > li:first-child + .here + li:last-child",
        inside: "",
    },
    Row {
        before: "<div id='at'><p>first</p>",
        after: "<p>last</div>",
        html: "<p class='here'>here",
        beside: "#at > p:first-child + .here + p:last-child",
        inside: "",
    },
    Row {
        before: "<dl id='at'><dt>first</dt>",
        after: "<dt>last</dl>",
        html: "<dd class='here'>here",
        beside: "#at > dt:first-child + .here + dt:last-child",
        inside: "",
    },
    Row {
        before: "<select id='at'><option>first</option>",
        after: "<option>last</select>",
        html: "<option class='here'>here",
        beside: "#at > option:first-child + .here + option:last-child",
        inside: "",
    },
    Row {
        before: "<table id='at'><tr><td>first</tr>",
        after: "<tr><td>last</table>",
        html: "<tr class='here'><td>here",
        beside: "#at > tbody > tr:first-child + .here + tr:last-child",
        inside: "",
    },
    Row {
        before: "<table><tr id='at'><td>first</td>",
        after: "<td>last</table>",
        html: "<td class='here'>here",
        beside: "#at > td:first-child + .here + td:last-child",
        inside: "",
    },
];

/// Cells and rows are such only in their tables.
const IN_CELLS: [Row; 3] = [
    Row {
        before: "<table><tr id='at'><td>first",
        after: "<td>last</table>",
        html: "<td class='here'>here",
        beside: "#at > td:first-child + .here + td:last-child",
        inside: "",
    },
    Row {
        before: "<table id='at'><tr><td>first",
        after: "<tr><td>last</table>",
        html: "<tr class='here'><td>here",
        beside: "#at > tbody > tr:first-child + .here + tr:last-child",
        inside: "",
    },
    Row {
        before: "<table id='at'><tbody><tr><td>first",
        after: "<tbody><tr><td>last</table>",
        html: "<tbody class='here'><tr><td>here",
        beside: "#at > tbody:first-child + .here + tbody:last-child",
        inside: "",
    },
];

/// Shows the page with the fragment in this mode, once it is there.
fn show(browser: &Browser, row: &Row, mode: &'static str) -> crate::site::Site {
    let site = Plan {
        page: page(&format!("{}{{{{ 0 | __hydra }}}}{}", row.before, row.after)),
        parts: vec![Part {
            fallback: String::new(),
            ..Part::new(mode, row.html)
        }],
        ..Plan::default()
    }
    .serve();
    println!("{mode}: {}{}{}", row.before, row.html, row.after);
    browser.go(&site.address);
    browser.wait("return document.readyState", "complete");
    browser.wait(
        "return document.getElementById('at').textContent.includes('here')",
        true,
    );
    site
}

fn count(browser: &Browser, selector: &str) -> serde_json::Value {
    browser.run(&format!(
        "return document.querySelectorAll(\"{selector}\").length"
    ))
}

#[test]
fn later_fragments_come_into_what_is_open_before_them_and_inline_ones_beside_it() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for row in OPEN {
            let _site = show(&browser, &row, "inline");
            assert_eq!(count(&browser, row.beside), 1, "{}", row.before);
            for mode in ["deferred", "lazy"] {
                let _site = show(&browser, &row, mode);
                assert_eq!(count(&browser, row.inside), 1, "{mode} {}", row.before);
                // What the page itself has next is beside, as ever.
                let last = "return document.getElementById('at').lastElementChild.textContent";
                assert_eq!(browser.run(last), "last", "{mode} {}", row.before);
            }
        }
    }
}

#[test]
fn after_closed_elements_fragments_come_beside_them_in_every_mode() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for row in CLOSED {
            for mode in ["inline", "deferred", "lazy"] {
                let _site = show(&browser, &row, mode);
                assert_eq!(count(&browser, row.beside), 1, "{mode} {}", row.before);
            }
        }
    }
}

#[test]
fn in_an_open_cell_later_rows_and_cells_come_into_that_cell() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for row in IN_CELLS {
            let _site = show(&browser, &row, "inline");
            assert_eq!(count(&browser, row.beside), 1, "{}", row.before);
            for mode in ["deferred", "lazy"] {
                let _site = show(&browser, &row, mode);
                assert_eq!(count(&browser, row.beside), 0, "{mode} {}", row.before);
                // A template keeps tags that a cell can't hold; a fragment that the script reads loses them.
                let kept = i32::from(mode == "deferred");
                assert_eq!(
                    count(&browser, "td:first-child .here"),
                    kept,
                    "{mode} {}",
                    row.before
                );
                let cell = "return document.querySelector('#at td:first-child').textContent";
                assert_eq!(browser.run(cell), "firsthere", "{mode} {}", row.before);
            }
        }
    }
}

#[test]
fn a_fallback_that_html_moves_out_of_a_table_stays() {
    for browser in [Browser::open(), Browser::of_yesterday()] {
        for mode in ["deferred", "lazy"] {
            for fallback in ["wait", "<b>wait</b>", "<p>wait</p>"] {
                let part = Part {
                    fallback: fallback.to_owned(),
                    ..Part::new(mode, "<tr><td>here</td></tr>")
                };
                let site = Plan {
                    page: page("<div id='around'><table>{{ 0 | __hydra }}</table></div>"),
                    parts: vec![part],
                    ..Plan::default()
                }
                .serve();
                println!("{mode} {fallback}");
                browser.go(&site.address);
                browser.wait("return document.querySelector('table td')?.textContent", "here");
                browser.wait("return document.readyState", "complete");
                let around = "return document.getElementById('around').textContent";
                assert_eq!(browser.run(around), "waithere", "{mode} {fallback}");
            }
        }
    }
}
