//! Prose is plain: the patterns that readers stumbled over are few in sources and documents.

use std::{collections::BTreeMap, fs, path::Path};

use hydra_tests::{markdown::files, workspace};

/// Phrases that leave out their subject or their object, or make the reader look for them.
const PHRASES: [&str; 9] = [
    "whoever",
    "somebody",
    "nobody",
    "what is there",
    "what came",
    "who asks",
    "that which",
    "its own is",
    "hears so",
];

/// "`x` is no duration" is a riddle; "there is no gateway" and "it is no longer there" are not.
const NEGATION: &str = "is no";

/// What may follow a negation.
const PLAIN: [&str; 6] = ["longer", "more", "better", "worse", "need", "less"];

/// How many the whole repository may have.
const ALLOWED: usize = 20;

/// Where more are left, and how many: these numbers only fall.
const LEFT: [(&str, usize); 5] = [
    ("runtime/cli", 14),
    ("runtime/gateway", 77),
    ("runtime/net", 9),
    ("runtime/src", 57),
    ("runtime/wire", 11),
];

/// The comments and the texts in quotes of a Rust file, of which names in the code are no part.
fn words_of_rust(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("//") {
            words += line;
        } else {
            line.split('"')
                .skip(1)
                .step_by(2)
                .for_each(|quoted| words += &format!(" {quoted} ."));
            let comment = line.split_once(" // ").map_or("", |(_, comment)| comment);
            words += comment;
        }
        words.push('\n');
    }
    words
}

/// The text in lower case, without the marks of comments, so that phrases are found across lines.
fn prose(text: &str) -> String {
    let words = text.split_whitespace();
    let words = words.filter(|word| !matches!(*word, "//" | "///" | "//!" | "*"));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The word before or after a place.
fn is_edge(text: Option<char>) -> bool {
    text.is_none_or(|of| !of.is_alphanumeric() && of != '_')
}

/// Where `phrase` stands in `text` as whole words.
fn places<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let around = text
        .match_indices(phrase)
        .map(|(at, found)| (&text[..at], &text[at + found.len()..]));
    around.filter(|(before, after)| is_edge(before.chars().next_back()) && is_edge(after.chars().next()))
}

fn is_riddle((before, after): &(&str, &str)) -> bool {
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let next: String = after
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    !last.ends_with("there") && !next.is_empty() && !PLAIN.contains(&next.as_str())
}

/// The old patterns in a text, each with a few words around it.
fn found(text: &str) -> Vec<String> {
    let text = prose(text);
    let mut found = Vec::new();
    let shown = |(before, after): (&str, &str), phrase: &str| {
        let start = before.char_indices().rev().nth(30).map_or(0, |(at, _)| at);
        let end = after.char_indices().nth(20).map_or(after.len(), |(at, _)| at);
        format!("{}{phrase}{}", &before[start..], &after[..end])
    };
    for phrase in PHRASES {
        found.extend(places(&text, phrase).map(|place| shown(place, phrase)));
    }
    let riddles = places(&text, NEGATION).filter(is_riddle);
    found.extend(riddles.map(|place| shown(place, NEGATION)));
    found
}

/// The crate or folder that a file belongs to.
fn area(file: &Path) -> String {
    let path = file.strip_prefix(workspace()).unwrap_or(file);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    match parts.as_slice() {
        [first, second, _, ..] if first == "runtime" => format!("{first}/{second}"),
        [first, ..] => first.to_string(),
        [] => String::new(),
    }
}

#[test]
fn the_old_patterns_are_few() {
    let mut areas: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in ["rs", "md", "js", "html", "toml", "lua"]
        .iter()
        .flat_map(|extension| files(extension))
    {
        if !file.ends_with("documents/prose.rs") {
            let bytes = fs::read(&file).expect("a file of the repository");
            // One of the fixtures is not UTF-8.
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            if file.extension().is_some_and(|extension| extension == "rs") {
                text = words_of_rust(&text);
            }
            let found = found(&text)
                .into_iter()
                .map(|shown| format!("{}: {shown}", file.display()));
            areas.entry(area(&file)).or_default().extend(found);
        }
    }
    for (name, most) in LEFT {
        let found = areas.remove(name).unwrap_or_default();
        assert!(
            found.len() <= most,
            "{name}: {} of {most}: {found:#?}",
            found.len()
        );
    }
    let rest: Vec<String> = areas.into_values().flatten().collect();
    assert!(rest.len() <= ALLOWED, "{}: {rest:#?}", rest.len());
}

#[test]
fn names_in_code_are_no_prose() {
    let code = "let nobody = 1; // for whoever\nlog(\"nobody\", somebody);\n/// Nobody.\n";
    assert_eq!(found(&words_of_rust(code)).len(), 3);
}

#[test]
fn patterns_are_found_as_words_and_across_lines_of_comments() {
    for (text, expected) in [
        ("/// Whoever has not\n/// learns nothing.", 1),
        ("`x` is no\n/// duration", 1),
        ("there is no gateway", 0),
        ("It is no longer there.", 0),
        ("this is nothing; what is therefore", 0),
        ("let somebody_else = what_came;", 0),
        ("Somebody said what is there.", 2),
        ("`x` is no.", 0),
    ] {
        assert_eq!(found(text).len(), expected, "{text}");
    }
}
