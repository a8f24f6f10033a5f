//! How long a response may be used again (RFC 9111 section 4.2).
#![deny(clippy::disallowed_methods)]

mod cache_control;

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName,
    header::{AGE, DATE, EXPIRES},
};

use cache_control::{CacheControl, delta_seconds};

use crate::limits::MAX_FRESHNESS;

/// How long a shared cache may use a response with these headers from `now` on, the time of its arrival. `delay` is
/// the time since its request was sent. Zero forbids caching it; `None`: the headers do not say, and no heuristic is
/// used.
pub fn left(headers: &HeaderMap, now: SystemTime, delay: Duration) -> Option<Duration> {
    let cache_control = CacheControl::of(headers);
    if cache_control.is_forbidden {
        return Some(Duration::ZERO);
    }
    // A response without a valid `Date` is dated to its arrival (RFC 9110 section 6.6.1).
    let date = first(headers, &DATE).and_then(parse_date).unwrap_or(now);
    let lifetime = match cache_control.lifetime {
        Some(seconds) => Duration::from_secs(seconds),
        None => expires(headers, date)?,
    };
    let left = lifetime.saturating_sub(age(headers, date, now, delay));
    Some(left.min(MAX_FRESHNESS))
}

/// The age of a response at its arrival (RFC 9111 section 4.2.3, `corrected_initial_age`).
fn age(headers: &HeaderMap, date: SystemTime, now: SystemTime, delay: Duration) -> Duration {
    let apparent = now.duration_since(date).unwrap_or_default();
    // The first member of a list counts, and a value that is not a number is ignored (RFC 9111 section 5.1).
    let stated = first(headers, &AGE)
        .and_then(|value| value.split(|byte| *byte == b',').next())
        .and_then(|member| delta_seconds(member.trim_ascii()))
        .unwrap_or(0);
    apparent.max(Duration::from_secs(stated).saturating_add(delay))
}

/// The lifetime according to `Expires`. A malformed date, such as `0`, is in the past (RFC 9111 section 5.3). Several
/// different dates make the response stale (section 4.2.1).
fn expires(headers: &HeaderMap, date: SystemTime) -> Option<Duration> {
    let mut ends = headers
        .get_all(EXPIRES)
        .iter()
        .map(|value| parse_date(value.as_bytes()));
    let first = ends.next()?;
    if ends.any(|end| end != first) {
        return Some(Duration::ZERO);
    }
    let lifetime = first.and_then(|end| end.duration_since(date).ok());
    Some(lifetime.unwrap_or_default())
}

fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(|value| value.as_bytes())
}

/// A date in one of the three formats of RFC 9110 section 5.6.7.
fn parse_date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::CACHE_CONTROL};

    use super::*;

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    const NOW: Duration = Duration::from_secs(784_111_777);
    const DELAY: Duration = Duration::from_secs(2);

    fn check(fields: &[(&str, &str)], delay: Duration, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let now = SystemTime::UNIX_EPOCH + NOW;
        let expected = expected.map(Duration::from_secs);
        assert_eq!(left(&headers, now, delay), expected, "{fields:?}");
    }

    #[test]
    fn age_and_date_shorten_what_cache_control_allows() {
        let date = |seconds: &'static str| ("date", seconds);
        for (fields, expected) in [
            (&[] as &[(&str, &str)], Some(60)),
            (&[("age", "60")], Some(0)),
            (&[("age", "20")], Some(40)),
            (&[("age", "61")], Some(0)),
            (&[("age", "99999999999999999999999")], Some(0)),
            (&[("age", "0")], Some(60)),
            (&[("age", " 20 ")], Some(40)),
            (&[("age", "20, 50")], Some(40)),
            (&[("age", "20"), ("age", "50")], Some(40)),
            (&[("age", "-5")], Some(60)),
            (&[("age", "+50")], Some(60)),
            (&[("age", "1.5")], Some(60)),
            (&[("age", "soon")], Some(60)),
            (&[("age", "")], Some(60)),
            (&[date("Sun, 06 Nov 1994 08:49:37 GMT")], Some(60)),
            (&[date("Sun, 06 Nov 1994 08:49:27 GMT")], Some(50)),
            (&[date("Sunday, 06-Nov-94 08:49:27 GMT")], Some(50)),
            (&[date("Sun Nov  6 08:49:27 1994")], Some(50)),
            (&[date("Sun, 06 Nov 1994 08:48:37 GMT")], Some(0)),
            (&[date("Sun, 06 Nov 1983 08:48:37 GMT")], Some(0)),
            (&[date("Mon, 07 Nov 1994 08:49:37 GMT")], Some(60)),
            (&[date("yesterday")], Some(60)),
            (&[date("Sun, 06 Nov 1994 08:49:27 GMT"), ("age", "30")], Some(30)),
            (&[date("Sun, 06 Nov 1994 08:49:07 GMT"), ("age", "10")], Some(30)),
            // An explicit lifetime counts more than `Expires`.
            (&[("expires", "0")], Some(60)),
            (&[("expires", "Sun, 06 Nov 1994 09:49:37 GMT")], Some(60)),
            (&[("pragma", "no-cache")], Some(60)),
        ] {
            let all = [&[("cache-control", "max-age=60")], fields].concat();
            check(&all, Duration::ZERO, expected);
        }
    }

    #[test]
    fn expires_counts_where_cache_control_names_no_time() {
        const LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
        for (fields, expected) in [
            (&[("expires", LATER)] as &[(&str, &str)], Some(60)),
            (&[("expires", LATER), ("cache-control", "public")], Some(60)),
            (&[("expires", LATER), ("age", "20")], Some(40)),
            (
                &[("expires", LATER), ("date", "Sun, 06 Nov 1994 08:49:27 GMT")],
                Some(60),
            ),
            // The service's clock is an hour slow: `Expires` and `Date` say 60 seconds, but the age seems an hour.
            (
                &[
                    ("expires", "Sun, 06 Nov 1994 07:50:37 GMT"),
                    ("date", "Sun, 06 Nov 1994 07:49:37 GMT"),
                ],
                Some(0),
            ),
            (
                &[
                    ("expires", "Sun, 06 Nov 1994 09:50:37 GMT"),
                    ("date", "Sun, 06 Nov 1994 09:49:37 GMT"),
                ],
                Some(60),
            ),
            (&[("expires", "Sunday, 06-Nov-94 08:50:37 GMT")], Some(60)),
            (&[("expires", "Sun Nov  6 08:50:37 1994")], Some(60)),
            (&[("expires", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(0)),
            (&[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], Some(0)),
            (&[("expires", "0")], Some(0)),
            (&[("expires", "-1")], Some(0)),
            (&[("expires", "")], Some(0)),
            (&[("expires", "tomorrow")], Some(0)),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 +0100")], Some(0)),
            (&[("expires", LATER), ("expires", LATER)], Some(60)),
            (&[("expires", LATER), ("expires", "0")], Some(0)),
            (&[("expires", LATER), ("cache-control", "no-cache")], Some(0)),
            (&[("expires", LATER), ("cache-control", "private")], Some(0)),
            (&[("expires", LATER), ("cache-control", "max-age=5")], Some(5)),
            (&[("expires", LATER), ("cache-control", "max-age=soon")], Some(0)),
            (&[("expires", "Fri, 31 Dec 9999 23:59:59 GMT")], Some(86_400)),
            (&[("age", "5")], None),
            (&[("cache-control", "must-revalidate")], None),
            (&[("pragma", "no-cache")], None),
            (&[("last-modified", "Sun, 06 Nov 1983 08:49:37 GMT")], None),
        ] {
            check(fields, Duration::ZERO, expected);
        }
    }

    #[test]
    fn the_time_on_the_way_counts_as_age() {
        let kept = |value: &'static str| (CACHE_CONTROL.as_str(), value);
        check(&[kept("max-age=60")], DELAY, Some(58));
        check(&[kept("max-age=60"), ("age", "20")], DELAY, Some(38));
        check(&[kept("max-age=1")], DELAY, Some(0));
        // The time since `Date` has the way in it.
        let date = ("date", "Sun, 06 Nov 1994 08:49:34 GMT");
        check(&[kept("max-age=60"), date], DELAY, Some(57));
        check(
            &[
                kept("max-age=99999999999999999999"),
                ("age", "99999999999999999999"),
            ],
            DELAY,
            Some(0),
        );
        check(&[kept("max-age=99999999999999999999")], DELAY, Some(86_400));
    }
}
