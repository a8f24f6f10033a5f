//! Reads the shared registry in pieces: reading a large one takes a while, and must not hold up registrations
//! meanwhile.

use redis::RedisResult;

use super::{
    RedisStore,
    mirror::{FetchedRecord, FetchedRecords, PendingUpdate},
    record::{self, BadRecord},
};
use crate::{
    Millis,
    limits::{FETCH_BYTES, MAX_READ_ROUNDS, MAX_RECORDS_PER_FETCH},
    registry::instance::InstanceId,
};

impl RedisStore {
    /// Reads what changed, and writes what only this gateway knows.
    pub(super) async fn read(&self, now: Millis) -> RedisResult<()> {
        let mut fetched = FetchedRecords::new();
        for _ in 0..MAX_READ_ROUNDS {
            let alone = self.changing.write().await;
            let mut listing = self.link.list().await?;
            if self.adopt_steering(std::mem::take(&mut listing.steering)).await? {
                continue;
            }
            let wanted = self.mirror().wanted(&listing, &fetched);
            let mut pieces = pieces(wanted);
            if pieces.len() > 1 {
                // Registrations and heartbeats go on while many records are fetched.
                drop(alone);
                let mut bytes = 0_usize;
                for piece in pieces {
                    bytes = piece
                        .iter()
                        .fold(bytes, |bytes, (_, stamp)| bytes.saturating_add(length(stamp)));
                    if bytes > self.rules.limits.all {
                        leave_out(piece, &mut fetched);
                    } else {
                        self.fetch(piece, &mut fetched).await?;
                    }
                }
                continue;
            }
            if let Some(piece) = pieces.pop() {
                self.fetch(piece, &mut fetched).await?;
            }
            let unsent = self.mirror().updates_due(&listing, &fetched, now);
            if unsent.is_empty() {
                let ignored = self.mirror().install(listing, fetched, now);
                report(&ignored);
                return Ok(());
            }
            for one in unsent {
                match one {
                    PendingUpdate::Record(id) => self.send_record("register", &id).await?,
                    PendingUpdate::Active(id) => self.send_record("remember_active", &id).await?,
                    PendingUpdate::Inactive(id) => self.send_record("remember_inactive", &id).await?,
                    PendingUpdate::Alive(id) => drop(self.link.call("alive", &[id.as_str()]).await?),
                }
            }
        }
        Ok(())
    }

    async fn send_record(&self, operation: &str, id: &InstanceId) -> RedisResult<()> {
        let record = self.mirror().record(id);
        match record {
            Some(written) => self.write_record(operation, id, &written).await.map(drop),
            None => {
                self.mirror().confirm_stored(id, None);
                Ok(())
            }
        }
    }

    async fn fetch(&self, wanted: Vec<(String, String)>, fetched: &mut FetchedRecords) -> RedisResult<()> {
        let longest = self.rules.longest_record();
        let ids: Vec<&str> = wanted.iter().map(|(id, _)| &**id).collect();
        let texts = self.link.fetch(&ids, longest).await?;
        for ((id, stamp), text) in wanted.into_iter().zip(texts) {
            let found = match text {
                Some(text) => record::read(&id, text, &self.seal, &self.rules),
                None if length(&stamp) > longest => Err(BadRecord::TooLong(longest)),
                // The record is gone meanwhile, or its stamp is wrong: if it is still listed in the next round, it is
                // fetched again.
                None => continue,
            };
            fetched.insert(id, FetchedRecord { stamp, found });
        }
        Ok(())
    }
}

/// Marks records as ignored without fetching them, once the registry would exceed its limit.
fn leave_out(piece: Vec<(String, String)>, fetched: &mut FetchedRecords) {
    for (id, stamp) in piece {
        let found = Err(BadRecord::RegistryFull);
        fetched.insert(id, FetchedRecord { stamp, found });
    }
}

/// The length in bytes of the record with this stamp.
fn length(stamp: &str) -> usize {
    let length = stamp.rsplit_once(':').and_then(|(_, length)| length.parse().ok());
    length.unwrap_or(0)
}

/// Groups records, each given by id and stamp, so that no fetch takes long.
fn pieces(wanted: Vec<(String, String)>) -> Vec<Vec<(String, String)>> {
    let mut pieces: Vec<Vec<(String, String)>> = Vec::new();
    let mut bytes = FETCH_BYTES;
    for one in wanted {
        let has_room = bytes < FETCH_BYTES
            && pieces
                .last()
                .is_some_and(|piece| piece.len() < MAX_RECORDS_PER_FETCH);
        if !has_room {
            pieces.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(length(&one.1));
        if let Some(piece) = pieces.last_mut() {
            piece.push(one);
        }
    }
    pieces
}

/// Counts the ignored records, and logs one of them.
fn report(ignored: &[(String, BadRecord)]) {
    for (_, problem) in ignored {
        metrics::counter!("hydra_registry_records_ignored_total", "reason" => problem.label()).increment(1);
    }
    if let Some((id, problem)) = ignored.first() {
        let (id, count) = (hydra_runtime_wire::lines::cut(id), ignored.len());
        tracing::warn!(id, %problem, count, "records in Redis are ignored; this is one of them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_in_bytes_and_number_and_nothing_is_left_out() {
        for (count, length, expected) in [
            (0, 10, vec![]),
            (1, 10, vec![1]),
            (MAX_RECORDS_PER_FETCH, 10, vec![MAX_RECORDS_PER_FETCH]),
            (MAX_RECORDS_PER_FETCH + 1, 10, vec![MAX_RECORDS_PER_FETCH, 1]),
            (5, FETCH_BYTES / 2, vec![2, 2, 1]),
            (3, FETCH_BYTES * 10, vec![1, 1, 1]),
        ] {
            let wanted = (0..count)
                .map(|n| (n.to_string(), format!("1.2:{length}")))
                .collect();
            let sizes: Vec<usize> = pieces(wanted).iter().map(Vec::len).collect();
            assert_eq!(sizes, expected, "{count} of {length}");
        }
    }

    #[test]
    fn a_stamp_that_says_nothing_has_no_length() {
        for stamp in [
            "",
            "1.2",
            "1.2:",
            "1.2:x",
            "1.2:-5",
            "1.2:99999999999999999999999",
        ] {
            assert_eq!(length(stamp), 0, "{stamp}");
        }
    }
}
