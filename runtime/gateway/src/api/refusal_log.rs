//! Limits how often the log reports calls of services that the gateway refuses: a refused service tries again every
//! second, and strangers may try as often as they like.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use hydra_runtime_wire::lines::cut;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::{
    Millis,
    limits::{MAX_REMEMBERED_REFUSALS, REFUSAL_LOG_PERIOD_MS},
};

/// Why a call is refused, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// Its signature is missing or wrong.
    Signature,
    /// The registration can't be read, or breaks a rule.
    Registration,
    /// Its address belongs to another service, or the registry has no room for it.
    Registry,
}

/// Whether the log should report a refusal now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogDecision {
    /// The refusal is reported.
    Report,
    /// Too many different callers are refused: the log reports that, and no single one.
    ReportMany,
    /// It was reported lately.
    Silent,
}

/// When the log last reported the refusals of each service and address.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(
    /// The lock is held for one look-up or change, never across an await.
    Mutex<Reported>,
);

#[derive(Debug, Default)]
struct Reported {
    known: HashMap<(String, Option<IpAddr>, Refusal), Millis>,
    many: Option<Millis>,
}

impl RefusalLog {
    /// Decides about one refusal of `name` at `address`. Of each name and address it reports one in a minute.
    pub(crate) fn decide(
        &self,
        name: &str,
        address: Option<IpAddr>,
        refusal: Refusal,
        now: Millis,
    ) -> LogDecision {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |last: &Millis| now.0.saturating_sub(last.0) < REFUSAL_LOG_PERIOD_MS;
        let key = (cut(name).to_owned(), address, refusal);
        if reported.known.get(&key).is_some_and(is_recent) {
            return LogDecision::Silent;
        }
        if reported.known.len() >= MAX_REMEMBERED_REFUSALS {
            reported.known.retain(|_, last| is_recent(last));
        }
        if reported.known.len() >= MAX_REMEMBERED_REFUSALS {
            if reported.many.as_ref().is_some_and(is_recent) {
                return LogDecision::Silent;
            }
            reported.many = Some(now);
            return LogDecision::ReportMany;
        }
        reported.known.insert(key, now);
        LogDecision::Report
    }
}

/// The name of the service in the beginning of a registration or heartbeat. `None`: it is not there. A heartbeat of
/// protocol 1 consists of the name.
pub(crate) fn name_in(body: &[u8]) -> Option<String> {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *start != b'{' {
        let text = String::from_utf8_lossy(body);
        return Some(cut(text.trim()).to_owned());
    }
    let mut name = None;
    // The text may end anywhere: what was read before the error counts.
    let _ = FindName(&mut name).deserialize(&mut serde_json::Deserializer::from_slice(body));
    name.map(|name| cut(&name).to_owned())
}

/// Finds the member `name` of an object.
struct FindName<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for FindName<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FindName<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key::<String>()? {
            if member != "name" {
                map.next_value::<IgnoredAny>()?;
            } else if let Value::String(name) = map.next_value()? {
                *self.0 = Some(name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn a_name_at_an_address_is_reported_once_a_minute() {
        use LogDecision::{Report, Silent};
        use Refusal::{Registry, Signature};
        let log = RefusalLog::default();
        for (name, address, refusal, now, expected) in [
            ("a", ip(1), Signature, 0, Report),
            ("a", ip(1), Signature, 200, Silent),
            ("b", ip(1), Signature, 200, Report),
            ("a", ip(2), Signature, 200, Report),
            ("a", None, Signature, 200, Report),
            ("a", ip(1), Registry, 200, Report),
            ("a", ip(1), Signature, 59_999, Silent),
            ("a", ip(1), Signature, 60_000, Report),
            ("a", ip(1), Signature, 60_001, Silent),
        ] {
            let found = log.decide(name, address, refusal, Millis(now));
            assert_eq!(found, expected, "{name} {address:?} {refusal:?} {now}");
        }
    }

    #[test]
    fn guessed_names_do_not_fill_the_log() {
        let log = RefusalLog::default();
        let mut counts = [0, 0];
        for n in 0..100_000 {
            let name = format!("{n}{}", "x".repeat(1_000));
            match log.decide(&name, ip(1), Refusal::Signature, Millis(n / 10)) {
                LogDecision::Report => counts[0] += 1,
                LogDecision::ReportMany => counts[1] += 1,
                LogDecision::Silent => {}
            }
        }
        assert_eq!(counts, [MAX_REMEMBERED_REFUSALS, 1]);
        let known = &log.0.lock().expect("not poisoned").known;
        assert!(known.keys().all(|(name, ..)| name.len() <= 200));
    }

    #[test]
    fn the_name_is_found_in_the_beginning_of_a_body() {
        let long = format!(
            r#"{{"host":"h","name":"orders","staticResources":["{}"#,
            "x".repeat(9_000)
        );
        let late = format!(r#"{{"staticResources":["{}"#, "x".repeat(9_000));
        let (name, spaces) = (Some("orders"), "  orders\n");
        for (body, expected) in [
            (r#"{"name":"orders"}"#, name),
            (
                r#" {"a":{"name":"inner"},"b":[{"name":"x"}],"name":"orders","#,
                name,
            ),
            (&long, name),
            (&late, None),
            (r#"{"name":"ord"#, None),
            (r#"{"name":7,"x":1}"#, None),
            (r#"{"name":null}"#, None),
            ("orders", name),
            (spaces, name),
            ("", None),
            ("[", Some("[")),
        ] {
            assert_eq!(name_in(body.as_bytes()).as_deref(), expected, "{body:.40}");
        }
        assert_eq!(name_in(&[b'x'; 9_000]).map(|name| name.len()), Some(200));
        assert_eq!(name_in(b"{\"name\":\"\xff\"}"), None);
    }
}
