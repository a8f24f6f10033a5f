//! Decides two questions about the HTML of a fragment. It is *contained* if it can stand in a `<template>`: it closes
//! no `<template>` that it did not open, and leaves no comment, tag or element of raw text open that would swallow what
//! follows. It is *balanced* if it can also stand in a page without one: it closes everything that it opens, and
//! nothing else.
//!
//! The code follows the tokenizer of the HTML standard (section 13.2.5) as far as needed. The answer is no where
//! current and older browsers, or browsers with and without scripts, may differ. HTML that is not contained goes to the
//! browser as text.
#![deny(clippy::disallowed_methods)]

use memchr::{memchr, memmem};

use crate::limits::MAX_RAW_TEXT_NESTING;

/// Elements whose content is text.
const RAW: [&[u8]; 9] = [
    b"script",
    b"style",
    b"textarea",
    b"title",
    b"xmp",
    b"iframe",
    b"noembed",
    b"noframes",
    b"noscript",
];
/// Elements of SVG and MathML that may stand alone in a fragment whose slot is inside such an image. In a template,
/// browsers would read them as unknown elements of HTML.
const FOREIGN: [&[u8]; 28] = [
    b"animate",
    b"circle",
    b"clippath",
    b"defs",
    b"desc",
    b"ellipse",
    b"filter",
    b"foreignobject",
    b"g",
    b"line",
    b"lineargradient",
    b"marker",
    b"mask",
    b"mi",
    b"mn",
    b"mo",
    b"mrow",
    b"path",
    b"pattern",
    b"polygon",
    b"polyline",
    b"radialgradient",
    b"rect",
    b"stop",
    b"symbol",
    b"text",
    b"tspan",
    b"use",
];

/// Elements without content.
const VOID: [&[u8]; 14] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr",
];

/// Whether `html` is balanced: it is contained, and each of its elements has its own end.
pub(crate) fn is_balanced(html: &[u8]) -> bool {
    let reader = Reader::new(html, false);
    reader.read(MAX_RAW_TEXT_NESTING) == Some(true)
}

/// Whether `html` is contained.
pub(crate) fn is_self_contained(html: &[u8]) -> bool {
    Reader::new(html, false).read(MAX_RAW_TEXT_NESTING).is_some()
}

struct Reader<'h> {
    html: &'h [u8],
    at: usize,
    /// Whether an SVG image or a formula was opened, in which the raw text elements of HTML hold markup.
    foreign: bool,
    /// The elements that are open, as long as each has its own end.
    open: Option<Vec<&'h [u8]>>,
}

impl<'h> Reader<'h> {
    fn new(html: &'h [u8], foreign: bool) -> Self {
        let open = Some(Vec::new());
        Self {
            html,
            at: 0,
            foreign,
            open,
        }
    }

    /// Whether the HTML is balanced. `None`: it is not even contained. The content of some elements is text to one
    /// browser and markup to another: such elements are followed `nesting` levels deep, and deeper ones count as not
    /// contained.
    fn read(mut self, nesting: usize) -> Option<bool> {
        let mut templates = 0_usize;
        while let Some(found) = memchr(b'<', &self.html[self.at..]) {
            self.at += found + 1;
            let rest = &self.html[self.at..];
            match rest.first() {
                Some(b'!') => self.at += comment(rest)?,
                Some(b'?') => return None,
                Some(b'/') => {
                    self.at += 1;
                    let (name, _) = self.tag()?;
                    if name.eq_ignore_ascii_case(b"template") {
                        templates = templates.checked_sub(1)?;
                    }
                    self.close(name);
                }
                Some(letter) if letter.is_ascii_alphabetic() => {
                    let (name, attributes) = self.tag()?;
                    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
                    if is(b"plaintext") || (!self.foreign && FOREIGN.iter().any(|other| is(other))) {
                        return None;
                    }
                    if is(b"template") {
                        if names_another_place(attributes) {
                            return None;
                        }
                        templates += 1;
                    }
                    self.foreign |= is(b"svg") || is(b"math");
                    let is_closed = self.foreign && attributes.ends_with(b"/");
                    if !is_closed && !VOID.iter().any(|other| is(other)) {
                        self.open.iter_mut().for_each(|open| open.push(name));
                    }
                    if let Some(raw) = RAW.into_iter().find(|raw| is(raw))
                        && !self.raw_text(raw, nesting)
                    {
                        return None;
                    }
                }
                _ => {}
            }
        }
        (templates == 0).then_some(self.open.is_some_and(|open| open.is_empty()))
    }

    /// An element ends. Where it is not the last one that began, the fragment did not open it.
    fn close(&mut self, name: &[u8]) {
        let last = self.open.as_mut().and_then(Vec::pop);
        if !last.is_some_and(|last| last.eq_ignore_ascii_case(name)) {
            self.open = None;
        }
    }

    /// The name and the attributes of the tag at this position. `None`: this is not a tag, or it does not end.
    fn tag(&mut self) -> Option<(&'h [u8], &'h [u8])> {
        let rest = &self.html[self.at..];
        if !rest.first()?.is_ascii_alphabetic() {
            return None;
        }
        let is_name = |byte: &u8| !(byte.is_ascii_whitespace() || b"/>".contains(byte));
        let name = rest.iter().take_while(|byte| is_name(byte)).count();
        let end = tag_end(&rest[name..])?;
        self.at += name + end + 1;
        Some((&rest[..name], &rest[name..name + end]))
    }

    /// Skips the content of a raw text element, after its start tag. `false`: the element has no certain end, or
    /// browsers may read its content as markup that is not contained.
    fn raw_text(&mut self, name: &[u8], nesting: usize) -> bool {
        let rest = &self.html[self.at..];
        let Some(length) = closing(rest, name) else {
            return false;
        };
        let content = &rest[..length];
        self.at += length;
        // `<!--` and `<script` in a script may put its end elsewhere.
        if name == b"script" && memmem::find(content, b"<!--").is_some() {
            return false;
        }
        if !self.foreign && name != b"noscript" {
            return true;
        }
        nesting > 0 && Reader::new(content, self.foreign).read(nesting - 1).is_some()
    }
}

/// The length of a comment, from its `!`. `None`: this is not a comment, or browsers may differ about its end.
fn comment(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"!--")?;
    if inner.starts_with(b">") || inner.starts_with(b"->") {
        return None;
    }
    let end = memmem::find(inner, b"--")?;
    inner[end + 2..].starts_with(b">").then_some(3 + end + 3)
}

/// What a tag may continue with.
#[derive(Clone, Copy)]
enum Next {
    Name,
    /// More of a name, whatever its first character was.
    InName,
    AfterName,
    Value,
    InValue,
}

/// The offset of the `>` of a tag in the text after its name (sections 13.2.5.32 to 13.2.5.40 of the standard). A quote
/// counts only where a value begins.
fn tag_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut next) = (0, Next::Name);
    while let Some(&byte) = text.get(at) {
        let is_space = byte.is_ascii_whitespace();
        next = match (next, byte) {
            (_, b'>') => return Some(at),
            (Next::Value, b'"' | b'\'') => {
                at += 1 + memchr(byte, text.get(at + 1..)?)?;
                Next::Name
            }
            (Next::Value, _) if is_space => Next::Value,
            (Next::InValue, _) if is_space => Next::Name,
            (Next::Value | Next::InValue, _) => Next::InValue,
            (_, b'/') => Next::Name,
            (Next::InName | Next::AfterName, b'=') => Next::Value,
            (Next::InName | Next::AfterName, _) if is_space => Next::AfterName,
            (Next::Name, _) if is_space => Next::Name,
            (Next::Name | Next::InName | Next::AfterName, _) => Next::InName,
        };
        at += 1;
    }
    None
}

/// Whether a template with these attributes may be meant for another slot. Everything that looks like `for` counts.
fn names_another_place(attributes: &[u8]) -> bool {
    let mut words = attributes.split(|byte| byte.is_ascii_whitespace() || b"/=\"'".contains(byte));
    words.any(|word| word.eq_ignore_ascii_case(b"for"))
}

/// The offset of `</name` in the raw text `text`.
fn closing(text: &[u8], name: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memmem::find(&text[at..], b"</")?;
        let rest = &text[at + 2..];
        let is_name = rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name));
        let ends = rest
            .get(name.len())
            .is_some_and(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte));
        if is_name && ends {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stays_within_a_template_is_contained() {
        for html in [
            "",
            "text & <b>bold</b> <i>open",
            "a < b, <3, <",
            "</div></body></html><p>after",
            "<tr><td>row",
            "<!-- </template> --><p>",
            "<p title=\"</template>\" data-a='>'>x</p>",
            "<p title=</template>",
            "<template><b>x</b></template>",
            "<div><template shadowrootmode=\"open\"><slot></slot></template></div>",
            "<script>if (a < b) document.write('</template>')</script>",
            "<SCRIPT src=x></SCRIPT ><style>a::after { content: '<!--' }</style>",
            "<textarea></template></textarea><title><!--</title>",
            "<noscript><img src=\"/count.gif\"></noscript>",
            "<svg><circle r=\"1\"/><title>One</title><style>a{}</style></svg>",
            "<a href=x\"y>z</a>",
            "<a =\">z</a>",
            "<a b/=\"c>z</a>",
            "<a b = '</template>' c>z</a>",
        ] {
            assert!(is_self_contained(html.as_bytes()), "{html}");
        }
    }

    #[test]
    fn what_escapes_a_template_or_swallows_what_follows_is_not() {
        for html in [
            "</template>",
            "<b></TEMPLATE ><script>alert(1)</script>",
            "<template></template></template>",
            "<template>",
            "<template/>",
            "<!-- open",
            "<!-->",
            "<!--->x-->",
            "<!-- a --!> b -->",
            "<!-- -- -->",
            "<!doctype html>",
            "<![CDATA[ > ]]>",
            "<?start name=\"x\">",
            "</?>",
            "</",
            "</ p>",
            "<p",
            "<p title=\"",
            "<p title='\">",
            "<p =\"></template>\">",
            "<p a=b\"></template>\">",
            "<p a/=\"></template>\">",
            "<script>",
            "<script></scripts>",
            "<script></script",
            "<script><!-- <script> </script>",
            "<style></template>",
            "<textarea>",
            "<title>",
            "<iframe>",
            "<plaintext>",
            "<noscript><!-- </noscript>",
            "<noscript></template></noscript>",
            "<noscript><p title=\"</noscript>",
            "<svg><style><!-- </style></svg>",
            "<svg><title></template></title></svg>",
            "<svg><script>a</script><![CDATA[</template>]]></svg>",
            "<circle r=\"1\"></circle>",
            "<template for=\"hydra-1\"></template>",
            "<template a FOR=x></template>",
        ] {
            assert!(!is_self_contained(html.as_bytes()), "{html}");
        }
    }

    #[test]
    fn what_closes_all_that_it_opens_and_nothing_else_is_balanced() {
        for (html, expected) in [
            ("text", true),
            ("<p>a<br>b<IMG src=x></P>", true),
            ("<ul><li>a</li><li>b</li></ul>", true),
            ("<tr><td>row</td></tr>", true),
            ("<svg viewbox='0 0 1 1'><circle r=1 /><g></g></svg>", true),
            ("<script>'</p>'</script><style></style>", true),
            ("<template shadowrootmode=open><b>x</b></template>", true),
            ("<ul><li>a<li>b</ul>", false),
            ("</div>", false),
            ("<b><i></b></i>", false),
            ("<div>", false),
            ("<div/>", false),
            ("</p>", false),
            ("<!-- open", false),
            ("<div></div></template>", false),
        ] {
            assert_eq!(is_balanced(html.as_bytes()), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn two_that_are_contained_are_so_together(
            one in "(<|>|/|!|-|\"|'|=|template|script|<!--|-->|[a-z \n]){0,24}",
            other in "(<|>|/|!|-|\"|'|=|template|script|<!--|-->|[a-z \n]){0,24}",
        ) {
            let (a, b) = (is_self_contained(one.as_bytes()), is_self_contained(other.as_bytes()));
            // What stands behind a `<` at the end of a text is `</template>`, and no letter.
            if a && b && !one.ends_with('<') {
                prop_assert!(is_self_contained(format!("{one}{other}").as_bytes()), "{one} {other}");
            }
        }
    }
}
