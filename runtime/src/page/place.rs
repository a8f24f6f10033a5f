//! From a line of a lowered template back to the original one.
//!
//! A call of `__hydra` is shorter than what it stands for; between two calls the lowered text is the original one. So the
//! place of the next call tells the line exactly, and that of the call before tells it to within the height of a tag.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Place;

use super::{
    collect::FUNCTION,
    prepare::{Kind, Prepared, Site},
};

/// Where the calls of one lowered template stand: line and site, in order.
#[derive(Debug, Default)]
pub(crate) struct Calls(Vec<(u32, usize)>);

impl Calls {
    /// Finds the calls in `source`.
    pub(crate) fn find(source: &str) -> Self {
        let lines = (1..).zip(source.split('\n'));
        Self(
            lines
                .flat_map(|(number, line)| sites(line).map(move |site| (number, site)))
                .collect(),
        )
    }

    /// The sites that are called.
    pub(crate) fn sites(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(_, site)| *site)
    }
}

/// The sites that `text` calls.
fn sites(text: &str) -> impl Iterator<Item = usize> {
    text.split(FUNCTION).skip(1).filter_map(|rest| {
        let rest = rest.split_once("n=")?.1;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}

/// The original place of `line` and `column` of the lowered `template`.
pub(crate) fn original(plan: &Prepared, template: &str, line: u32, column: u32) -> Place {
    let lifted = plan.site_of_lifted(template);
    let (file, mut start) = match lifted {
        None => (template, Some(1)),
        Some(Site {
            place,
            kind: Kind::Hole { .. },
            ..
        }) => (place.file.as_str(), Some(place.line)),
        // The content of a tag begins somewhere after the tag does.
        Some(Site { place, .. }) => (place.file.as_str(), None),
    };
    let mut from = 1;
    for (called, site) in plan.calls.get(template).into_iter().flat_map(|calls| &calls.0) {
        let Some(place) = plan
            .sites
            .get(*site)
            .map(|site| &site.place)
            .filter(|place| place.file == file)
        else {
            continue;
        };
        if *called >= line {
            let line = place.line.saturating_sub(called - line).max(1);
            return Place {
                file: file.to_owned(),
                line,
                column,
            };
        }
        (from, start) = (*called, Some(place.line));
    }
    match (start, lifted) {
        (None, Some(site)) => site.place.clone(),
        (start, _) => Place {
            file: file.to_owned(),
            line: start.unwrap_or(1).saturating_add(line.saturating_sub(from)),
            column,
        },
    }
}

#[cfg(test)]
mod tests {
    use hydra_contract::Site;

    use super::*;
    use crate::page::plans::{SiteExt, hole, plan, slot};

    fn at(line: u32, mut site: Site) -> Site {
        site.place.line = line;
        site
    }

    fn lines(template: &str, asked: impl IntoIterator<Item = u32>) -> Vec<u32> {
        // In the original the tag of line 2 is three lines high, and the region of line 7 is two.
        let plan = plan(
            &[
                (
                    "page.html",
                    "1\n{{ __hydra(n=0) }}\n5\n6\n{{ __hydra(n=1) }}{{ __hydra(n=2) }}\n9",
                ),
                ("#1/page.html", "7\n8"),
                ("#2/page.html", "3"),
            ],
            [
                at(2, slot("s/f").fallback("#2/page.html", "")),
                at(7, hole("#1/page.html", "x", "")),
                at(8, slot("s/g")),
            ],
        );
        let plan = Prepared::new(&plan, "own");
        asked
            .into_iter()
            .map(|line| original(&plan, template, line, 1).line)
            .collect()
    }

    #[test]
    fn a_line_between_calls_is_found_exactly() {
        assert_eq!(lines("page.html", 1..=6), [1, 2, 5, 6, 7, 9]);
    }

    #[test]
    fn a_line_of_a_lifted_text_is_counted_from_where_it_stood() {
        assert_eq!(lines("#1/page.html", [1, 2]), [7, 8]);
        assert_eq!(
            lines("#2/page.html", [1]),
            [2],
            "the tag's own line is the nearest that is known"
        );
    }

    #[test]
    fn a_template_without_calls_is_the_original() {
        assert_eq!(lines("other.html", [4]), [4]);
    }
}
