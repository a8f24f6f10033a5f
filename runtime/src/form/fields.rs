//! The fields of a form as texts, and the types that handlers want instead.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, str::FromStr};

use super::entry::Entry;
#[cfg(feature = "upload")]
use super::{UploadFile, entry::Upload};
use crate::{Date, DateTime};

/// What a form sent, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Fields {
    values: BTreeMap<String, Vec<Entry>>,
    pub(super) errors: BTreeMap<String, String>,
}

impl Fields {
    pub(super) fn new(sent: impl IntoIterator<Item = (String, Entry)>) -> Self {
        let mut fields = Self::default();
        for (name, entry) in sent {
            fields.values.entry(name).or_default().push(entry);
        }
        fields
    }

    /// The texts of all fields, by name.
    pub(super) fn texts(&self) -> BTreeMap<String, Vec<String>> {
        let fields = self.values.iter();
        let texts = fields.map(|(name, entries)| {
            let texts = entries.iter().filter_map(Entry::text).map(str::to_owned);
            (name.clone(), texts.collect())
        });
        texts.collect()
    }

    /// Takes the field `name`. `None`: it can't be used, which is remembered.
    pub fn take<T: FormValue>(&mut self, name: &str) -> Option<T> {
        let entries = self.values.remove(name).unwrap_or_default();
        match T::of_field(entries) {
            Ok(value) => Some(value),
            Err(message) => {
                self.errors.insert(name.to_owned(), message);
                None
            }
        }
    }
}

/// A type that a field of a form can have.
#[diagnostic::on_unimplemented(
    message = "a field of a form can't be a `{Self}`",
    note = "it can be a `String`, a number, a `bool`, a `Date`, a `DateTime`, an `Option` or a `Vec` of one, and with the feature \
            `upload` an `Upload` or an `UploadFile`; other types implement `hydra_runtime::form::FormValue`"
)]
pub trait FormValue: Sized {
    /// The value of a field that was sent with these entries: none if it was not sent, and several if its name came several
    /// times.
    ///
    /// # Errors
    /// What is wrong with it, in words for the visitor.
    fn of_field(entries: Vec<Entry>) -> Result<Self, String>;
}

/// What a visitor reads who sends a file in place of a text.
const NOT_A_TEXT: &str = "This must be a text.";

/// The text of a field that has one.
fn one_text(entries: Vec<Entry>) -> Result<String, String> {
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (Some(Entry::Text(text)), None) => Ok(text),
        (None, _) => Err("This field is missing.".to_owned()),
        (Some(_), Some(_)) => Err("This field was sent more than once.".to_owned()),
        #[cfg(feature = "upload")]
        (Some(Entry::File(_) | Entry::LongFile(_)), None) => Err(NOT_A_TEXT.to_owned()),
    }
}

impl FormValue for String {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        one_text(entries)
    }
}

/// Whether the box is checked. A hidden field of the same name before it may say what is meant where it is not.
impl FormValue for bool {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        match entries.last().map(|entry| entry.text().ok_or(NOT_A_TEXT)) {
            None => Ok(false),
            Some(text) => Ok(!matches!(text?, "" | "false" | "off" | "no" | "0")),
        }
    }
}

impl<T: FormValue> FormValue for Option<T> {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        match entries.iter().all(Entry::is_empty) {
            true => Ok(None),
            false => T::of_field(entries).map(Some),
        }
    }
}

impl<T: FormValue> FormValue for Vec<T> {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        let sent = entries.into_iter().filter(|entry| !entry.is_absent_file());
        sent.map(|entry| T::of_field(vec![entry])).collect()
    }
}

/// The file of a field that has one.
#[cfg(feature = "upload")]
fn one_file(entries: Vec<Entry>) -> Result<Entry, String> {
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (_, Some(_)) => Err("Choose one file.".to_owned()),
        (Some(Entry::Text(_)), _) => Err("This must be a file.".to_owned()),
        (Some(file), None) if !file.is_absent_file() => Ok(file),
        _ => Err("Choose a file.".to_owned()),
    }
}

#[cfg(feature = "upload")]
impl FormValue for Upload {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        match one_file(entries)? {
            Entry::File(file) => Ok(file),
            Entry::Text(_) | Entry::LongFile(_) => Err("This file is not in memory.".to_owned()),
        }
    }
}

#[cfg(feature = "upload")]
impl FormValue for UploadFile {
    fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
        match one_file(entries)? {
            Entry::LongFile(file) => Ok(file),
            Entry::File(file) => Ok(file.into()),
            Entry::Text(_) => Err("This must be a file.".to_owned()),
        }
    }
}

/// Implements it for types that are written as texts. `$what` is what a visitor must write, and `$read` reads it.
macro_rules! written {
    ($($what:literal by $read:ident: $($ty:ty)+;)+) => {
        $($(
            impl FormValue for $ty {
                fn of_field(entries: Vec<Entry>) -> Result<Self, String> {
                    let text = one_text(entries)?;
                    match text.trim() {
                        "" => Err("This field is missing.".to_owned()),
                        text => $read(text).ok_or_else(|| concat!("This must be ", $what, ".").to_owned()),
                    }
                }
            }
        )+)+
    };
}

written! {
    "a whole number" by parsed: i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize;
    "a number" by finite: f32 f64;
    "a date" by parsed: Date;
    "a date with a time" by parsed: DateTime;
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Rust reads `NaN` and `inf`, too, which would pass most checks of a handler.
fn finite<T: FromStr + Copy + Into<f64>>(text: &str) -> Option<T> {
    parsed(text).filter(|number: &T| (*number).into().is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FormValue>(texts: &[&str]) -> Result<T, String> {
        T::of_field(texts.iter().map(|text| Entry::Text((*text).to_owned())).collect())
    }

    #[test]
    fn a_text_is_sent_once() {
        assert_eq!(read::<String>(&[" a "]), Ok(" a ".to_owned()));
        assert_eq!(read::<String>(&[""]), Ok(String::new()));
        assert_eq!(read::<String>(&[]), Err("This field is missing.".to_owned()));
        assert_eq!(
            read::<String>(&["a", "b"]),
            Err("This field was sent more than once.".to_owned())
        );
    }

    #[test]
    fn numbers_are_read_or_named_as_what_they_must_be() {
        assert_eq!(read::<u8>(&[" 7 "]), Ok(7));
        for bad in ["256", "-1", "seven", "1.5", "٧"] {
            assert_eq!(
                read::<u8>(&[bad]),
                Err("This must be a whole number.".to_owned()),
                "{bad}"
            );
        }
        assert_eq!(read::<u8>(&[" "]), Err("This field is missing.".to_owned()));
        assert_eq!(read::<f64>(&["1.5"]), Ok(1.5));
        assert_eq!(read::<f32>(&["-1e3"]), Ok(-1000.0));
        for bad in ["NaN", "-nan", "inf", "Infinity", "1e999", "1,5"] {
            let expected = "This must be a number.".to_owned();
            assert_eq!(read::<f64>(&[bad]), Err(expected.clone()), "{bad}");
            assert_eq!(read::<f32>(&[bad]), Err(expected), "{bad}");
        }
        assert!(read::<Date>(&["2000-01-31"]).is_ok() && read::<Date>(&["2000-02-31"]).is_err());
    }

    #[test]
    fn what_is_empty_is_none_and_what_is_wrong_is_an_error() {
        assert_eq!(read::<Option<u8>>(&[]), Ok(None));
        assert_eq!(read::<Option<u8>>(&[" "]), Ok(None));
        assert_eq!(read::<Option<u8>>(&["7"]), Ok(Some(7)));
        assert!(read::<Option<u8>>(&["x"]).is_err());
    }

    #[test]
    fn lists_take_all_and_boxes_the_last() {
        assert_eq!(read::<Vec<u8>>(&[]), Ok(vec![]));
        assert_eq!(read::<Vec<u8>>(&["1", "2", "1"]), Ok(vec![1, 2, 1]));
        assert!(read::<Vec<u8>>(&["1", "x"]).is_err());
        for (texts, expected) in [
            (&[][..], false),
            (&["on"], true),
            (&["false", "true"], true),
            (&["false"], false),
            (&[""], false),
        ] {
            assert_eq!(read::<bool>(texts), Ok(expected), "{texts:?}");
        }
    }

    #[cfg(feature = "upload")]
    #[test]
    fn files_that_were_not_chosen_are_not_in_lists() {
        let file = |name: &str| {
            Entry::File(Upload {
                name: name.to_owned(),
                ..Upload::default()
            })
        };
        let names = |entries: Vec<Entry>| {
            let files = Vec::<Upload>::of_field(entries).expect("files");
            files.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert!(bool::of_field(vec![file("a")]).is_err());
        assert_eq!(names(vec![file("")]), Vec::<String>::new());
        assert_eq!(names(vec![file("a"), file("b")]), ["a", "b"]);
        assert!(Upload::of_field(vec![file("")]).is_err());
        assert_eq!(Option::<Upload>::of_field(vec![file("")]), Ok(None));
    }

    #[test]
    fn all_mistakes_are_remembered() {
        let text = |text: &str| Entry::Text(text.to_owned());
        let sent = [("a", "x"), ("b", "1"), ("c", "y"), ("c", "z")];
        let mut fields = Fields::new(sent.map(|(name, value)| (name.to_owned(), text(value))));
        assert_eq!(fields.texts().get("c").map(Vec::len), Some(2));
        assert_eq!(fields.take::<u8>("a"), None);
        assert_eq!(fields.take::<u8>("b"), Some(1));
        assert_eq!(fields.take::<String>("c"), None);
        assert_eq!(fields.take::<String>("d"), None);
        assert_eq!(fields.errors.keys().collect::<Vec<_>>(), ["a", "c", "d"]);
    }
}
