//! Parse and check of large templates, in MB/s, and what a check costs beside Tera's own parse of the same text.
//!
//! The comparison is printed first: CPU time of all threads, both measured in turns, the median of the ratios.

use std::{collections::BTreeSet, hint::black_box, time::Duration};

use divan::{Bencher, counter::BytesCount};
use hydra_compile::{Input, compile::check as check_site, parse, site::Site, source::Source};
use rustix::time::{ClockId, clock_gettime};

/// How often each is measured for the comparison.
const ROUNDS: usize = 15;

fn main() {
    println!("check beside Tera's own parse, CPU time:");
    for (name, text) in kinds() {
        let (tera, check, ratio) = compared(&text);
        let length = text.len() / 1_000;
        println!("  {name} ({length} KB): {ratio:.2} x (Tera {tera:?}, check {check:?})");
    }
    divan::main();
}

/// The templates that are compared: many lines and few fragments, and more and more fragments.
fn kinds() -> [(&'static str, String); 4] {
    [
        ("few fragments", template(200, 26)),
        ("50 KB, 2 fragments", template(2, 120)),
        ("50 KB, 200 fragments", template(200, 1)),
        ("2,000 fragments", template(2_000, 1)),
    ]
}

fn compared(text: &str) -> (Duration, Duration, f64) {
    let input = input(text);
    let mut rounds: Vec<(Duration, Duration)> = (0..ROUNDS)
        .map(|_| {
            (
                cpu(|| parse_with_tera(text)),
                cpu(|| check_site(&input).len() < usize::MAX),
            )
        })
        .collect();
    let ratio = |(tera, check): &(Duration, Duration)| check.as_secs_f64() / tera.as_secs_f64();
    rounds.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let (tera, check) = rounds[ROUNDS / 2];
    (tera, check, ratio(&(tera, check)))
}

/// The CPU time of ten runs, all threads of the process together.
fn cpu(mut run: impl FnMut() -> bool) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let before = now();
    for _ in 0..10 {
        black_box(run());
    }
    (now() - before) / 10
}

fn parse_with_tera(text: &str) -> bool {
    let mut tera = tera::Tera::default();
    tera.add_raw_template("a.html", text).is_ok()
}

fn input(text: &str) -> Input {
    Input {
        sources: vec![Source::new("a.html", "a.html", text)],
        templates: 1,
        ..Input::default()
    }
}

/// So many fragments, with so many lines before each. A line has seven tags and an expression.
fn template(fragments: usize, lines: usize) -> String {
    let mut text = String::from("<!DOCTYPE html>\n<html lang=\"en\"><body>\n");
    let line = |n: usize| {
        format!(
            "  <div class=\"row\"><p id=\"p{n}\">Item number {n} is one of the many that this shop has on its shelves; it costs <i>{{{{ price }}}}</i> today.</p><a href='/item/{n}'>Tell me more about it</a></div>\n"
        )
    };
    for n in 0..fragments {
        for k in 0..lines {
            text.push_str(&line(n * lines + k));
        }
        text.push_str(&format!(
            "<m:fragment service=\"orders\" ref=\"row-{n}\" imports=\"price, name as label\" exports=\"total as total{n}\">\n  Not now\n</m:fragment>\n"
        ));
    }
    text.push_str("</body></html>\n");
    text
}

#[divan::bench]
fn tera_parse(bencher: Bencher) {
    let text = template(200, 26);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| parse_with_tera(&text));
}

#[divan::bench]
fn pieces(bencher: Bencher) {
    let text = template(200, 26);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| parse::parse(&text, "m"));
}

#[divan::bench]
fn trees(bencher: Bencher) {
    let sources = [Source::new("a.html", "a.html", template(200, 26))];
    bencher
        .counter(BytesCount::of_str(&sources[0].text))
        .bench(|| Site::parse(&sources, &BTreeSet::new()).0.files.len());
}

/// All that `hydra-compile check` does but for reading the file and showing the report.
#[divan::bench]
fn check(bencher: Bencher) {
    let input = input(&template(200, 26));
    bencher
        .counter(BytesCount::of_str(&input.sources[0].text))
        .bench(|| check_site(&input));
}
