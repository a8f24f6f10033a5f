mod attributes;
mod elements;

use proptest::prelude::*;

use super::*;

/// The pieces of a file, each as its kind and its text.
fn pieces(text: &str) -> Vec<String> {
    let kind = |piece: &Piece| match &piece.kind {
        PieceKind::Text => "text",
        PieceKind::Print => "print",
        PieceKind::Statement => "statement",
        PieceKind::Opaque => "opaque",
        PieceKind::Unclosed(_) => "unclosed",
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

/// The first element with attributes of Hydra's, as far as it goes.
fn marked(text: &str) -> Option<&str> {
    let parsed = parse(text, "m");
    let marked = parsed.marked.first()?;
    text.get(marked.tag.span.start as usize..marked.end? as usize)
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
        "<![CDATA[ <m:fragment ref='x'>",
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

/// Whether the tag behind each beginning is one.
#[track_caller]
fn tag_after(rows: &[(&str, &str, bool)]) {
    for (section, before, is_tag) in rows {
        let text = format!("{before}<m:fragment ref='f'/>");
        assert_eq!(has_tag(&text), *is_tag, "{section}: {text}");
    }
}

#[test]
fn comments_end_where_html_ends_them() {
    tag_after(&[
        ("13.2.5.43", "<!-->", true),
        ("13.2.5.44", "<!--->", true),
        ("13.2.5.44", "<!---!>", false),
        ("13.2.5.45", "<!-- > ->", false),
        ("13.2.5.46", "<!-- <!>", false),
        ("13.2.5.49", "<!-- <!--> ", true),
        ("13.2.5.50", "<!-- x -- >", false),
        ("13.2.5.51", "<!-- x -->", true),
        ("13.2.5.51", "<!-- x ----->", true),
        ("13.2.5.51", "<!---->", true),
        ("13.2.5.52", "<!-- x --!>", true),
        ("13.2.5.52", "<!-- x --!- >", false),
        ("13.2.5.52", "<!----!>", true),
        ("13.2.5.41", "<!x>", true),
        ("13.2.5.41", "<?xml version='1.0'?>", true),
        ("13.2.5.41", "</ x", false),
        ("13.2.5.41", "</ x>", true),
        ("13.2.5.7", "</>", true),
        ("13.2.5.53", "<!DOCTYPE html>", true),
        ("Tera", "<!-- {{ '-->' }}", false),
        ("Tera", "<!-- {# --> #}", false),
        ("Tera", "<!-- {{ '-->' }} -->", true),
    ]);
}

#[test]
fn an_end_tag_has_just_the_name() {
    tag_after(&[
        ("13.2.5.17", "<script>'</scriptx>';", false),
        ("13.2.5.17", "<script>'</script-x>';", false),
        ("13.2.5.17", "<script></script", false),
        ("13.2.5.17", "<script></script\n>", true),
        ("13.2.5.17", "<script></SCRIPT/>", true),
        ("13.2.5.14", "<style></styles>", false),
        ("13.2.5.14", "<style></style >", true),
        ("13.2.5.11", "<title></titles>", false),
        ("13.2.5.11", "<title></title\t>", true),
        ("13.2.5.11", "<textarea></text></textarea>", true),
        ("13.2.5.8", "<script.x>", true),
        ("13.2.5.8", "<script:x>", true),
        ("13.2.5.8", "<script/x>", false),
        ("13.2.5.8", "<titlé>", true),
    ]);
}

#[test]
fn scripts_are_escaped_twice_as_html_has_it() {
    tag_after(&[
        ("13.2.5.20", "<script><!-- </script>", true),
        ("13.2.5.26", "<script><!-- \"<script></script>\" ", false),
        ("13.2.5.26", "<script><!-- <script/></script>", false),
        ("13.2.5.26", "<script><!-- <scripted></script>", true),
        ("13.2.5.26", "<script><!-- <script", false),
        ("13.2.5.22", "<script><!--> <script></script>", true),
        ("13.2.5.22", "<script><!---> <script></script>", true),
        ("13.2.5.31", "<script><!-- <script></script> </script>", true),
        ("13.2.5.31", "<script><!-- <script></scripts> </script>", false),
        ("13.2.5.29", "<script><!-- <script> --></script>", true),
        ("13.2.5.29", "<script><!-- <script></script> --></script>", true),
        (
            "13.2.5.29",
            "<script><!-- <SCRIPT ></Script\n> --></script>",
            true,
        ),
        ("13.2.5.18", "<script><! -- <script></script>", true),
        ("13.2.5.18", "<script><!- - <script></script>", true),
        ("Tera", "<script>{{ '</script>' }}", false),
        ("Tera", "<script>{# </script> #}</script>", true),
    ]);
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
        prop_assert_eq!(joined, text);
    }
}
