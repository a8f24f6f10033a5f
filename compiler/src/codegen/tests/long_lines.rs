//! Lines of templates in the model: long ones, and places that can not be.

use super::*;
use crate::codegen::model::QuotedLine;

/// A page that is written on one line would be kept once for each of its names.
#[test]
fn a_long_line_is_not_kept_for_each_of_its_names() {
    let tag = |n: usize| {
        format!(
            "<m:fragment service='orders' ref='checkout' imports='a{n} as dob, b as country' exports='line2 as e{n}'>-</m:fragment>"
        )
    };
    let page: String = (0..300).map(|n| format!("{}{{{{ c{n} }}}}é", tag(n))).collect();
    let model = model_of(&[("page.html", &page)]);
    let json = serde_json::to_string(&model).unwrap();
    assert!(json.len() < 30 * page.len(), "{} of {}", json.len(), page.len());
    let need = model.pages[0]
        .needs
        .iter()
        .find(|need| need.name == "c299")
        .unwrap();
    assert!(need.spot.show("needed here").ends_with(": needed here"));
    for (length, kept) in [(1, 1), (100, 100), (101, 101), (102, 101), (5_000, 101)] {
        for end in ["", "\n", "\r\n", "\nmore"] {
            let text = format!("x\n{{{{ c }}}}{}{end}", "é".repeat(length - 1));
            let needs = model_of(&[("page.html", &text)]).pages.remove(0).needs;
            let chars = needs[0].spot.text.chars().count();
            assert_eq!(chars, (kept + 6).min(101), "{length} {end:?}");
        }
    }
}

#[test]
fn a_place_that_can_not_be_is_shown_without_panic() {
    for (column, length, marks) in [
        (1, 1, 1),
        (0, 0, 1),
        (0, u32::MAX, 100),
        (u32::MAX, u32::MAX, 100),
    ] {
        let spot = QuotedLine {
            file: "a".to_owned(),
            line: u32::MAX,
            column,
            length,
            text: "\ta".to_owned(),
        };
        let shown = spot.show("here");
        assert_eq!(shown.matches('^').count(), marks, "{shown}");
    }
}
