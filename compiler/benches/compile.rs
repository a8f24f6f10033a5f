//! Parse and check of a large template, in MB/s, beside Tera's own parse of the same text.

use std::collections::BTreeSet;

use divan::{Bencher, counter::BytesCount};
use hydra_compile::{Input, compile::check as check_site, parse, site::Site, source::Source};

fn main() {
    divan::main();
}

/// About 1 MB with 200 fragments, and in each line of it seven tags and an expression.
fn template() -> String {
    let mut text = String::from("<!DOCTYPE html>\n<html lang=\"en\"><body>\n");
    let line = |n: usize| {
        format!(
            "  <div class=\"row\"><p id=\"p{n}\">Item number {n} is one of the many that this shop has on its shelves; it costs <i>{{{{ price }}}}</i> today.</p><a href='/item/{n}'>Tell me more about it</a></div>\n"
        )
    };
    for n in 0..200 {
        for k in 0..26 {
            text.push_str(&line(n * 26 + k));
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
    let text = template();
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut tera = tera::Tera::default();
        tera.add_raw_template("a.html", &text).is_ok()
    });
}

#[divan::bench]
fn pieces(bencher: Bencher) {
    let text = template();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| parse::parse(&text, "m"));
}

#[divan::bench]
fn trees(bencher: Bencher) {
    let sources = [Source::new("a.html", "a.html", template())];
    bencher
        .counter(BytesCount::of_str(&sources[0].text))
        .bench(|| Site::parse(&sources, &BTreeSet::new()).0.files.len());
}

/// All that `hydra-compile check` does but for reading the file and showing the report.
#[divan::bench]
fn check(bencher: Bencher) {
    let input = Input {
        sources: vec![Source::new("a.html", "a.html", template())],
        templates: 1,
        ..Input::default()
    };
    bencher
        .counter(BytesCount::of_str(&input.sources[0].text))
        .bench(|| check_site(&input));
}
