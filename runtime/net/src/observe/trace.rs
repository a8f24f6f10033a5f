//! The id of a request, and its place in a trace (W3C Trace Context, <https://www.w3.org/TR/trace-context/>).
#![deny(clippy::disallowed_methods)]

use std::collections::HashSet;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::{MAX_REQUEST_ID_BYTES, MAX_TRACE_STATE_BYTES, MAX_TRACE_STATE_MEMBERS};

/// The id of a request, which each process that works for it logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace, and the span within it that sends the request.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems add to that.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// So many headers are added to most requests on their way to a service.
const HEADERS_ADDED: usize = 10;

/// The place of one request in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The bytes of the number: a `u128` would align all that contains it, futures too, so that it is allocated more slowly.
    trace: [u8; 16],
    span: u64,
    /// The span of the caller. `None`: the trace begins here.
    parent: Option<u64>,
    is_sampled: bool,
    /// `traceparent` for all whom this process calls.
    traceparent: HeaderValue,
    state: Option<HeaderValue>,
    request_id: HeaderValue,
}

/// A `traceparent` that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl TraceContext {
    /// A trace that begins here, with the id `trace`. `span` is the id of this process's part of it. Neither is 0.
    #[must_use]
    pub fn begin(trace: u128, span: u64, is_sampled: bool) -> Self {
        let parent = None;
        Self::new(trace, span, parent, is_sampled, None, None)
    }

    /// The trace and the request id that the headers of a trusted caller state, each as far as it is valid. What is
    /// missing begins here, as in [`TraceContext::begin`].
    #[must_use]
    pub fn of(headers: &HeaderMap, trace: u128, span: u64, is_sampled: bool) -> Self {
        let request_id = only(headers, &X_REQUEST_ID).filter(|id| is_request_id(id.as_bytes()));
        let parent = only(headers, &TRACEPARENT).and_then(|value| parse_parent(value.as_bytes()));
        match parent {
            // Without a valid `traceparent`, `tracestate` means nothing (section 3.3.1 of the standard).
            None => Self::new(trace, span, None, is_sampled, None, request_id.cloned()),
            Some(parent) => {
                let state = trace_state(headers);
                let (id, is_sampled) = (parent.trace, parent.is_sampled);
                Self::new(
                    id,
                    span,
                    Some(parent.span),
                    is_sampled,
                    state,
                    request_id.cloned(),
                )
            }
        }
    }

    fn new(
        trace: u128,
        span: u64,
        parent: Option<u64>,
        is_sampled: bool,
        state: Option<HeaderValue>,
        request_id: Option<HeaderValue>,
    ) -> Self {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        push_hex(&mut text, (trace >> 64) as u64);
        push_hex(&mut text, trace as u64);
        text.push('-');
        push_hex(&mut text, span);
        text.push_str(if is_sampled { "-01" } else { "-00" });
        let text = Bytes::from(text);
        let value = |bytes| HeaderValue::from_maybe_shared(bytes).unwrap_or(HeaderValue::from_static(""));
        Self {
            trace: trace.to_be_bytes(),
            span,
            parent,
            is_sampled,
            state,
            // Without an id of its own, a request has the id of its trace.
            request_id: request_id.unwrap_or_else(|| value(text.slice(3..35))),
            traceparent: value(text),
        }
    }

    /// The id of the request: 128 characters at most, without spaces and quotes.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        u128::from_be_bytes(self.trace)
    }

    /// The id of this process's part of the trace.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span
    }

    /// The id of the caller's part of the trace. `None`: the trace begins here.
    #[must_use]
    pub fn parent_id(&self) -> Option<u64> {
        self.parent
    }

    /// Whether spans of the trace are to be kept.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// The headers for all whom this process calls for the request.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        let state = self.state.clone().map(|state| (TRACESTATE, state));
        [
            (X_REQUEST_ID, self.request_id.clone()),
            (TRACEPARENT, self.traceparent.clone()),
        ]
        .into_iter()
        .chain(state)
    }

    /// Puts the headers in place of those of a caller.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        if self.state.is_none() {
            headers.remove(TRACESTATE);
        }
        // Those that a gateway adds for a service, too: a map that grows in steps hashes all names again at each step.
        headers.reserve(HEADERS_ADDED);
        for (name, value) in self.headers() {
            headers.insert(name, value);
        }
    }
}

/// Appends the 16 digits of a number. The standard library's formatter takes several times as long, and each request has three.
fn push_hex(text: &mut String, number: u64) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        }
    };
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Letters, digits and a few signs, none of which means anything in a log, a shell, or JSON.
fn is_request_id(text: &[u8]) -> bool {
    let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=MAX_REQUEST_ID_BYTES).contains(&text.len()) && text.iter().all(is_good)
}

/// Section 3.2 of the standard: `version-trace-parent-flags`, in lower case. A higher version may have more at its end.
fn parse_parent(text: &[u8]) -> Option<Parent> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2).filter(|version| *version != 0xff)?;
    let trace = hex(parts.next()?, 32).filter(|id| *id != 0)?;
    let span = hex(parts.next()?, 16).filter(|id| *id != 0)?;
    let flags = hex(parts.next()?, 2)?;
    if version == 0 && parts.next().is_some() {
        return None;
    }
    Some(Parent {
        trace,
        span: u64::try_from(span).ok()?,
        is_sampled: flags & 1 == 1,
    })
}

fn hex(text: &str, length: usize) -> Option<u128> {
    let is_good = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let good = text.len() == length && text.bytes().all(is_good);
    good.then(|| u128::from_str_radix(text, 16).ok())?
}

/// Section 3.3 of the standard. A list that breaks one of its rules is dropped as a whole.
fn trace_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(TRACESTATE).iter();
    let texts: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
    let texts = texts?;
    let members = || texts.iter().flat_map(|text| text.split(','));
    let members: Vec<&str> = members().map(str::trim).filter(|one| !one.is_empty()).collect();
    if members.is_empty() || members.len() > MAX_TRACE_STATE_MEMBERS {
        return None;
    }
    let mut keys = HashSet::new();
    for member in &members {
        let (key, value) = member.split_once('=')?;
        if !is_state_key(key) || !is_state_value(value) || !keys.insert(key) {
            return None;
        }
    }
    let joined = members.join(",");
    (joined.len() <= MAX_TRACE_STATE_BYTES).then(|| HeaderValue::try_from(joined).ok())?
}

fn is_state_key(key: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_good = |byte: u8| is_first(byte) || b"_-*/@".contains(&byte);
    key.len() <= 256 && key.bytes().next().is_some_and(is_first) && key.bytes().all(is_good)
}

fn is_state_value(value: &str) -> bool {
    let is_good = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_good)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(pairs: &[(HeaderName, &str)]) -> TraceContext {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        TraceContext::of(&headers, 0xabc, 0xdef, true)
    }

    fn written(context: &TraceContext) -> [Option<String>; 3] {
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, HeaderValue::from_static("of=caller"));
        context.write_to(&mut headers);
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        [X_REQUEST_ID, TRACEPARENT, TRACESTATE].map(text)
    }

    #[test]
    fn a_valid_traceparent_is_continued_and_any_other_begins_a_trace() {
        for (value, is_sampled) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), false),
            // Flags of later versions.
            (format!("00-{TRACE}-00f067aa0ba902b7-03"), true),
            (format!("01-{TRACE}-00f067aa0ba902b7-01-what-ever"), true),
            (format!("cc-{TRACE}-00f067aa0ba902b7-00"), false),
        ] {
            let context = of(&[(TRACEPARENT, &value)]);
            let expected = format!("00-{TRACE}-0000000000000def-{:02x}", u8::from(is_sampled));
            let [id, parent, state] = written(&context);
            assert_eq!(
                (id.as_deref(), parent, state),
                (Some(TRACE), Some(expected), None),
                "{value}"
            );
            assert_eq!(context.parent_id(), Some(0x00f0_67aa_0ba9_02b7));
        }
        let begun = format!("00-{:032x}-{:016x}-01", 0xabc, 0xdef);
        for value in [
            "",
            "00",
            "hello",
            &format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            &format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            &format!("00-{TRACE}-00f067aa0ba902b7"),
            &format!("00-{TRACE}-00f067aa0ba902b7-1"),
            &format!("00-{TRACE}-00f067aa0ba902b7-0x"),
            &format!("00-{TRACE}-00F067AA0BA902B7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{TRACE}0-00f067aa0ba902b7-01"),
            &format!("+0-{TRACE}-00f067aa0ba902b7-01"),
            &format!(" 00-{TRACE}-00f067aa0ba902b7-01"),
        ] {
            let context = of(&[(TRACEPARENT, value), (TRACESTATE, "a=1")]);
            let [_, parent, state] = written(&context);
            assert_eq!((parent.as_deref(), state), (Some(&*begun), None), "{value}");
            assert_eq!(context.parent_id(), None);
        }
        let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let twice = of(&[(TRACEPARENT, &valid), (TRACEPARENT, &valid)]);
        assert_eq!(written(&twice)[1].as_deref(), Some(&*begun));
    }

    #[test]
    fn a_trace_state_that_breaks_a_rule_is_dropped() {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let many = |count: usize| {
            (0..count)
                .map(|n| format!("k{n}=v"))
                .collect::<Vec<_>>()
                .join(",")
        };
        for (values, expected) in [
            (
                vec!["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
                Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
            ),
            (vec!["a=1", "b=2"], Some("a=1,b=2")),
            (vec![" a=1 ,, b@x=two words"], Some("a=1,b@x=two words")),
            (vec![&*many(32)], Some(&*many(32))),
            (vec![&*many(33)], None),
            (vec![""], None),
            (vec!["a"], None),
            (vec!["a="], None),
            (vec!["A=1"], None),
            (vec!["a=1,a=2"], None),
            (vec!["a=1", "a=2"], None),
            (vec!["a=b=c"], None),
            (vec!["-a=1"], None),
            (vec![&*format!("a={}", "x".repeat(257))], None),
            (vec![&*format!("{}=1", "x".repeat(257))], None),
        ] {
            let mut pairs = vec![(TRACEPARENT, &*parent)];
            pairs.extend(values.iter().map(|value| (TRACESTATE, *value)));
            assert_eq!(written(&of(&pairs))[2].as_deref(), expected, "{values:?}");
        }
    }

    #[test]
    fn a_request_id_is_short_and_harmless() {
        for id in [
            "a",
            "7b3f-9",
            "f9ed4675f1c53513c61a3b3b4e25b4c0",
            "1-67891233-abcdef",
            "a/b+c=@.:_",
        ] {
            assert_eq!(written(&of(&[(X_REQUEST_ID, id)]))[0].as_deref(), Some(id));
        }
        let begun = format!("{:032x}", 0xabc);
        for id in [
            "",
            "a b",
            "a\tb",
            "\"",
            "{}",
            "a,b",
            "a;b",
            "<b>",
            "$(x)",
            "é",
            &"x".repeat(129),
        ] {
            assert_eq!(
                written(&of(&[(X_REQUEST_ID, id)]))[0].as_deref(),
                Some(&*begun),
                "{id}"
            );
        }
        let twice = of(&[(X_REQUEST_ID, "a"), (X_REQUEST_ID, "b")]);
        assert_eq!(written(&twice)[0].as_deref(), Some(&*begun));
    }

    proptest! {
        #[test]
        fn whatever_comes_what_leaves_is_valid(
            parent in "[ -~]{0,70}", state in "[ -~]{0,600}", id in "[ -~]{0,140}", span in 1_u64.., trace in 1_u128..
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in [(TRACEPARENT, parent), (TRACESTATE, state), (X_REQUEST_ID, id)] {
                headers.insert(name, HeaderValue::from_str(&value).expect("a value"));
            }
            let context = TraceContext::of(&headers, trace, span, false);
            let mut left = HeaderMap::new();
            context.write_to(&mut left);
            prop_assert!(parse_parent(left[TRACEPARENT].as_bytes()).is_some());
            prop_assert!(is_request_id(left[X_REQUEST_ID].as_bytes()));
            prop_assert_eq!(trace_state(&left), left.get(TRACESTATE).cloned());
        }
    }
}
