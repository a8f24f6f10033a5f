//! What random pages are made of.

use proptest::prelude::*;

/// A text so long that pages do not copy it, also without the white space that dashes take away.
const LONG: &str = {
    const BYTES: [u8; 3_000] = {
        let mut bytes = [b'l'; 3_000];
        (bytes[0], bytes[2_999]) = (b'\n', b' ');
        bytes
    };
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

/// What a random page is made of. Whether it can stand where it stands is decided when it is written.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(&'static str),
    Print(&'static str, Dash),
    Set(&'static str, &'static str, Dash),
    Capture(&'static str, Vec<Part>),
    If(
        &'static str,
        Vec<Part>,
        Option<&'static str>,
        Option<Vec<Part>>,
        Dash,
    ),
    For(&'static str, &'static str, Vec<Part>, Option<Vec<Part>>, Dash),
    Jump(&'static str, bool),
    Filter(Vec<Part>),
    Include(bool),
    Block(Vec<Part>),
    Fragment {
        import: Option<&'static str>,
        export: bool,
        fallback: Vec<Part>,
    },
}

/// Whether the delimiters trim: before and behind.
pub(super) type Dash = (bool, bool);

fn expressions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "n",
        "x",
        "y",
        "z",
        "x ~ a",
        "x or 'd'",
        "y ~ '-' ~ z",
        "loop.index",
        "v",
        "w",
        "v ~ x",
        "'x'",
        "p.q",
        "i",
        "x if c else a",
        "loop.last",
        "[x, a] | length",
        "i ~ y",
    ])
}

fn conditions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "c",
        "x",
        "not y",
        "x == 'X1'",
        "n > 3",
        "a and z",
        "loop.first",
        "v",
        "i == 2",
        "x and loop.index == 2",
        "false",
    ])
}

fn dash() -> impl Strategy<Value = Dash> {
    (prop::bool::weighted(0.3), prop::bool::weighted(0.3))
}

pub(super) fn parts() -> impl Strategy<Value = Vec<Part>> {
    let names = || prop::sample::select(vec!["v", "w", "u"]);
    let leaf = prop_oneof![
        3 => prop::sample::select(vec!["t ", "\n  ", " <b>s</b> ", "q", LONG]).prop_map(Part::Text),
        4 => (expressions(), dash()).prop_map(|(expression, dash)| Part::Print(expression, dash)),
        2 => (names(), expressions(), dash()).prop_map(|(name, value, dash)| Part::Set(name, value, dash)),
        1 => (prop::sample::select(vec!["break", "continue"]), any::<bool>()).prop_map(|(jump, on)| Part::Jump(jump, on)),
        1 => any::<bool>().prop_map(Part::Include),
    ];
    // No item of a list is undefined: in an include, Tera takes a loop variable without a value for an attribute of the page
    // with its name. Where the loop outside has the same name, it finds that attribute in a lifted text only.
    let lists = || prop::sample::select(vec!["l", "[1, 2, 3]", "[]", "[x or 0, y or 0]"]);
    let part = leaf.prop_recursive(4, 40, 5, move |inner| {
        let body = || prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            3 => (conditions(), body(), prop::option::of(conditions()), prop::option::of(body()), dash())
                .prop_map(|(condition, body, elif, other, dash)| Part::If(condition, body, elif, other, dash)),
            3 => (
                prop::sample::select(vec!["i", "i, k", "x"]),
                lists(),
                body(), prop::option::of(body()), dash()
            ).prop_map(|(names, list, body, other, dash)| Part::For(names, list, body, other, dash)),
            1 => (names(), body()).prop_map(|(name, body)| Part::Capture(name, body)),
            1 => body().prop_map(Part::Filter),
            1 => body().prop_map(Part::Block),
            4 => (prop::option::of(prop::sample::select(vec!["a", "x", "y", "z", "n", "v", "i", "p.q"])), any::<bool>(), body())
                .prop_map(|(import, export, fallback)| Part::Fragment { import, export, fallback }),
        ]
    });
    prop::collection::vec(part, 1..7)
}
