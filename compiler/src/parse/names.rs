//! The traits that HTML gives elements by their names. The lists are those of its sections 13.1.2 (void, raw text), 13.1.2.4 (optional
//! tags), 13.2.4.2 (special, scopes), 13.2.6.4 (what a start tag closes) and 13.2.6.5 (foreign content).

use std::ops::BitOr;

/// Traits of an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits(u16);

impl Traits {
    /// It has no end tag.
    pub(super) const VOID: Traits = Traits(1);
    /// Its end tag may be left out.
    pub(super) const OMISSIBLE: Traits = Traits(1 << 1);
    /// A `special` element: the search for an open list item stops there.
    pub(super) const SPECIAL: Traits = Traits(1 << 2);
    /// It bounds the scope in which end tags look for their element.
    pub(super) const SCOPE: Traits = Traits(1 << 3);
    /// Its start tag ends an open `p`.
    pub(super) const ENDS_P: Traits = Traits(1 << 4);
    /// A `p` in this parent needs an end tag of its own: the end of the parent does not replace it.
    pub(super) const KEEPS_P: Traits = Traits(1 << 5);
    /// It belongs into `head`.
    pub(super) const IN_HEAD: Traits = Traits(1 << 6);
    /// Its start tag leaves SVG and MathML.
    pub(super) const BREAKOUT: Traits = Traits(1 << 7);
    /// A part of a table.
    pub(super) const TABLE_PART: Traits = Traits(1 << 8);

    /// Whether it has any of these.
    pub(super) fn any(self, of: Traits) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Traits {
    type Output = Traits;

    fn bitor(self, other: Traits) -> Traits {
        Traits(self.0 | other.0)
    }
}

const LISTS: [(Traits, &str); 9] = [
    (
        Traits::VOID,
        "area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen",
    ),
    (
        Traits::OMISSIBLE,
        "body caption colgroup dd dt head html li optgroup option p rp rt tbody td tfoot th thead tr",
    ),
    (
        Traits::SPECIAL,
        "address applet area article aside base basefont bgsound blockquote body br button caption center col colgroup dd \
         details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header \
         hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes noscript object \
         ol p param plaintext pre script search section select source style summary table tbody td template textarea tfoot \
         th thead title tr track ul wbr xmp",
    ),
    (
        Traits::SCOPE,
        "applet caption html table td th marquee object select template",
    ),
    (
        Traits::ENDS_P,
        "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 \
         h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp",
    ),
    (Traits::KEEPS_P, "a audio del ins map noscript video"),
    (
        Traits::IN_HEAD,
        "base basefont bgsound head html link meta noframes noscript script style template title",
    ),
    (
        Traits::BREAKOUT,
        "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta nobr \
         ol p pre ruby s small span strong strike sub sup table tt u ul var",
    ),
    (
        Traits::TABLE_PART,
        "caption col colgroup table tbody td tfoot th thead tr",
    ),
];

/// The longest name in the lists.
const LONGEST: usize = 10;

/// The traits of the element of this name.
pub(super) fn traits(name: &[u8]) -> Traits {
    if name.len() > LONGEST {
        let custom = name.contains(&b'-');
        return if custom {
            Traits::KEEPS_P
        } else {
            Traits::default()
        };
    }
    let mut small = [0; LONGEST];
    small[..name.len()].copy_from_slice(name);
    small.make_ascii_lowercase();
    let known = table();
    match known.binary_search_by_key(&small, |(name, _)| *name) {
        Ok(at) => known[at].1,
        // An autonomous custom element.
        Err(_) if name.contains(&b'-') => Traits::KEEPS_P,
        Err(_) => Traits::default(),
    }
}

type Row = ([u8; LONGEST], Traits);

fn table() -> &'static [Row] {
    static TABLE: std::sync::LazyLock<Vec<Row>> = std::sync::LazyLock::new(|| {
        let mut rows = std::collections::BTreeMap::<[u8; LONGEST], Traits>::new();
        for (of, names) in LISTS {
            for name in names.split_ascii_whitespace() {
                let mut key = [0; LONGEST];
                key[..name.len()].copy_from_slice(name.as_bytes());
                let row = rows.entry(key).or_default();
                *row = *row | of;
            }
        }
        rows.into_iter().collect()
    });
    &TABLE
}

/// Whether an element holds text only (HTML, section 13.2.6.4.7 and following): no tag begins in it but its own end tag.
pub(super) fn holds_text(name: &[u8]) -> bool {
    // Most names differ in their length or first letter.
    match name.len() {
        3 => is(name, b"xmp"),
        5 => is(name, b"style") || is(name, b"title"),
        6 => is(name, b"script") || is(name, b"iframe"),
        7 => is(name, b"noembed"),
        8 => is(name, b"textarea") || is(name, b"noframes"),
        9 => is(name, b"plaintext"),
        _ => false,
    }
}

/// Whether two names are the same to HTML.
#[inline]
pub(super) fn is(name: &[u8], other: &[u8]) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// Whether it is one of these, in small letters.
pub(super) fn is_one(name: &[u8], of: &[&str]) -> bool {
    of.iter().any(|other| is(name, other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_traits_of_their_lists() {
        for (name, is, is_not) in [
            (
                "p",
                Traits::OMISSIBLE | Traits::SPECIAL | Traits::ENDS_P,
                Traits::VOID,
            ),
            ("BR", Traits::VOID | Traits::BREAKOUT, Traits::OMISSIBLE),
            ("td", Traits::TABLE_PART | Traits::SCOPE, Traits::VOID),
            ("x-card", Traits::KEEPS_P, Traits::SPECIAL),
            ("x-very-long-card", Traits::KEEPS_P, Traits::SPECIAL),
            ("blockquote", Traits::ENDS_P, Traits::VOID),
            ("b", Traits::BREAKOUT, Traits::SPECIAL),
        ] {
            let found = traits(name.as_bytes());
            assert_eq!(found.0 & is.0, is.0, "{name}");
            assert!(!found.any(is_not), "{name}");
        }
    }
}
