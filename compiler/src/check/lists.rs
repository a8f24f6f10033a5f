//! Lists of exports and imports, as tags write them.
#![deny(clippy::disallowed_methods)]

use crate::fragment::{Item, short};
use crate::limits::MAX_WRITTEN_ITEMS;

/// An item of a list: `a as b`, and `a` alone where both sides are the same.
pub(super) fn pair(from: &str, to: &str) -> String {
    if from == to {
        short(from)
    } else {
        format!("{} as {}", short(from), short(to))
    }
}

/// A list as it is written, with other names for some items: text that can be pasted. Of a long list, it is the item at `shown`.
pub(super) fn renamed<'a>(
    items: &[Item],
    shown: usize,
    alias: &dyn Fn(usize) -> Option<&'a str>,
    attribute: &str,
) -> String {
    let one = |(index, known): (usize, &Item)| match (alias(index), &known.alias) {
        (Some(alias), _) => pair(known.name(), alias),
        (None, Some(alias)) => pair(known.name(), alias),
        (None, None) => short(known.name()),
    };
    if items.len() > MAX_WRITTEN_ITEMS {
        return items
            .get(shown)
            .map_or_else(String::new, |item| one((shown, item)));
    }
    let list: Vec<_> = items.iter().enumerate().map(one).collect();
    format!("{attribute}=\"{}\"", list.join(", "))
}
