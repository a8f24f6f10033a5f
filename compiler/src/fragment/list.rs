//! Lists: `dob, countryOrigin as country` (design section 3.2).

use crate::{parse::Attribute, problem::Code, source::Span};

use super::{Reader, is_name, short, text};

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The left side: one name, or a path in an import.
    pub path: Vec<String>,
    /// Where the left side stands.
    pub name_span: Span,
    /// The right side.
    pub alias: Option<String>,
    /// Where the name stands under which the other side gets it.
    pub target_span: Span,
}

impl Item {
    /// The left side as written.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// The first name of the left side: the attribute itself.
    #[must_use]
    pub fn root(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The name under which the other side gets it.
    #[must_use]
    pub fn target(&self) -> &str {
        self.alias.as_deref().unwrap_or_else(|| self.root())
    }
}

/// Reads a list. `paths`: a left side may be a path.
pub(super) fn read(reader: &mut Reader<'_>, attribute: &Attribute, paths: bool) -> Vec<Item> {
    let Some(decoded) = text::fixed(reader, attribute, Code::BadList, "write the names out") else {
        return Vec::new();
    };
    let mut items = Vec::new();
    let mut at = 0;
    let last = decoded.text.matches(',').count();
    for (index, part) in decoded.text.split(',').enumerate() {
        let words = words(part, at);
        match words.as_slice() {
            // One comma may follow the last item.
            [] if index == last && index > 0 => {}
            [] => {
                let span = decoded.span(at, (at + part.len() + 1).min(decoded.text.len()));
                let message = "a name is missing beside this comma";
                reader.report(
                    Code::BadList,
                    message,
                    span,
                    "nothing here",
                    "remove the comma, or write the name",
                );
            }
            words => items.extend(item(reader, &decoded, words, paths)),
        }
        at += part.len() + 1;
    }
    items
}

/// The words of a part, each with its place.
fn words(part: &str, start: usize) -> Vec<(usize, &str)> {
    // More than four words are no item: one report needs no more of them.
    part.split_ascii_whitespace()
        .take(5)
        .map(|word| (start + offset(part, word), word))
        .collect()
}

fn offset(outer: &str, inner: &str) -> usize {
    inner.as_ptr() as usize - outer.as_ptr() as usize
}

fn item(
    reader: &mut Reader<'_>,
    decoded: &text::Decoded,
    words: &[(usize, &str)],
    paths: bool,
) -> Option<Item> {
    let (start, first) = words[0];
    let (end, last) = words[words.len() - 1];
    let span = decoded.span(start, end + last.len());
    let alias = match words {
        [_] => None,
        [_, (_, "as"), (_, alias)] => Some(*alias),
        _ => {
            report_words(reader, span, words);
            return None;
        }
    };
    let name_span = decoded.span(start, start + first.len());
    let path: Vec<String> = first.split('.').map(str::to_owned).collect();
    if path.len() > 1 && paths && alias.is_none() && path.iter().all(|name| is_name(name)) {
        let name = path.last().map_or("", String::as_str);
        let message = format!("`{}` is a path, and needs a name for the fragment", short(first));
        reader.report(
            Code::BadList,
            message,
            name_span,
            "a path",
            format!("write `{} as {name}`", short(first)),
        );
        return None;
    }
    let sound = if paths {
        path.iter().all(|name| is_name(name))
    } else {
        is_name(first)
    };
    if !sound {
        report_name(reader, name_span, first, path.len() > 1 && !paths);
        return None;
    }
    let target_span = match alias {
        Some(alias) => {
            let target = decoded.span(end, end + last.len());
            if !is_name(alias) {
                report_name(reader, target, alias, false);
                return None;
            }
            target
        }
        None => name_span,
    };
    Some(Item {
        path,
        name_span,
        alias: alias.map(str::to_owned),
        target_span,
    })
}

fn report_words(reader: &mut Reader<'_>, span: Span, words: &[(usize, &str)]) {
    let word = |index: usize| short(words.get(index).map_or("", |(_, word)| word));
    let (message, help) = match words {
        [_, (_, "as")] => (
            format!("the name after `{} as` is missing", word(0)),
            format!(
                "write `{} as {}2`, with the name that it shall have",
                word(0),
                word(0)
            ),
        ),
        [_, (_, keyword), _] if keyword.eq_ignore_ascii_case("as") => (
            "`as` is written in small letters".to_owned(),
            format!("write `{} as {}`", word(0), word(2)),
        ),
        [_, _] => (
            "a comma is missing between these names".to_owned(),
            format!("write `{}, {}`", word(0), word(1)),
        ),
        [_, (_, "as"), _, ..] => (
            format!("a comma is missing after `{} as {}`", word(0), word(2)),
            format!("write `{} as {}, {}`", word(0), word(2), word(3)),
        ),
        _ => {
            let names: Vec<_> = words.iter().take(4).map(|(_, word)| short(word)).collect();
            (
                "commas are missing between these names".to_owned(),
                format!("write `{}`", names.join(", ")),
            )
        }
    };
    reader.report(Code::BadList, message, span, "not one item", help);
}

fn report_name(reader: &mut Reader<'_>, span: Span, name: &str, path: bool) {
    let message = format!("`{}` is not a name", short(name));
    let help = if path {
        "an export is one attribute of the fragment, not a path: let the fragment export it by a name"
            .to_owned()
    } else {
        let mended: String = name
            .chars()
            .take(40)
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .skip_while(|c| !c.is_ascii_alphabetic() && *c != '_')
            .collect();
        let rule = "a name has letters, digits, `_` and `-`, and starts with a letter or `_`";
        if mended.is_empty() {
            rule.to_owned()
        } else {
            format!("{rule}: `{mended}`")
        }
    };
    reader.report(Code::BadName, message, span, "not a name", help);
}
