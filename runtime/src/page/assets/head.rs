//! Finds the end of a page's head in the text that Tera printed.
#![deny(clippy::disallowed_methods)]

use memchr::{memchr, memmem};

/// Elements whose content is text, in which there are no tags.
const RAW: [&[u8]; 6] = [
    b"script",
    b"style",
    b"title",
    b"textarea",
    b"noscript",
    b"template",
];

/// Searches the texts of a page, one after the other. The fragments between them are not searched.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// The end of the comment or element in which the last text stopped.
    inside: Option<&'static [u8]>,
    is_over: bool,
}

impl Scanner {
    /// The offset in `text` of the `</head>` that ends the head.
    pub(crate) fn find(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        while !self.is_over {
            if let Some(end) = self.inside {
                at += find_closing(&text[at..], end)?;
                self.inside = None;
            }
            at += memchr(b'<', &text[at..])?;
            let rest = &text[at..];
            if rest.starts_with(b"<!--") {
                self.inside = Some(b"-->");
                at += 4;
            } else if is_tag(rest, b"</head") {
                self.is_over = true;
                return Some(at);
            } else if is_tag(rest, b"<body") {
                self.is_over = true;
            } else {
                self.inside = RAW.into_iter().find(|name| is_tag(&rest[1..], name));
                at += 1;
            }
        }
        None
    }

    /// Whether further texts can't hold the end of the head.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

/// The offset after the `-->` of a comment, or of the `</name` of an element in upper or lower case.
fn find_closing(text: &[u8], end: &[u8]) -> Option<usize> {
    if end == b"-->" {
        return Some(memmem::find(text, end)? + end.len());
    }
    let mut at = 0;
    loop {
        at += memmem::find(&text[at..], b"</")?;
        if is_tag(&text[at + 2..], end) {
            return Some(at + 2);
        }
        at += 2;
    }
}

/// Whether `text` starts with `tag`, in upper or lower case, and its name ends there.
fn is_tag(text: &[u8], tag: &[u8]) -> bool {
    text.len() >= tag.len()
        && text[..tag.len()].eq_ignore_ascii_case(tag)
        && text
            .get(tag.len())
            .is_none_or(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(texts: &[&str]) -> Option<(usize, usize)> {
        let mut scanner = Scanner::default();
        texts
            .iter()
            .enumerate()
            .find_map(|(index, text)| Some((index, scanner.find(text.as_bytes())?)))
    }

    #[test]
    fn the_head_ends_at_its_own_tag() {
        for page in [
            "<html><head><title>a</title>|</head><body></head>",
            "<HEAD>|</Head >",
            "<head><header></header>|</head\n>",
            "<head><!-- </head> -->|</head>",
            "<head><script>'</head>'</script>|</head>",
            "<head><SCRIPT src=x></SCRIPT><style></head></STYLE>|</head>",
            "<head><title></header></titles></head></title>|</head>",
            "|</head",
        ] {
            let place = page.find('|').expect("marked");
            assert_eq!(find(&[&page.replace('|', "")]), Some((0, place)), "{page}");
        }
    }

    #[test]
    fn there_may_be_no_end_of_a_head() {
        for page in [
            "",
            "<p>a",
            "<body></head>",
            "<header></header>",
            "<head><!-- </head>",
            "<head><script></head>",
            "<",
            "</",
            "<!--",
            "<script",
        ] {
            assert_eq!(find(&[page]), None, "{page}");
        }
    }

    #[test]
    fn what_a_text_stops_in_goes_on_in_the_next() {
        assert_eq!(
            find(&["<head><title>", "</head>", "</title></head>"]),
            Some((2, 8))
        );
        assert_eq!(find(&["<head><!--", "</head>-->", "</head>"]), Some((2, 0)));
        assert_eq!(find(&["<head>", "</head>"]), Some((1, 0)));
        assert_eq!(find(&["<body>", "</head>"]), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(texts in prop::collection::vec("(<|/|!|-|>|head|body|script|title|[a-z é\n]){0,20}", 0..4)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if let Some((index, at)) = find(&texts) {
                prop_assert!(texts[index][at..].to_ascii_lowercase().starts_with("</head"));
            }
        }
    }
}
