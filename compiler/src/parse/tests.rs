use proptest::prelude::*;

use super::*;

/// The pieces of a file, each as its kind and its text.
fn pieces(text: &str) -> Vec<String> {
    let kind = |piece: &Piece| match &piece.kind {
        PieceKind::Text => "text",
        PieceKind::Print => "print",
        PieceKind::Statement => "statement",
        PieceKind::Opaque => "opaque",
        PieceKind::Unclosed => "unclosed",
        PieceKind::Open(_) => "open",
        PieceKind::Close(_) => "close",
    };
    let parsed = parse(text, "m");
    parsed
        .pieces
        .iter()
        .map(|piece| format!("{} {}", kind(piece), &text[piece.span.range()]))
        .collect()
}

fn has_tag(text: &str) -> bool {
    pieces(text)
        .iter()
        .any(|piece| piece.starts_with("open") || piece.starts_with("close"))
}

#[test]
fn a_page_falls_into_its_pieces() {
    assert_eq!(
        pieces("<p>{{ a }}</p><m:fragment ref='x'>no {% if b %}b{% endif %}</m:fragment>{# c #}"),
        [
            "text <p>",
            "print {{ a }}",
            "text </p>",
            "open <m:fragment ref='x'>",
            "text no ",
            "statement {% if b %}",
            "text b",
            "statement {% endif %}",
            "close </m:fragment>",
            "opaque {# c #}",
        ]
    );
}

#[test]
fn a_tag_is_no_tag_where_html_has_none() {
    for text in [
        "<!-- <m:fragment ref='x'> -->",
        "<![CDATA[ <m:fragment ref='x'> ]]>",
        "<script>let a = '<m:fragment>'</script>",
        "<STYLE>/* <m:fragment> */</style>",
        "<textarea><m:fragment></textarea>",
        "<title><m:fragment></title>",
        "<xmp><m:fragment></xmp>",
        "<iframe><m:fragment></iframe>",
        "<noembed><m:fragment></noembed>",
        "<noframes><m:fragment></noframes>",
        "<plaintext><m:fragment>",
        "<a title=\"<m:fragment ref='x'>\">x</a>",
        "<a title='{{ a }} <m:fragment>'>x</a>",
        "{# <m:fragment> #}",
        "{% raw %}<m:fragment>{% endraw %}",
        "{%- raw -%}<m:fragment>{%- endraw -%}",
        "{{ '<m:fragment>' }}",
        "{% set a = `<m:fragment>` %}",
        "<mm:fragment>",
        "<svg:path/>",
    ] {
        assert!(!has_tag(text), "{text}");
    }
}

#[test]
fn a_tag_is_a_tag_everywhere_else() {
    for text in [
        "<M:Fragment ref=x>",
        "<!-- a --><m:fragment>",
        "<script></script><m:fragment>",
        "<scripted><m:fragment>",
        "a < b <m:fragment>",
        "<a title=\"it's\"><m:fragment>",
        "<a b='<p'><m:fragment>",
        "{{ '}}' }}<m:fragment>",
        "{% raw %}{{{% endraw %}<m:fragment>",
        "</m:fragment",
        "{ <m:fragment>",
        "<div {% if a %}class='b'{% endif %}><m:fragment>",
    ] {
        assert!(has_tag(text), "{text}");
    }
}

#[test]
fn attributes_come_in_every_html_form() {
    let text = "<m:fragment a b=c d = \"e {{ f['\\\"'] }}\" g='h' i= />";
    let parsed = parse(text, "m");
    let Some(Piece {
        kind: PieceKind::Open(tag),
        ..
    }) = parsed.pieces.first()
    else {
        panic!("no tag")
    };
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
    let Some(Piece {
        kind: PieceKind::Open(tag),
        ..
    }) = parsed.pieces.first()
    else {
        panic!("no tag")
    };
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
        let Some(Element::Open(tag)) = parsed.elements.first() else {
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

/// Texts made of what the grammar knows: random bytes alone would hardly ever reach its corners.
fn soup() -> impl Strategy<Value = String> {
    let tokens = prop::sample::select(vec![
        "<m:fragment",
        "</m:fragment>",
        "<m:",
        "m:ref=",
        " ",
        ">",
        "/>",
        "\"",
        "'",
        "`",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{% raw %}",
        "{% endraw %}",
        "<!--",
        "-->",
        "<script>",
        "</script",
        "<a ",
        "</a>",
        "<b title=\"",
        "<svg:g a='",
        "</ ",
        "=",
        "as",
        ",",
        "é",
        "\r\n",
        "\u{feff}",
        "\0",
        "<",
        "{",
        "-",
        "\\",
        "<![CDATA[",
        "]]>",
        "<title>",
        "xmlns:x='getmedusa.io'",
    ]);
    prop::collection::vec(tokens, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn the_pieces_are_the_file(text in prop_oneof![soup(), ".*"]) {
        let parsed = parse(&text, "m");
        let joined: String = parsed.pieces.iter().map(|piece| &text[piece.span.range()]).collect();
        for rule in [Rule::file, Rule::elements, Rule::root] {
            prop_assert!(Grammar::parse(rule, &text).is_ok());
        }
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn both_ways_to_cut_agree(text in soup()) {
        let tags = |rule| -> Vec<Piece> { cut(&text, "m", rule).pieces };
        prop_assert_eq!(tags(Rule::file), tags(Rule::elements));
    }
}
