//! Finds the position of the script in a page: before everything that could redirect it, such as a `<base>`, and after
//! what must come first, the doctype, `<html>` and `<head>`.
#![deny(clippy::disallowed_methods)]

use memchr::memmem;

/// Searches the texts of a page from its start, one after the other.
#[derive(Debug, Default)]
pub struct Prologue {
    inside: Inside,
}

/// The construct in which the last text stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Comment,
    /// A doctype or the tag `<html>`, and the quote that is open.
    Tag(Option<u8>),
    /// The tag `<head>`.
    Head(Option<u8>),
}

impl Prologue {
    /// The offset in `text` where the script may stand. `None`: it stands in a later text.
    pub fn end(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        if text.starts_with("\u{feff}".as_bytes()) && self.inside == Inside::Nothing {
            at = 3;
        }
        loop {
            match self.inside {
                Inside::Nothing => {
                    at += text[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
                    self.inside = begins(&text[at..])?;
                    if self.inside == Inside::Nothing {
                        return Some(at);
                    }
                    at += 2;
                }
                Inside::Comment => {
                    at += memmem::find(text.get(at..)?, b"-->")? + 3;
                    self.inside = Inside::Nothing;
                }
                Inside::Tag(quote) => {
                    let (end, quote) = tag_end(text.get(at..)?, quote);
                    self.inside = Inside::Tag(quote);
                    at += end?;
                    self.inside = Inside::Nothing;
                }
                Inside::Head(quote) => {
                    let (end, quote) = tag_end(text.get(at..)?, quote);
                    self.inside = Inside::Head(quote);
                    return Some(at + end?);
                }
            }
        }
    }
}

/// The construct at the start of `text`, which is not empty. `Nothing`: the script must stand before it.
fn begins(text: &[u8]) -> Option<Inside> {
    let is = |tag: &[u8]| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
            && text
                .get(tag.len())
                .is_none_or(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))
    };
    Some(match () {
        () if text.starts_with(b"<!--") => Inside::Comment,
        () if is(b"<!doctype") || is(b"<html") => Inside::Tag(None),
        () if is(b"<head") => Inside::Head(None),
        () => Inside::Nothing,
    })
}

/// The offset after the `>` of the tag that `text` continues. Without one, the quote that is open at the end of `text`.
fn tag_end(text: &[u8], mut quote: Option<u8>) -> (Option<usize>, Option<u8>) {
    for (at, &byte) in text.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return (Some(at + 1), None),
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None => {}
        }
    }
    (None, quote)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The texts with a mark where the script stands.
    fn marked(texts: &[&str]) -> String {
        let mut prologue = Prologue::default();
        let (mut out, mut is_found) = (String::new(), false);
        for text in texts {
            match prologue.end(text.as_bytes()).filter(|_| !is_found) {
                Some(at) => {
                    is_found = true;
                    out.push_str(&format!("{}|{}", &text[..at], &text[at..]));
                }
                None => out.push_str(text),
            }
        }
        out
    }

    #[test]
    fn the_script_stands_first_in_the_head_or_before_what_comes_first() {
        for page in [
            "<!doctype html>\n<html lang=\"en\">\n<head>|\n<base href=\"x\">",
            "<!DOCTYPE html><HTML><HEAD profile='>'>|<meta charset=utf-8>",
            "\u{feff} <!-- <head> --><!doctype html><!-- --> |<title>t</title>",
            "<!doctype html><html>|<header>",
            "<!doctype html>|<body><head>",
            "|<p>text",
            "|text <head>",
            "|</head>",
            "|<base>",
            "<html data-a=\"<head>\">|<p>",
        ] {
            assert_eq!(marked(&[&page.replace('|', "")]), page);
        }
        for page in ["", " \n", "<!-- ", "<!doctype html", "<html a=\"", "<head a='>"] {
            assert_eq!(marked(&[page]), page);
        }
    }

    #[test]
    fn what_a_text_stops_in_goes_on_in_the_next() {
        assert_eq!(
            marked(&["<html lang=\"", "e>n", "\"><head>", "x"]),
            "<html lang=\"e>n\"><head>|x"
        );
        assert_eq!(marked(&["<head class=", "a", ">", "x"]), "<head class=a>|x");
        assert_eq!(marked(&["<!-- a", "b --> ", "x"]), "<!-- ab --> |x");
        assert_eq!(marked(&["<!doctype html>", " ", "<p>"]), "<!doctype html> |<p>");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(texts in prop::collection::vec("(<|>|/|!|-|\"|'|=|doctype|head|html|[a-z é\n]){0,20}", 0..4)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            prop_assert_eq!(marked(&texts).replacen('|', "", 1), texts.concat());
        }
    }
}
