//! Texts made to take long: what grows with the square of their size would take minutes.

use crate::problem::MOST_PROBLEMS;

use super::{Around, problems_of};

/// `start` once, then `one` until the text is large.
fn many(start: &str, one: &str) -> String {
    format!("{start}{}", one.repeat(500_000 / one.len()))
}

#[test]
fn what_never_ends_is_read_once() {
    for text in [
        many("", "{% raw %}"),
        many("{{ \"", "\\\""),
        many("{% if \"", "\\\""),
        many("", "xmlns:"),
        many("", "<a xmlns:b="),
        many("<a xmlns:b='getmedusa.io'>", "<b:fragment ref='"),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        assert!(!problems.is_empty() || text.contains("xmlns:"), "{}", &text[..20]);
    }
}

#[test]
fn attributes_without_number_are_each_looked_at_once() {
    let attributes: String = (0..20_000).map(|n| format!(" a{n}='b'")).collect();
    let tag = format!("<m:fragment ref='a'{attributes}></m:fragment>");
    let (_, problems) = problems_of(&[("page.html", &tag)], &Around::default());
    // More than anyone reads, though not as many as a file may hold.
    assert!(
        (20..=MOST_PROBLEMS + 1).contains(&problems.len()),
        "{}",
        problems.len()
    );
}

#[test]
fn a_statement_that_is_not_nested_well_is_one_report() {
    for (text, message) in [
        (
            "{% if a %}{% for b in c %}x{% endfor %}-",
            "this `{% if %}` is never closed",
        ),
        (
            "{% for a in b %}x{% endif %}",
            "`{% endif %}` closes a `{% for %}`",
        ),
    ] {
        let (_, problems) = problems_of(&[("page.html", text)], &Around::default());
        let messages: Vec<_> = problems.iter().map(|problem| &problem.message).collect();
        assert_eq!(messages, [message], "{text}");
    }
}
