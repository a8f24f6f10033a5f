//! Every delimiter character of templates that are right, deleted and doubled, one at a time: is the slip reported where it is?
//!
//! `fixtures/slips` has what the demo shop lacks: comments, a raw block, a script, captures, and a tag over three lines.

mod typo;

use typo::{Kind, Tally, folder, slips};

/// What must hold for a folder: shares in percent, reports a slip in hundredths.
struct Expected {
    folder: &'static str,
    near: usize,
    reports: usize,
    told: usize,
}

const EXPECTED: [Expected; 4] = [
    Expected {
        folder: "shop/order-service/templates",
        near: 99,
        reports: 102,
        told: 143,
    },
    Expected {
        folder: "shop/recommendations/templates",
        near: 99,
        reports: 102,
        told: 250,
    },
    Expected {
        folder: "shop/storefront/templates",
        near: 99,
        reports: 102,
        told: 604,
    },
    Expected {
        folder: "slips",
        near: 98,
        reports: 102,
        told: 345,
    },
];

fn assert_tally(expected: &Expected, tally: &Tally) {
    let Expected {
        folder,
        near,
        reports,
        told,
    } = expected;
    println!(
        "{folder}: near {} of {} told, {} reports, unsaid {:?}",
        tally.near, tally.told, tally.reports, tally.unsaid
    );
    for far in &tally.far {
        println!("  far: {far}");
    }
    assert!(
        tally.near * 100 >= near * tally.told,
        "{folder}: near {} of {}",
        tally.near,
        tally.told
    );
    assert!(
        tally.reports * 100 <= reports * tally.told,
        "{folder}: {} reports of {}",
        tally.reports,
        tally.told
    );
    assert!(tally.told >= *told, "{folder}: {} told", tally.told);
    assert_eq!(tally.unsaid, Vec::<String>::new(), "{folder}");
}

#[test]
fn a_slip_is_reported_where_it_is() {
    for expected in &EXPECTED {
        let tally = slips(folder(expected.folder), &[Kind::Deleted, Kind::Doubled]);
        assert_tally(expected, &tally);
        assert_eq!(
            tally.farther_than_tera,
            Vec::<String>::new(),
            "{}",
            expected.folder
        );
        assert_eq!(tally.only_tera, Vec::<String>::new(), "{}", expected.folder);
        assert_eq!(tally.not_mended, Vec::<String>::new(), "{}", expected.folder);
    }
}

/// Two neighbours in each other's place are two slips at once, so that fewer of them can be told exactly.
#[test]
fn swapped_characters_are_reported_where_they_are() {
    for expected in &EXPECTED {
        let tally = slips(folder(expected.folder), &[Kind::Swapped]);
        println!(
            "{}: near {} of {}, {} reports",
            expected.folder, tally.near, tally.told, tally.reports
        );
        for far in &tally.far {
            println!("  far: {far}");
        }
        assert!(
            tally.near * 100 >= 85 * tally.told,
            "{}: near {} of {}",
            expected.folder,
            tally.near,
            tally.told
        );
    }
}
