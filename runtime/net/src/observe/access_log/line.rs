//! One line of the access log.
#![deny(clippy::disallowed_methods)]

use std::{
    fmt::{self, Write as _},
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::Method;
use serde::Serialize;

use crate::observe::{
    action::ActionRecord,
    record::{Details, FragmentRecord, RequestRecord},
};

/// What the log says of the head of a request and of its answer.
#[derive(Clone, Debug)]
pub(in crate::observe) struct Head {
    /// When the request came.
    pub(in crate::observe) at: SystemTime,
    pub(in crate::observe) client: Option<IpAddr>,
    pub(in crate::observe) method: Method,
    pub(in crate::observe) host: String,
    /// The path without its query, which may hold secrets.
    pub(in crate::observe) path: String,
    pub(in crate::observe) status: u16,
    /// How long it took until the head of the answer was ready.
    pub(in crate::observe) first_byte: Duration,
}

/// All that one line tells.
pub(super) struct Line<'l> {
    pub(super) head: &'l Head,
    pub(super) record: &'l RequestRecord,
    pub(super) bytes: u64,
    pub(super) is_whole: bool,
    pub(super) time: Duration,
}

/// The members of a JSON line, in their order.
#[derive(Serialize)]
struct Members<'l> {
    time: String,
    request_id: &'l str,
    client: Option<IpAddr>,
    method: &'l str,
    host: &'l str,
    path: &'l str,
    status: u16,
    bytes: u64,
    /// Absent: the whole answer left.
    #[serde(skip_serializing_if = "Option::is_none")]
    aborted: Option<bool>,
    first_byte_ms: f64,
    total_ms: f64,
    service: Option<&'l str>,
    route: Option<&'l str>,
    instance: Option<&'l str>,
    version: Option<&'l str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fragments: Vec<Fragment<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action<'l>>,
}

#[derive(Serialize)]
struct Fragment<'l> {
    service: &'l str,
    r#ref: &'l str,
    outcome: &'l str,
    ms: f64,
}

impl<'l> Fragment<'l> {
    fn of(fragment: &'l FragmentRecord) -> Self {
        Self {
            service: &fragment.service,
            r#ref: &fragment.reference,
            outcome: fragment.outcome,
            ms: milliseconds(fragment.time),
        }
    }
}

#[derive(Serialize)]
struct Action<'l> {
    service: &'l str,
    r#ref: &'l str,
    name: &'l str,
    outcome: &'l str,
    ms: f64,
}

impl<'l> Action<'l> {
    fn of(action: &'l ActionRecord) -> Self {
        Self {
            service: &action.service,
            r#ref: &action.reference,
            name: &action.action,
            outcome: action.outcome.label(),
            ms: milliseconds(action.time),
        }
    }
}

/// Milliseconds with three decimals.
fn milliseconds(time: Duration) -> f64 {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1_000.0
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The line as a JSON object.
pub(super) fn as_json(line: &Line<'_>) -> String {
    let none = Details::default();
    let details = line.record.details();
    let details = details.as_deref().unwrap_or(&none);
    let members = Members {
        time: Rfc3339(line.head.at).to_string(),
        request_id: line.record.trace().request_id(),
        client: line.head.client,
        method: line.head.method.as_str(),
        host: &line.head.host,
        path: &line.head.path,
        status: line.head.status,
        bytes: line.bytes,
        aborted: (!line.is_whole).then_some(true),
        first_byte_ms: milliseconds(line.head.first_byte),
        total_ms: milliseconds(line.time),
        service: line.record.service().map(|service| &**service),
        route: some(&details.served.route),
        instance: some(&details.served.instance),
        version: some(&details.served.version),
        fragments: details.fragments.iter().map(Fragment::of).collect(),
        action: details.action.as_ref().map(|(action, _)| Action::of(action)),
    };
    let mut text = serde_json::to_string(&members).unwrap_or_default();
    text.push('\n');
    text
}

/// The line as text: the fixed parts first, then `name=value`.
pub(super) fn as_text(line: &Line<'_>) -> String {
    let none = Details::default();
    let details = line.record.details();
    let details = details.as_deref().unwrap_or(&none);
    let head = line.head;
    let mut text = String::with_capacity(256);
    let client = head
        .client
        .map_or_else(|| "-".to_owned(), |client| client.to_string());
    // Writing to a text never fails.
    let _ = write!(
        text,
        "{} {client} {} {} {} {} {} first_byte={}ms total={}ms request_id={}",
        Rfc3339(head.at),
        head.method,
        Value(&head.host),
        Value(&head.path),
        head.status,
        line.bytes,
        milliseconds(head.first_byte),
        milliseconds(line.time),
        line.record.trace().request_id(),
    );
    let service = line.record.service().map_or("", |service| &**service);
    let named = [
        ("service", service),
        ("route", &*details.served.route),
        ("instance", &*details.served.instance),
        ("version", &*details.served.version),
    ];
    for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(text, " {name}={}", Value(value));
    }
    for fragment in details.fragments.iter().map(Fragment::of) {
        let name = format!("{}/{}", fragment.service, fragment.r#ref);
        let _ = write!(
            text,
            " fragment={}:{}:{}ms",
            Value(&name),
            fragment.outcome,
            fragment.ms
        );
    }
    if let Some((action, _)) = &details.action {
        let (name, outcome) = (action.name(), action.outcome.label());
        let _ = write!(
            text,
            " action={}:{outcome}:{}ms",
            Value(&name),
            milliseconds(action.time)
        );
    }
    if !line.is_whole {
        text.push_str(" aborted");
    }
    text.push('\n');
    text
}

/// A value in a line of text: in quotes, where it could be taken for something else.
struct Value<'v>(&'v str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        match self.0 {
            "" => f.write_str("-"),
            plain if plain.chars().all(is_plain) => f.write_str(plain),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A time in UTC as RFC 3339 writes it, with milliseconds.
struct Rfc3339(SystemTime);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let millis = since.subsec_millis();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// The date so many days after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that a leap day
/// is the last one, and in groups of 400.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (group, day_of_group) = (days / 146_097, days % 146_097);
    let year = (day_of_group - day_of_group / 1_460 + day_of_group / 36_524 - day_of_group / 146_096) / 365;
    let day_of_year = day_of_group - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (group * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::observe::{ActionOutcome, Served, trace::TraceContext};

    fn record() -> RequestRecord {
        let record = RequestRecord::new(TraceContext::begin(0xabc, 1, true), Instant::now(), true);
        record.answered_by(|| "my shop".into());
        record.served(|| Served {
            route: "/orders/*".to_owned(),
            instance: "http://10.0.0.7:80#0 my shop".to_owned(),
            version: "3".to_owned(),
            why: "",
        });
        for (reference, outcome, micros) in [("basket", "rendered", 1_250), ("news", "late", 1_000_000)] {
            record.fragment(|| FragmentRecord {
                service: "orders".to_owned(),
                reference: reference.to_owned(),
                outcome,
                time: Duration::from_micros(micros),
            });
        }
        record
    }

    fn head(path: &str) -> Head {
        Head {
            at: UNIX_EPOCH + Duration::from_millis(1_796_000_461_007),
            client: "203.0.113.9".parse().ok(),
            method: Method::GET,
            host: "shop.example".to_owned(),
            path: path.to_owned(),
            status: 200,
            first_byte: Duration::from_micros(1_500),
        }
    }

    #[test]
    fn a_line_of_text_tells_all() {
        let (record, head) = (record(), head("/orders/1"));
        let line = Line {
            head: &head,
            record: &record,
            bytes: 512,
            is_whole: true,
            time: Duration::from_micros(2_000),
        };
        assert_eq!(
            as_text(&line),
            "2026-11-30T01:01:01.007Z 203.0.113.9 GET shop.example /orders/1 200 512 first_byte=1.5ms total=2ms \
             request_id=00000000000000000000000000000abc service=\"my shop\" route=/orders/* \
             instance=\"http://10.0.0.7:80#0 my shop\" version=3 fragment=orders/basket:rendered:1.25ms \
             fragment=orders/news:late:1000ms\n"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&line)).expect("JSON");
        assert_eq!(json["fragments"][1]["outcome"], "late");
        assert_eq!(json["instance"], "http://10.0.0.7:80#0 my shop");
        assert_eq!((&json["bytes"], &json["total_ms"]), (&512.into(), &2.0.into()));
        assert_eq!(json.get("aborted"), None);
    }

    #[test]
    fn a_line_tells_what_became_of_a_form() {
        let record = RequestRecord::new(TraceContext::begin(1, 1, true), Instant::now(), true);
        record.action(|| ActionRecord {
            service: "orders".to_owned(),
            reference: "checkout".to_owned(),
            action: "place".to_owned(),
            outcome: ActionOutcome::Invalid,
            time: Duration::from_micros(2_500),
            is_remote: true,
        });
        let head = head("/pay");
        let line = Line {
            head: &head,
            record: &record,
            bytes: 0,
            is_whole: true,
            time: Duration::ZERO,
        };
        let text = as_text(&line);
        assert!(
            text.ends_with(" action=orders/checkout/place:invalid:2.5ms\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json(&line)).expect("JSON");
        let expected = serde_json::json!({
            "service": "orders", "ref": "checkout", "name": "place", "outcome": "invalid", "ms": 2.5,
        });
        assert_eq!(json["action"], expected);
    }

    #[test]
    fn nobody_writes_a_second_line() {
        let record = RequestRecord::new(TraceContext::begin(1, 1, true), Instant::now(), true);
        for path in ["/a b", "/\n2026 GET", "/\"x\"", "/\u{1b}[31m", "/é", ""] {
            let head = head(path);
            let line = Line {
                head: &head,
                record: &record,
                bytes: 0,
                is_whole: false,
                time: Duration::ZERO,
            };
            let text = as_text(&line);
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            assert!(
                !text.contains('\u{1b}') && text.ends_with(" aborted\n"),
                "{text:?}"
            );
            let json = as_json(&line);
            assert_eq!(json.matches('\n').count(), 1);
            let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            assert_eq!((&json["path"], &json["aborted"]), (&path.into(), &true.into()));
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Rfc3339(time).to_string(), expected);
        }
    }
}
