//! Maps a place in a lowered template to the place in the original file.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use hydra_contract::{Origin, Plan, TemplatePosition};

/// The origins of the lowered templates, by name. A template without one is the file of that name, unchanged.
#[derive(Debug, Default)]
pub(crate) struct Origins(HashMap<String, Origin>);

impl Origins {
    /// The origins in `plan`.
    pub(crate) fn of(plan: &Plan) -> Self {
        let known = plan.templates.iter().filter_map(|template| {
            let origin = template.origin.clone()?;
            Some((template.name.clone(), origin))
        });
        Self(known.collect())
    }

    /// The original place of `line` and `column`, from 1, of the lowered `template`.
    pub(crate) fn original(&self, template: &str, line: u32, column: u32) -> TemplatePosition {
        let Some(origin) = self.0.get(template) else {
            return TemplatePosition {
                file: template.to_owned(),
                line,
                column,
            };
        };
        let next = origin
            .parts
            .partition_point(|part| (part.line, part.column) <= (line, column));
        let part = origin
            .parts
            .get(next.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        let (line, column) = if part.made {
            (part.from_line, part.from_column)
        } else if line == part.line {
            let column = part
                .from_column
                .saturating_add(column.saturating_sub(part.column));
            (part.from_line, column)
        } else {
            let line = part.from_line.saturating_add(line.saturating_sub(part.line));
            (line, column)
        };
        TemplatePosition {
            file: origin.file.clone(),
            // The origin of an empty text has no parts.
            line: line.max(1),
            column: column.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use hydra_contract::{Part, Template};

    use super::*;

    fn part(at: [u32; 2], from: [u32; 2], made: bool) -> Part {
        let ([line, column], [from_line, from_column]) = (at, from);
        Part {
            line,
            column,
            from_line,
            from_column,
            made,
        }
    }

    fn original(parts: Vec<Part>, line: u32, column: u32) -> (u32, u32) {
        let file = "page.html".to_owned();
        let template = Template {
            name: "#1/page.html".to_owned(),
            origin: Some(Origin { file, parts }),
            ..Template::default()
        };
        let plan = Plan {
            templates: vec![template],
            ..Plan::default()
        };
        let place = Origins::of(&plan).original("#1/page.html", line, column);
        assert_eq!(place.file, "page.html");
        (place.line, place.column)
    }

    #[test]
    fn a_place_in_a_copied_part_is_counted_from_where_the_part_stood() {
        // A tag of three lines became a call in the middle of line 2.
        let parts = vec![
            part([1, 1], [5, 3], false),
            part([2, 4], [6, 4], true),
            part([2, 20], [8, 13], false),
        ];
        for (at, expected) in [
            ((1, 1), (5, 3)),
            ((1, 9), (5, 11)),
            ((2, 3), (6, 3)),
            ((2, 4), (6, 4)),
            ((2, 19), (6, 4)),
            ((2, 20), (8, 13)),
            ((2, 25), (8, 18)),
            ((3, 2), (9, 2)),
        ] {
            assert_eq!(original(parts.clone(), at.0, at.1), expected, "{at:?}");
        }
    }

    #[test]
    fn a_place_before_all_parts_or_in_an_empty_text_is_still_a_place() {
        assert_eq!(original(vec![], 1, 1), (1, 1));
        assert_eq!(original(vec![part([2, 1], [7, 1], false)], 1, 1), (7, 1));
    }

    #[test]
    fn a_template_that_was_not_lowered_is_its_own_original() {
        let place = Origins::default().original("other.html", 4, 2);
        assert_eq!(
            (place.file.as_str(), place.line, place.column),
            ("other.html", 4, 2)
        );
    }
}
