//! Prose is plain: the patterns that readers stumbled over are few in sources and documents.

use std::fs;

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
const PLAIN: [&str; 7] = ["longer", "more", "better", "worse", "need", "less", "where"];

/// How many the whole repository may have.
const ALLOWED: usize = 20;

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

/// Whether a word may begin or end beside this character.
fn is_edge(text: Option<char>) -> bool {
    text.is_none_or(|of| !of.is_alphanumeric() && of != '_')
}

/// Whether the text before a word leaves it a word. `/home/nobody` and `name.of.nobody` are data.
fn is_start(before: &str) -> bool {
    is_edge(before.chars().next_back()) && !before.ends_with(['/', '.'])
}

/// Where `phrase` stands in `text` as whole words.
fn places<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let around = text
        .match_indices(phrase)
        .map(|(at, found)| (&text[..at], &text[at + found.len()..]));
    around.filter(|(before, after)| is_start(before) && is_edge(after.chars().next()))
}

/// Whether the words before a "who" say who: "the visitor who asks".
fn has_subject(before: &str) -> bool {
    let article = before.split_whitespace().rev().nth(1).unwrap_or_default();
    matches!(article, "the" | "a" | "an" | "each" | "every")
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
        let places =
            places(&text, phrase).filter(|(before, _)| !phrase.starts_with("who ") || !has_subject(before));
        found.extend(places.map(|place| shown(place, phrase)));
    }
    let riddles = places(&text, NEGATION).filter(is_riddle);
    found.extend(riddles.map(|place| shown(place, NEGATION)));
    found
}

#[test]
fn the_old_patterns_are_few() {
    let mut all = Vec::new();
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
            let path = file.strip_prefix(workspace()).unwrap_or(&file);
            all.extend(
                found(&text)
                    .into_iter()
                    .map(|shown| format!("{}: {shown}", path.display())),
            );
        }
    }
    assert!(all.len() <= ALLOWED, "{}: {all:#?}", all.len());
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
        ("/home/nobody {{ name.of.nobody }}", 0),
        ("The visitor who asks. For another who asks the same.", 1),
    ] {
        assert_eq!(found(text).len(), expected, "{text}");
    }
}
