//! The design lists the rules that the compiler has. `docs/reference/rules.md`, which the compiler's own tests keep right, says which these are.

use std::collections::BTreeSet;

use hydra_tests::markdown::rows;

use super::document;

/// The codes in the backticks of a text, and nothing else that stands in backticks.
fn codes(text: &str) -> impl Iterator<Item = String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let codes = quoted.filter(|code| code.contains('-'));
    let codes = codes.filter(|code| {
        code.bytes()
            .all(|byte| byte.is_ascii_lowercase() || b"-8".contains(&byte))
    });
    codes.map(str::to_owned)
}

#[test]
fn the_design_lists_every_rule() {
    let reference: BTreeSet<String> = rows(&document("docs/reference/rules.md"))
        .iter()
        .flat_map(|row| codes(&row.cells[0]).collect::<Vec<_>>())
        .collect();
    assert!(reference.len() >= 40, "{reference:?}");
    let mut listed = BTreeSet::new();
    let table = rows(&document("docs/design.md")).into_iter();
    for row in table.filter(|row| row.section == "3.4 The rules") {
        // Warnings share one row, whose second cell has the codes.
        let cells = if row.cells[0] == "warnings" {
            &row.cells[1]
        } else {
            &row.cells[0]
        };
        listed.extend(codes(cells));
    }
    assert_eq!(listed, reference);
}
