//! Classes of bytes, for scans that go through many short words: a table and no comparisons.

/// A letter or an underscore: what a name may begin with.
pub(crate) const LETTER: u8 = 1;
/// A digit.
pub(crate) const DIGIT: u8 = 1 << 1;
/// `-`
pub(crate) const HYPHEN: u8 = 1 << 2;
/// `.`
pub(crate) const DOT: u8 = 1 << 3;
/// `:`
pub(crate) const COLON: u8 = 1 << 4;
/// White space as HTML and Tera have it.
pub(crate) const SPACE: u8 = 1 << 5;
/// What a value in quotes is looked through for: quotes, `<` and `{`.
pub(crate) const STOP: u8 = 1 << 6;
/// The characters of most names of elements and attributes.
pub(crate) const WORD: u8 = LETTER | DIGIT | HYPHEN | DOT | COLON;
/// Every other byte.
const OTHER: u8 = 1 << 7;

/// The class of each byte.
const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'-' => HYPHEN,
            b'.' => DOT,
            b':' => COLON,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0C => SPACE,
            b'"' | b'\'' | b'<' | b'{' => STOP,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

/// Whether a byte is of one of these classes.
#[inline]
pub(crate) fn is(byte: u8, classes: u8) -> bool {
    CLASSES[byte as usize] & classes != 0
}

/// The end of the bytes from `at` on that are of these classes.
#[inline]
pub(crate) fn run(bytes: &[u8], at: usize, classes: u8) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is(*byte, classes));
    at + length.unwrap_or(rest.len())
}
