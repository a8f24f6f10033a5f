//! The rows of the table in `docs/guide/from-other-engines.md`, and texts made of them.
#![allow(dead_code, reason = "each test needs a part of it")]

use std::{fs, path::Path};

use proptest::{prelude::*, sample::Index};

/// A row of the table: what is written there and here, and what the help names.
pub(crate) struct Row {
    pub(crate) there: String,
    pub(crate) here: String,
    pub(crate) named: String,
}

pub(crate) fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/from-other-engines.md");
    let page = fs::read_to_string(page).expect("the page of the guide");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| {
        let mut codes = row
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|code| code.replace("\\|", "|"));
        let mut next = || codes.next().expect("three pieces of code in a row");
        Row {
            there: next(),
            here: next(),
            named: next(),
        }
    })
    .collect()
}

/// What is doubled, added and cut: the signs by which the engines are told apart, and letters of several bytes.
const SIGNS: &[&str] = &[
    "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", "=", "==", "=>", ":", "::", "|", "||", "&&", "?", "?.",
    "!", "..", "...", ".", ",", ";", "(", ")", "[", "]", "<", ">", "</", "/>", "/", "//", "*", "@", "$", "#",
    "%", "+", "-", "~", "'", "\"", "`", "\\", " ", "\n", "\t", "\u{a0}", "é", "“", "\u{2003}", "\u{feff}",
    "😀", "e\u{301}", "\0", "${", "#{", "@{", "*{", "!{", "[[", "]]", "{{{", "}}}", "{{{{", "<%", "%>", "<#",
    "<@", "th:", "v-", "0", "9",
];

/// One change of a text. Places are counted in characters.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The part between two places is removed.
    Cut(Index, Index),
    /// The part between two places is written again behind itself, and perhaps often.
    Repeated(Index, Index, usize),
    /// The part between two places of another text is written at a place.
    Spliced(Index, String, Index, Index),
    /// A sign is written at a place, once or more often.
    Sign(Index, &'static str, usize),
    /// The sign at a place, if it is one, is written once more.
    Doubled(Index),
    /// The text ends at a place.
    Ended(Index),
}

/// Changes among `texts`.
fn changes(texts: Vec<String>) -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let often = prop_oneof![9 => 1..4_usize, 1 => 4..40_usize];
    let sign = prop::sample::select(SIGNS);
    prop_oneof![
        2 => (place(), place()).prop_map(|(start, end)| Change::Cut(start, end)),
        1 => (place(), place(), often.clone()).prop_map(|(start, end, times)| Change::Repeated(start, end, times)),
        3 => (place(), prop::sample::select(texts), place(), place())
            .prop_map(|(at, text, start, end)| Change::Spliced(at, text, start, end)),
        4 => (place(), sign, often).prop_map(|(at, sign, times)| Change::Sign(at, sign, times)),
        4 => place().prop_map(Change::Doubled),
        1 => place().prop_map(Change::Ended),
    ]
}

fn changed(text: &str, change: &Change) -> String {
    let characters: Vec<char> = text.chars().collect();
    let length = characters.len();
    let part = |range: std::ops::Range<usize>| characters[range].iter().collect::<String>();
    let ordered = |one: &Index, other: &Index, length: usize| {
        let (one, other) = (one.index(length + 1), other.index(length + 1));
        one.min(other)..one.max(other)
    };
    let inserted = |at: usize, text: &str| part(0..at) + text + &part(at..length);
    match change {
        Change::Cut(start, end) => {
            let range = ordered(start, end, length);
            part(0..range.start) + &part(range.end..length)
        }
        Change::Repeated(start, end, times) => {
            let range = ordered(start, end, length);
            inserted(range.end, &part(range).repeat(*times))
        }
        Change::Spliced(at, other, start, end) => {
            let characters: Vec<char> = other.chars().collect();
            let range = ordered(start, end, characters.len());
            inserted(
                at.index(length + 1),
                &characters[range].iter().collect::<String>(),
            )
        }
        Change::Sign(at, sign, times) => inserted(at.index(length + 1), &sign.repeat(*times)),
        Change::Doubled(at) => {
            let signs: Vec<usize> = (0..length)
                .filter(|at| !characters[*at].is_alphanumeric())
                .collect();
            match signs.is_empty() {
                true => text.to_owned(),
                false => {
                    let at = signs[at.index(signs.len())];
                    inserted(at, &characters[at].to_string())
                }
            }
        }
        Change::Ended(at) => part(0..at.index(length + 1)),
    }
}

/// The largest text that is changed further, in bytes: what is found in a larger one is found in this one, too.
const LARGEST: usize = 20_000;

/// A row of the guide's table or another text, with a few changes.
pub(crate) fn spliced(others: Vec<String>) -> impl Strategy<Value = String> {
    let rows: Vec<String> = rows().into_iter().map(|row| row.there).collect();
    let begin =
        prop_oneof![3 => prop::sample::select(rows.clone()), 1 => prop::sample::select(others.clone())];
    let texts = rows.into_iter().chain(others).collect();
    (begin, prop::collection::vec(changes(texts), 0..5)).prop_map(|(text, changes)| {
        changes
            .iter()
            .fold(text, |text, change| match text.len() > LARGEST {
                true => text,
                false => changed(&text, change),
            })
    })
}
