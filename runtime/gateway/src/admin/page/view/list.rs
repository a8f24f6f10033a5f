//! Lists in pages: what is searched for, which page of it, and the links to the others.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use hydra_runtime_wire::lines::cut_to;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::limits::{MAX_SEARCH_CHARS, PAGE_ROWS};

/// Which part of a list is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::admin::page) struct Listed {
    /// Only what contains this text.
    search: String,
    /// Only what needs the attention of an operator.
    pub(super) only_trouble: bool,
    /// The page, from 1.
    page: usize,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// How many rows there are in all.
    all: usize,
    shown: String,
    search: String,
    only_trouble: bool,
    page: usize,
    pages: usize,
    previous: Option<String>,
    next: Option<String>,
}

impl Listed {
    pub(super) fn of(query: &HashMap<String, String>) -> Self {
        let text = |name: &str| query.get(name).map_or("", |text| text.trim());
        Self {
            search: cut_to(text("q"), MAX_SEARCH_CHARS).to_owned(),
            only_trouble: text("only") == "trouble",
            page: text("page").parse().unwrap_or(1).max(1),
        }
    }

    /// Whether one of these texts contains what is searched for, in any case.
    pub(super) fn finds<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let wanted = self.search.to_lowercase();
        wanted.is_empty()
            || texts
                .into_iter()
                .any(|text| text.to_lowercase().contains(&wanted))
    }

    /// The address of this part of a list at `path`, with further members of its query.
    pub(super) fn link(&self, path: &str, members: &[(&str, &str)]) -> String {
        self.link_to(self.page, path, members)
    }

    fn link_to(&self, page: usize, path: &str, members: &[(&str, &str)]) -> String {
        let page = page.to_string();
        let own = [
            ("q", self.search.as_str()),
            ("only", if self.only_trouble { "trouble" } else { "" }),
            ("page", if page == "1" { "" } else { &page }),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        link(path, &members.iter().copied().chain(own).collect::<Vec<_>>())
    }

    /// The rows of this page of a list at `path`, made of its items. A page behind the last one is the last one.
    pub(super) fn page<I, T>(
        &self,
        path: &str,
        members: &[(&str, &str)],
        items: Vec<I>,
        row: impl FnMut(I) -> T,
    ) -> Page<T> {
        let all = items.len();
        let pages = all.div_ceil(PAGE_ROWS).max(1);
        let page = self.page.min(pages);
        let first = (page - 1) * PAGE_ROWS;
        let rows: Vec<T> = items.into_iter().skip(first).take(PAGE_ROWS).map(row).collect();
        let link = |page: usize| self.link_to(page, path, members);
        Page {
            shown: match rows.len() {
                0 => "0".to_owned(),
                count => format!("{} to {}", first + 1, first + count),
            },
            rows,
            all,
            search: self.search.clone(),
            only_trouble: self.only_trouble,
            page,
            pages,
            previous: (page > 1).then(|| link(page - 1)),
            next: (page < pages).then(|| link(page + 1)),
        }
    }
}

/// An address of this listener.
pub(in crate::admin::page) fn link(path: &str, members: &[(&str, &str)]) -> String {
    let member = |(name, value): &(&str, &str)| {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{name}={value}")
    };
    match members {
        [] => path.to_owned(),
        members => format!(
            "{path}?{}",
            members.iter().map(member).collect::<Vec<_>>().join("&")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(query: &[(&str, &str)]) -> Listed {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Listed::of(&query.iter().map(pair).collect())
    }

    #[test]
    fn every_row_is_on_one_page() {
        for (page, expected) in [
            ("1", "1 to 50, 2 >"),
            ("2", "< 1 51 to 100, 3 >"),
            ("3", "< 2 101 to 101"),
            ("4", "< 2 101 to 101"),
            ("0", "1 to 50, 2 >"),
            ("-1", "1 to 50, 2 >"),
            ("x", "1 to 50, 2 >"),
            ("99999999999999999999999", "1 to 50, 2 >"),
            ("18446744073709551615", "< 2 101 to 101"),
        ] {
            let part = listed(&[("page", page)]).page("/", &[], (1..=101).collect(), |row: i32| row);
            let number = |link: &Option<String>| {
                let link = link.as_deref().unwrap_or_default().to_owned();
                link.rsplit_once("page=")
                    .map_or("1".to_owned(), |(_, page)| page.to_owned())
            };
            let previous = part
                .previous
                .as_ref()
                .map(|_| format!("< {} ", number(&part.previous)));
            let next = part.next.as_ref().map(|_| format!(", {} >", number(&part.next)));
            let shown = format!(
                "{}{}{}",
                previous.unwrap_or_default(),
                part.shown,
                next.unwrap_or_default()
            );
            assert_eq!(shown, expected, "{page}");
        }
        let empty = listed(&[("page", "7")]).page("/", &[], Vec::new(), |row: i32| row);
        assert_eq!((empty.shown.as_str(), empty.pages, empty.next), ("0", 1, None));
    }

    #[test]
    fn a_search_stays_in_links_whatever_it_contains() {
        let part = listed(&[("q", " a&b=\"<ü "), ("only", "trouble"), ("page", "2")]);
        assert_eq!(
            part.link("/service", &[("name", "x y")]),
            "/service?name=x%20y&q=a%26b%3D%22%3C%C3%BC&only=trouble&page=2"
        );
        assert_eq!(listed(&[]).link("/", &[]), "/");
        assert!(listed(&[("q", "SHOP")]).finds(["my-shop"]) && !listed(&[("q", "x")]).finds(["my-shop"]));
        let long = "ü".repeat(10_000);
        assert_eq!(listed(&[("q", &long)]).search.chars().count(), MAX_SEARCH_CHARS);
    }
}
