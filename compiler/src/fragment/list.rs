//! Lists: `dob, countryOrigin as country` (design section 3.2).

use std::ops::Range;

use smol_str::SmolStr;

use crate::{
    bytes::{DIGIT, HYPHEN, LETTER, SPACE, is, run},
    limits::{MAX_NAMES_PER_LIST, MAX_WORDS_PER_ITEM},
    parse::TagAttribute,
    problem::Code,
    source::Span,
};

use super::{
    TagReader, is_name,
    list_correction::{ListKind, corrected},
    short, text,
};

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The left side as written: one name, or a path in an import.
    name: SmolStr,
    /// The length of the first name of the left side.
    root: u32,
    /// Where the left side stands.
    pub name_span: Span,
    /// The right side.
    pub alias: Option<SmolStr>,
    /// Where the name stands under which the other side gets it.
    pub target_span: Span,
}

impl Item {
    /// The left side as written.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the left side: more than one where it is a path.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.name.split('.')
    }

    /// Whether the left side is a path.
    #[inline]
    #[must_use]
    pub fn is_path(&self) -> bool {
        self.root().len() < self.name.len()
    }

    /// The first name of the left side: the attribute itself.
    #[inline]
    #[must_use]
    pub fn root(&self) -> &str {
        self.name.get(..self.root as usize).unwrap_or_default()
    }

    /// The name under which the other side gets it.
    #[inline]
    #[must_use]
    pub fn target(&self) -> &str {
        self.alias.as_deref().unwrap_or_else(|| self.root())
    }
}

/// Reads a list. `paths`: a left side may be a path.
pub(super) fn read(reader: &mut TagReader<'_>, attribute: &TagAttribute, paths: bool) -> Vec<Item> {
    let lists = if paths {
        ListKind::Imports
    } else {
        ListKind::Exports
    };
    if let Some(value) = &attribute.value
        && let Some(items) = sound(reader.slice(value.span), value.span.start, lists)
    {
        return items;
    }
    let Some(decoded) = text::fixed(reader, attribute, Code::BadList, "write the names out") else {
        return Vec::new();
    };
    let mut items = Vec::new();
    let mut at = 0;
    // Where commas without a name between them begin and end.
    let mut empty: Option<(usize, usize)> = None;
    for part in decoded.text.split(',') {
        let mut kept = [(0, ""); MAX_WORDS_PER_ITEM];
        match words(part, at, &mut kept) {
            // One comma may follow the last item.
            [] if at > 0 && at + part.len() == decoded.text.len() => {}
            [] => {
                let end = (at + part.len() + 1).min(decoded.text.len());
                empty = Some((empty.map_or(at, |(start, _)| start), end));
            }
            _ if items.len() >= MAX_NAMES_PER_LIST => {
                report_many(reader, attribute);
                return items;
            }
            words => items.extend(item(reader, &decoded, words, lists)),
        }
        at += part.len() + 1;
    }
    if let Some((start, end)) = empty {
        report_commas(reader, &decoded, start..end, lists);
    }
    items
}

/// Reports a list that goes on behind as many names as are kept.
pub(super) fn report_many(reader: &mut TagReader<'_>, attribute: &TagAttribute) {
    let message = format!(
        "`{}` lists more than {MAX_NAMES_PER_LIST} names",
        reader.slice(attribute.name)
    );
    let help = "hand the values over together, as one map or list under one name";
    reader.report(Code::BadList, message, attribute.name, "too long a list", help);
}

/// The items of a list in which nothing is wrong, and nothing to decode, in one sweep. `None`: it has to be read with care.
/// `start`: where the list stands in its file.
fn sound(text: &str, start: u32, lists: ListKind) -> Option<Vec<Item>> {
    let list = text.as_bytes();
    let commas = list.iter().filter(|byte| **byte == b',').count();
    if commas > MAX_NAMES_PER_LIST {
        return None;
    }
    let mut items = Vec::with_capacity(commas + 1);
    let mut at = 0;
    loop {
        let left = sound_name(text, run(list, at, SPACE))?;
        let right = sound_alias(text, left.end)?;
        let is_path = left.root < left.name.len();
        if is_path && (lists == ListKind::Exports || right.is_none()) {
            return None;
        }
        let name_span = left.span(start);
        at = right.as_ref().map_or(left.end, |right| right.end);
        items.push(Item {
            name: left.name.into(),
            root: left.root as u32,
            name_span,
            target_span: right.as_ref().map_or(name_span, |right| right.span(start)),
            alias: right.map(|right| right.name.into()),
        });
        at = run(list, at, SPACE);
        match list.get(at) {
            None => return Some(items),
            Some(b',') => at += 1,
            Some(_) => return None,
        }
        // One comma may follow the last item.
        if run(list, at, SPACE) == list.len() {
            return Some(items);
        }
    }
}

/// What follows `as` behind a name that ends at `end`; `Some(None)` where no `as` follows. `None`: it is not a name.
fn sound_alias(text: &str, end: usize) -> Option<Option<ListedName<'_>>> {
    let list = text.as_bytes();
    let behind = run(list, end, SPACE);
    match list.get(behind..)? {
        [b'a', b's', space, ..] if behind > end && is(*space, SPACE) => {
            let right = sound_name(text, run(list, behind + 2, SPACE))?;
            Some((right.root == right.name.len()).then_some(right))
        }
        _ => Some(None),
    }
}

/// A name, or a path, in a list.
struct ListedName<'t> {
    name: &'t str,
    start: usize,
    end: usize,
    /// The length of its first part.
    root: usize,
}

impl ListedName<'_> {
    /// Where it stands in its file. `start`: where the list does.
    fn span(&self, start: u32) -> Span {
        Span {
            start: start + self.start as u32,
            end: start + self.end as u32,
        }
    }
}

/// The name that begins at `start`, if it is one.
#[inline]
fn sound_name(list: &str, start: usize) -> Option<ListedName<'_>> {
    let bytes = list.as_bytes();
    let first = run(bytes, start, LETTER);
    let mut end = run(bytes, first, PART);
    let root = end - start;
    while bytes.get(end) == Some(&b'.') {
        let part = run(bytes, end + 1, LETTER);
        if part == end + 1 {
            return None;
        }
        end = run(bytes, part, PART);
    }
    let name = list.get(start..end).filter(|_| first > start)?;
    Some(ListedName {
        name,
        start,
        end,
        root,
    })
}

/// What a name may have in it behind its first letter.
const PART: u8 = LETTER | DIGIT | HYPHEN;

/// Reports all commas of a list that have no name before them, once.
fn report_commas(
    reader: &mut TagReader<'_>,
    decoded: &text::Decoded<'_>,
    commas: Range<usize>,
    lists: ListKind,
) {
    let message = "a name is missing beside this comma";
    let span = decoded.span(commas.start, commas.end);
    let whole = decoded.span(0, decoded.text.len());
    match corrected(&decoded.text, lists) {
        Some(list) => {
            let help = format!("write `{list}`");
            reader.report(
                Code::BadList,
                message,
                whole,
                "nothing stands between its commas",
                help,
            );
        }
        None => reader.report(
            Code::BadList,
            message,
            span,
            "nothing here",
            "remove the comma, or write the name",
        ),
    }
}

/// The words of a part, each with its place.
fn words<'k, 'p>(
    part: &'p str,
    start: usize,
    kept: &'k mut [(usize, &'p str); MAX_WORDS_PER_ITEM],
) -> &'k [(usize, &'p str)] {
    let mut count = 0;
    for (word, place) in part.split_ascii_whitespace().zip(kept.iter_mut()) {
        *place = (start + offset(part, word), word);
        count += 1;
    }
    &kept[..count]
}

fn offset(outer: &str, inner: &str) -> usize {
    inner.as_ptr() as usize - outer.as_ptr() as usize
}

fn item(
    reader: &mut TagReader<'_>,
    decoded: &text::Decoded<'_>,
    words: &[(usize, &str)],
    lists: ListKind,
) -> Option<Item> {
    let paths = lists == ListKind::Imports;
    let (start, first) = words[0];
    let (end, last) = words[words.len() - 1];
    let alias = match words {
        [_] => None,
        [_, (_, "as"), (_, alias)] => Some(*alias),
        _ => {
            let whole = decoded
                .text
                .get(start..part_end(&decoded.text, start))
                .unwrap_or_default();
            let span = decoded.span(start, start + whole.trim_end().len());
            report_words(reader, span, words, corrected(whole, lists));
            return None;
        }
    };
    let name_span = decoded.span(start, start + first.len());
    let root = first.bytes().position(|byte| byte == b'.').unwrap_or(first.len());
    if let Some((_, name)) = first.rsplit_once('.').filter(|_| root < first.len())
        && paths
        && alias.is_none()
        && first.split('.').all(is_name)
    {
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
    let sound = match paths && root < first.len() {
        true => first.split('.').all(is_name),
        false => is_name(first),
    };
    if !sound {
        report_name(reader, name_span, first, lists);
        return None;
    }
    let target_span = match alias {
        Some(alias) => {
            let target = decoded.span(end, end + last.len());
            if !is_name(alias) {
                report_name(reader, target, alias, lists);
                return None;
            }
            target
        }
        None => name_span,
    };
    Some(Item {
        name: first.into(),
        root: root as u32,
        name_span,
        alias: alias.map(SmolStr::new),
        target_span,
    })
}

/// Where the part of a list ends that stands at `start`.
fn part_end(list: &str, start: usize) -> usize {
    list.get(start..)
        .and_then(|rest| rest.find(','))
        .map_or(list.len(), |length| start + length)
}

/// `corrected`: the item as it was likely meant.
fn report_words(reader: &mut TagReader<'_>, span: Span, words: &[(usize, &str)], corrected: Option<String>) {
    let word = |index: usize| short(words.get(index).map_or("", |(_, word)| word));
    let is_plain = words.iter().all(|(_, word)| is_name(word));
    let message = match words {
        [_, (_, "as")] => {
            let help = format!(
                "write `{}`, or the name that it shall have behind `as`",
                corrected.unwrap_or_else(|| word(0))
            );
            let message = format!("the name after `{} as` is missing", word(0));
            return reader.report(Code::BadList, message, span, "not one item", help);
        }
        [_, (_, keyword), _] if keyword.eq_ignore_ascii_case("as") => {
            "`as` is written in small letters".to_owned()
        }
        [_, (_, "as"), _, (_, "as"), _] => format!("`{}` has two names here", word(0)),
        [_, (_, "as"), _, ..] => format!("a comma is missing after `{} as {}`", word(0), word(2)),
        [_, _] if is_plain => "a comma is missing between these names".to_owned(),
        _ if is_plain => "commas are missing between these names".to_owned(),
        _ => "names are separated by commas, and renamed with `as`".to_owned(),
    };
    let help = match corrected {
        Some(corrected) => format!("write `{corrected}`"),
        None => "write names with commas between them: `dob, countryOrigin as country`".to_owned(),
    };
    reader.report(Code::BadList, message, span, "not one item", help);
}

fn report_name(reader: &mut TagReader<'_>, span: Span, name: &str, lists: ListKind) {
    if let Some(corrected) = corrected(name, lists).filter(|corrected| corrected != name) {
        let message = "names are separated by commas, and renamed with `as`";
        return reader.report(
            Code::BadName,
            message,
            span,
            "not a name",
            format!("write `{corrected}`"),
        );
    }
    let message = format!("`{}` is not a name", short(name));
    let is_path = lists == ListKind::Exports && name.contains('.') && name.split('.').all(is_name);
    let help = if is_path {
        "an export is one attribute of the fragment, not a path: let the fragment export it by a name"
            .to_owned()
    } else {
        let corrected: String = name
            .chars()
            .take(40)
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .skip_while(|c| !c.is_ascii_alphabetic() && *c != '_')
            .collect();
        let rule =
            "a name has letters, digits, underscores and hyphens, and starts with a letter or an underscore";
        if corrected.is_empty() {
            rule.to_owned()
        } else {
            format!("{rule}: `{corrected}`")
        }
    };
    reader.report(Code::BadName, message, span, "not a name", help);
}
