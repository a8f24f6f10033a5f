//! Attributes: their forms, their quotes, and quotes that never end.

use super::*;

/// The tag that a text begins with.
fn first_tag<'p>(parsed: &'p Pieces, text: &str) -> &'p Tag {
    match parsed.pieces.first().map(|piece| &piece.kind) {
        Some(PieceKind::Open(tag)) => tag,
        other => panic!("no tag but {other:?}: {text}"),
    }
}

#[test]
fn attributes_come_in_every_html_form() {
    let text = "<m:fragment a b=c d = \"e {{ f['\\\"'] }}\" g='h' i= />";
    let parsed = parse(text, "m");
    let tag = first_tag(&parsed, text);
    let shown: Vec<_> = tag
        .attributes
        .iter()
        .map(|at| {
            (
                &text[at.name.range()],
                at.value.as_ref().map(|value| &text[value.span.range()]),
            )
        })
        .collect();
    let value = Some("e {{ f['\\\"'] }}");
    assert_eq!(
        shown,
        [
            ("a", None),
            ("b", Some("c")),
            ("d", value),
            ("g", Some("h")),
            ("i", Some(""))
        ]
    );
    assert_eq!(tag.end, TagEnd::SelfClosed);
}

#[test]
fn an_open_quote_ends_at_the_next_tag() {
    let text = "<m:fragment ref=\"x>fallback</m:fragment><p class=\"y\">";
    let parsed = parse(text, "m");
    let tag = first_tag(&parsed, text);
    assert_eq!(tag.end, TagEnd::Missing);
    assert!(
        tag.attributes[0]
            .value
            .as_ref()
            .is_some_and(|value| value.open_quote.is_some())
    );
    assert!(has_tag(&text[tag.span.end as usize..]));
}

#[test]
fn a_less_than_in_a_quoted_value_is_text() {
    for text in [
        "<b onclick=\"if (a < 1) go()\" m:imports=\"n: integer\">{{ n }}</b>",
        "<b data-tpl='<i>hi</i>' m:imports=n>",
        "<iframe title='a < b' m:imports=n></iframe>",
        "<svg:g title='a < b' m:imports=n>",
        "<b m:imports='n: list<string>'>",
    ] {
        let parsed = parse(text, "m");
        let Some(Marked { tag, .. }) = parsed.marked.first() else {
            panic!("no element: {text}")
        };
        let names: Vec<_> = tag.attributes.iter().map(|at| &text[at.name.range()]).collect();
        assert_eq!(names.last(), Some(&"m:imports"), "{text}");
    }
    assert!(!has_tag(
        "<div m:ref=\"x\">a</div><a title=\"1 < 2 <m:fragment ref='y'>\">"
    ));
    assert!(!has_tag("<svg:g title=\"{{ a }} < 3 <m:fragment ref='q'>\">"));
}

#[test]
fn a_tag_with_another_prefix_is_a_tag_by_any_name() {
    let text = "<y:fragment/><x:fragment ref='a'></x:fragment><X:other title='a < b'/></x:other>";
    let tags = parse(text, "x")
        .pieces
        .into_iter()
        .filter_map(|piece| match piece.kind {
            PieceKind::Open(tag) => Some(tag.name),
            PieceKind::Close(close) => Some(close.name),
            _ => None,
        });
    let names: Vec<_> = tags.map(|name| &text[name.range()]).collect();
    assert_eq!(names, ["fragment", "fragment", "other", "other"]);
}

#[test]
fn a_value_is_a_value_whatever_stands_in_it() {
    for (text, values) in [
        (
            "<m:fragment service=\"s\" ref=\"</m:fragment>\">",
            &["s", "</m:fragment>"][..],
        ),
        ("<m:fragment ref='<p>'/>", &["<p>"]),
        ("<m:fragment ref=\"a<b\" service='>'>", &["a<b", ">"]),
        (
            "<m:fragment ref=\"<m:fragment ref='x'/>\">",
            &["<m:fragment ref='x'/>"],
        ),
        (
            "<m:fragment ref=\"{{ '<' }}\" service=\"<!--\">",
            &["{{ '<' }}", "<!--"],
        ),
        (
            "<m:fragment imports=\"a,\n <b>\n c\" ref='r'>",
            &["a,\n <b>\n c", "r"],
        ),
    ] {
        let parsed = parse(text, "m");
        let tag = first_tag(&parsed, text);
        let found: Vec<_> = tag.attributes.iter().filter_map(|at| at.value.as_ref()).collect();
        assert!(found.iter().all(|value| value.open_quote.is_none()), "{text}");
        let found: Vec<_> = found.iter().map(|value| &text[value.span.range()]).collect();
        assert_eq!(found, values, "{text}");
        assert_ne!(tag.end, TagEnd::Missing, "{text}");
    }
}

#[test]
fn a_quote_that_another_value_closes_was_forgotten() {
    for text in [
        "<m:fragment ref=\"x>fb</m:fragment><p class=\"y\">",
        "<m:fragment ref=\"x>fb</m:fragment><p class=\" y\">",
        "<m:fragment ref=\"x>fb</m:fragment><p class=\"\">",
        "<m:fragment ref='x>fb</m:fragment> it's",
        "<m:fragment ref=\"x>fb</m:fragment>",
        "<m:fragment ref=\"x>A</m:fragment>\n<m:fragment ref = \"y\">B</m:fragment>",
    ] {
        let parsed = parse(text, "m");
        let Some(Piece {
            kind: PieceKind::Open(tag),
            span,
        }) = parsed.pieces.first()
        else {
            panic!("no tag: {text}")
        };
        let value = tag.attributes.last().and_then(|at| at.value.as_ref());
        assert!(value.is_some_and(|value| value.open_quote.is_some()), "{text}");
        assert!(text[span.end as usize..].starts_with("</m:fragment>"), "{text}");
    }
}

#[test]
fn only_what_may_be_an_attribute_makes_elements_count() {
    for (text, offers) in [
        ("<m:fragment ref='f'></m:fragment>", false),
        ("<p title='a'>m:b</p>", false),
        ("<p m:ref='f'>", true),
        ("<p a='b'm:ref='f'>", true),
        ("<p/m:ref='f'>", true),
        ("<p {% if a %}{% endif %}m:ref='f'>", true),
        ("<p\nM:Ref='f'>", true),
    ] {
        assert_eq!(survey(text, "m").may_offer, offers, "{text}");
        assert_eq!(parse(text, "m").marked.len(), usize::from(offers), "{text}");
    }
}

#[test]
fn what_never_closes_says_what_it_is() {
    let never = |text: &str| match parse(text, "m").pieces.pop().map(|piece| piece.kind) {
        Some(PieceKind::Unclosed(Unclosed { kind, string })) => Some((kind, string)),
        _ => None,
    };
    for (text, expected) in [
        ("a {{ b", (UnclosedKind::Print, None)),
        ("a {% if b", (UnclosedKind::Statement, None)),
        ("{# }} %}", (UnclosedKind::Comment, None)),
        ("{% raw %}{{ a }}", (UnclosedKind::Raw, None)),
        ("{{ 'b }}", (UnclosedKind::Print, Some(3))),
        ("<!-- {% set a = \"\\\" %}", (UnclosedKind::Statement, Some(16))),
        ("<p title='{{ \"a }}'>", (UnclosedKind::Print, Some(13))),
    ] {
        assert_eq!(never(text), Some(expected), "{text}");
    }
}
