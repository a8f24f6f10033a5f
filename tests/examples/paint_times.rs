//! What visitors see, and when: a part of a page in each mode, in Chromium, as a table in Markdown.
//!
//! `cargo run -p hydra-tests --example paint_times [ROUND TRIP IN MS]` measures each row nine times, the rows in turn, with an empty
//! cache, and prints medians. All times are in milliseconds since the navigation began.

#[allow(dead_code)]
#[path = "../tests/browser/site.rs"]
mod site;

use std::{env, time::Duration};

use hydra_tests::Browser;
use serde_json::{Value, json};
use site::{Part, Plan, Site};

const RUNS: usize = 9;

/// How a part comes: the name, its mode, and whether the browser knows `<template for>`.
const WAYS: [(&str, &str, bool); 4] = [
    ("inline", "inline", true),
    ("deferred, native", "deferred", true),
    ("deferred, by script", "deferred", false),
    ("lazy", "lazy", true),
];

/// First paint, largest paint, when the part is painted, layout shift, load.
type Run = [f64; 5];

struct Row {
    name: &'static str,
    takes: Duration,
    place: &'static str,
    is_native: bool,
    site: Site,
    runs: Vec<Run>,
}

fn main() {
    let round_trip: u32 = env::args()
        .nth(1)
        .map_or(0, |text| text.parse().expect("milliseconds"));
    let (native, scripted) = (Browser::open(), Browser::of_yesterday());
    for browser in [&native, &scripted] {
        prepare(browser, round_trip);
    }
    let mut rows = rows();
    for _ in 0..RUNS {
        for row in &mut rows {
            let browser = if row.is_native { &native } else { &scripted };
            row.runs.push(run(browser, &row.site.address));
        }
    }
    println!("Round trip {round_trip} ms, medians of {RUNS}:\n");
    println!("| mode | part takes | place | first paint | largest paint | part | layout shift | load |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let [first, largest, part, shift, load] = medians(&row.runs);
        println!(
            "| {} | {} ms | {} | {first:.0} | {largest:.0} | {part:.0} | {shift:.3} | {load:.0} |",
            row.name,
            row.takes.as_millis(),
            row.place
        );
    }
}

fn prepare(browser: &Browser, round_trip: u32) {
    for (command, parameters) in [
        ("Network.enable", json!({})),
        ("Network.setCacheDisabled", json!({"cacheDisabled": true})),
        (
            "Network.emulateNetworkConditions",
            json!({"offline": false, "latency": round_trip, "downloadThroughput": -1, "uploadThroughput": -1}),
        ),
    ] {
        browser.tell(command, &parameters);
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in ["top", "below the text"] {
        for takes in [0, 300].map(Duration::from_millis) {
            for (name, mode, is_native) in WAYS {
                let site = plan(mode, takes, place).serve();
                rows.push(Row {
                    name,
                    takes,
                    place,
                    is_native,
                    site,
                    runs: Vec::new(),
                });
            }
        }
    }
    rows
}

/// A page whose text and part fit into the window.
fn plan(mode: &'static str, takes: Duration, place: &str) -> Plan {
    let text =
        "<p>Small harvests, picked by hand, at your door in two days, with a note how to brew each tea.</p>"
            .repeat(5);
    let part = "{{ 0 | __hydra }}";
    let body = if place == "top" {
        format!("{part}{text}")
    } else {
        format!("{text}{part}")
    };
    Plan {
        page: site::page(&body),
        parts: vec![Part {
            fallback: "<p>One moment.</p>".to_owned(),
            takes,
            ..Part::new(
                mode,
                "<section style=\"height:200px\"><p elementtiming=\"part\">Here it is</p></section>",
            )
        }],
        grace: "10ms",
        ..Plan::default()
    }
}

/// Observers that take what was seen before them, too.
const WATCH: &str = "window.seen = {shift: 0}; \
    const watch = (type, see) => new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({type, buffered: true}); \
    watch('paint', (entry) => { if (entry.name === 'first-contentful-paint') seen.first = entry.startTime }); \
    watch('largest-contentful-paint', (entry) => seen.largest = entry.startTime); \
    watch('element', (entry) => seen.part = entry.renderTime || entry.loadTime); \
    watch('layout-shift', (entry) => seen.shift += entry.value); \
    watch('navigation', (entry) => seen.load = entry.loadEventEnd)";

fn run(browser: &Browser, address: &str) -> Run {
    browser.go_anew("about:blank");
    browser.go(address);
    browser.wait("return location.href", address);
    browser.wait("return document.readyState", "complete");
    assert_eq!(browser.run(WATCH), Value::Null);
    browser.wait(
        "return seen.first > 0 && seen.largest > 0 && seen.part > 0 && seen.load > 0",
        true,
    );
    // A shift is told of with the frame after it.
    let frames =
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => seen.settled = true)))";
    assert_eq!(browser.run(frames), Value::Null);
    browser.wait("return seen.settled", true);
    let seen = browser.run("return seen");
    ["first", "largest", "part", "shift", "load"].map(|name| seen[name].as_f64().unwrap_or_default())
}

fn medians(runs: &[Run]) -> Run {
    std::array::from_fn(|column| {
        let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    })
}
