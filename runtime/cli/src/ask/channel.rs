//! The channel of an instance in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// `-` without a channel, the gateway where it ends, or what this gateway knows of it.
pub(super) fn text(channel: &Value, now: SystemTime) -> String {
    if channel.is_null() {
        return "-".to_owned();
    }
    let here = &channel["here"];
    if here.is_null() {
        return match channel["gateway"].as_str() {
            Some(gateway) => format!("at {gateway}"),
            None => "at another gateway".to_owned(),
        };
    }
    let number = |name: &str| here[name].as_u64().unwrap_or_default();
    let opened = UNIX_EPOCH + Duration::from_millis(number("since"));
    let age = now.duration_since(opened).unwrap_or_default();
    let round_trip = here["round_trip_ms"].as_f64().map(|ms| format!(", {ms:.1} ms"));
    format!(
        "{}{}, {} in flight, {} in, {} out",
        lasted(age),
        round_trip.unwrap_or_default(),
        number("requests") + number("served"),
        bytes(number("received_bytes")),
        bytes(number("sent_bytes"))
    )
}

fn lasted(age: Duration) -> String {
    match age.as_secs() {
        seconds if seconds < 120 => format!("{seconds}s"),
        seconds if seconds < 7_200 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3_600),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes < 10_000 => format!("{bytes} B"),
        _ if bytes < 10_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_channel_in_words() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        let here = |since: u64, round_trip: Value| {
            json!({"gateway": "10.0.0.5:80", "here": {"since": since * 1_000, "round_trip_ms": round_trip, "requests": 2,
                "served": 1, "received_bytes": 9_999, "sent_bytes": 12_345_678}})
        };
        for (channel, expected) in [
            (Value::Null, "-"),
            (json!({"gateway": "10.0.0.5:80", "here": null}), "at 10.0.0.5:80"),
            (json!({"gateway": null, "here": null}), "at another gateway"),
            (
                here(9_990, json!(0.25)),
                "10s, 0.2 ms, 3 in flight, 9999 B in, 12 MB out",
            ),
            (here(9_000, Value::Null), "16m, 3 in flight, 9999 B in, 12 MB out"),
            (here(20_000, Value::Null), "0s, 3 in flight, 9999 B in, 12 MB out"),
        ] {
            assert_eq!(text(&channel, now), expected);
        }
    }
}
