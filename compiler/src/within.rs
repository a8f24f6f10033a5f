//! Takes parts of texts and lists at places that were computed, and gives an empty part where a place is wrong.
//!
//! Slips of the finger and what other engines write are looked for in texts that may be broken anywhere, with places that are added
//! up from many finds. There a wrong sum must cost a help and never the build: so those modules deny the plain `text[a..b]`.
#![deny(clippy::disallowed_methods)]

use std::slice::SliceIndex;

/// A text or a list of which a part can be taken.
pub(crate) trait Within<R> {
    /// The part at `range`. It is empty where the range is not within the text or the list, ends before it begins, or cuts a
    /// character.
    fn within(&self, range: R) -> &Self;
}

impl<R: SliceIndex<str, Output = str>> Within<R> for str {
    #[inline]
    fn within(&self, range: R) -> &Self {
        self.get(range).unwrap_or_default()
    }
}

impl<T, R: SliceIndex<[T], Output = [T]>> Within<R> for [T] {
    #[inline]
    fn within(&self, range: R) -> &Self {
        self.get(range).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Within;

    #[test]
    fn a_part_that_is_not_there_is_empty() {
        let text = "aé";
        let parts = [
            text.within(0..1),
            text.within(1..),
            text.within(..2),
            text.within(3..9),
        ];
        assert_eq!(parts, ["a", "é", "", ""]);
        let (three, two) = (3, 2);
        assert_eq!(text.within(three..two), "");
        let list = [1, 2].as_slice();
        assert_eq!(
            [list.within(1..), list.within(three..), list.within(three..two)],
            [&[2][..], &[], &[]]
        );
    }
}
