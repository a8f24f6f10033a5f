//! Every delimiter character of templates that are right, deleted and doubled, one at a time: is the slip reported where it is?
//!
//! `fixtures/slips` has what the demo shop lacks: comments, a raw block, a script, captures, and a tag over three lines.

mod typo;

use typo::{Kind, Tally, folder, missing_lines, slips};

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
        near: 98,
        reports: 101,
        told: 144,
    },
    Expected {
        folder: "shop/recommendations/templates",
        near: 99,
        reports: 101,
        told: 252,
    },
    Expected {
        folder: "shop/storefront/templates",
        near: 99,
        reports: 101,
        told: 605,
    },
    Expected {
        folder: "slips",
        near: 99,
        reports: 102,
        told: 350,
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

/// What must hold for swaps and for missing lines: near in percent, reports a slip in hundredths, and how many are told.
const OTHERS: [(&str, [usize; 3], [usize; 3]); 4] = [
    ("shop/order-service/templates", [99, 101, 59], [60, 120, 20]),
    ("shop/recommendations/templates", [99, 101, 113], [83, 100, 12]),
    ("shop/storefront/templates", [99, 101, 276], [84, 121, 34]),
    ("slips", [99, 102, 169], [52, 100, 19]),
];

fn assert_shares(what: &str, [near, reports, told]: [usize; 3], tally: &Tally) {
    println!(
        "{what}: near {} of {}, {} reports, only Tera {:?}",
        tally.near, tally.told, tally.reports, tally.only_tera
    );
    let lists = [
        ("far", &tally.far),
        ("farther than Tera", &tally.farther_than_tera),
        ("many", &tally.many),
        ("not mended", &tally.not_mended),
    ];
    for (list, slips) in lists {
        slips.iter().for_each(|slip| println!("  {list}: {slip}"));
    }
    let Tally {
        near: is_near,
        told: are_told,
        reports: all,
        ..
    } = tally;
    assert!(
        is_near * 100 >= near * are_told,
        "{what}: near {is_near} of {are_told}"
    );
    assert!(
        all * 100 <= reports * are_told,
        "{what}: {all} reports of {are_told}"
    );
    assert!(*are_told >= told, "{what}: {are_told} told");
    assert_eq!(tally.only_tera, Vec::<String>::new(), "{what}");
}

/// Two neighbours in each other's place are two slips at once.
#[test]
fn swapped_characters_are_reported_where_they_are() {
    for (name, shares, _) in OTHERS {
        let tally = slips(folder(name), &[Kind::Swapped]);
        assert_shares(name, shares, &tally);
        assert_eq!(tally.farther_than_tera, Vec::<String>::new(), "{name}");
        assert_eq!(tally.not_mended, Vec::<String>::new(), "{name}");
    }
}

/// What a line was can't be seen any more. What it opened or ended is told by the indentation of the others.
#[test]
fn a_missing_line_is_reported_where_it_was() {
    for (name, _, shares) in OTHERS {
        assert_shares(name, shares, &missing_lines(folder(name)));
    }
}
