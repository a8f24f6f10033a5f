//! The ids of the requests of one batch.
#![deny(clippy::disallowed_methods)]

use std::{
    fmt::Write,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::page::answer::FetchId;

/// What the ids of one batch begin with, which no other batch of any process has. Without it, a service that answers twice, or
/// too late, could answer the next visitor.
#[derive(Clone, Copy)]
pub(crate) struct BatchMark(u64);

impl BatchMark {
    /// The mark of a new batch.
    pub(super) fn next() -> Self {
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(uuid::Uuid::new_v4().as_u64_pair().1));
        Self(NEXT.fetch_add(1, Relaxed))
    }

    /// The id of a request of this batch: both numbers, the first one in hexadecimal digits.
    pub(super) fn write(self, id: FetchId) -> String {
        let mut text = String::with_capacity(20);
        // Writing to a string never fails.
        let _ = write!(text, "{:x}-{id}", self.0);
        text
    }

    /// Reads an id as [`write`](Self::write) writes it. `None`: it is none of this batch.
    pub(super) fn read(self, id: &str) -> Option<FetchId> {
        let (mark, number) = id.split_once('-')?;
        let is_plain = |text: &str, most| text == "0" || (text.len() <= most && !text.starts_with('0'));
        let is_ours = is_plain(mark, 16)
            && mark.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && u64::from_str_radix(mark, 16) == Ok(self.0);
        let is_number = is_plain(number, 10) && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_ours && is_number).then(|| number.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_one_batch_is_no_answer_to_another() {
        let (alice, bob) = (BatchMark::next(), BatchMark::next());
        for id in [0, 1, 120, 4_294_967_295] {
            let (hers, his) = (alice.write(id), bob.write(id));
            assert_eq!((alice.read(&hers), bob.read(&his)), (Some(id), Some(id)));
            assert_eq!((alice.read(&his), bob.read(&hers)), (None, None));
        }
        assert_eq!(bob.read("0"), None);
    }

    #[test]
    fn only_ids_as_we_wrote_them_are_read() {
        let mark = BatchMark(0xa0f);
        assert_eq!(mark.write(120), "a0f-120");
        assert_eq!(BatchMark(0).read("0-7"), Some(7));
        for (id, expected) in [("a0f-0", Some(0)), ("a0f-120", Some(120))] {
            assert_eq!(mark.read(id), expected);
        }
        for number in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            "a",
            "٣",
            "99999999999",
            "1.0",
            "1-1",
        ] {
            assert_eq!(mark.read(&format!("a0f-{number}")), None, "{number:?}");
        }
        for mark_text in [
            "",
            "0a0f",
            "A0F",
            "+a0f",
            " a0f",
            "a0",
            "a0f0",
            "00000000000000a0f",
            "é",
        ] {
            assert_eq!(mark.read(&format!("{mark_text}-1")), None, "{mark_text:?}");
        }
    }
}
