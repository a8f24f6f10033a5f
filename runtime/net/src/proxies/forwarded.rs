//! Parses what proxies state about the hops of a request, in the order in which the request passed them.
#![deny(clippy::disallowed_methods)]

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use super::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};

use crate::limits::MAX_PROXY_HOPS;

/// What one proxy states about the connection over which it received the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hop<'h> {
    /// `None`: the address is hidden, or malformed.
    pub(super) address: Option<IpAddr>,
    pub(super) proto: Option<&'h str>,
    pub(super) host: Option<&'h str>,
}

/// The hops of `Forwarded`. `None` if there is no such header. A malformed line is a hop that hides its address.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop<'_>>> {
    headers.contains_key(FORWARDED).then(|| {
        let values = headers.get_all(FORWARDED).iter();
        let lines = values.map(|value| value.to_str().ok().and_then(elements));
        last(
            lines
                .flat_map(|hops| hops.unwrap_or_else(|| vec![Hop::default()]))
                .collect(),
        )
    })
}

/// The elements of one header (RFC 7239 section 4). `None`: the header is malformed.
fn elements(value: &str) -> Option<Vec<Hop<'_>>> {
    split_outside_quotes(value, ',')?
        .into_iter()
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .map(|element| {
            let mut hop = Hop::default();
            let mut is_said = false;
            for pair in split_outside_quotes(element, ';')? {
                let (name, value) = pair.trim().split_once('=')?;
                let value = unquoted(value.trim())?;
                // A parameter must not occur twice.
                let is_twice = match name.trim().to_ascii_lowercase().as_str() {
                    "for" => {
                        hop.address = address(value);
                        std::mem::replace(&mut is_said, true)
                    }
                    "proto" => hop.proto.replace(value).is_some(),
                    "host" => hop.host.replace(value).is_some(),
                    _ => false,
                };
                if is_twice {
                    return None;
                }
            }
            Some(hop)
        })
        .collect()
}

/// `None`: a quote does not end.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!is_quoted).then_some(parts)
}

/// The text of a token or a quoted string. An escaped character counts as malformed: no address, scheme or host
/// contains one.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains(['"', '\\'])).then_some(inner)
}

/// The hops of `X-Forwarded-For`, with the schemes and hosts of the other two lists. `None` if none of these headers
/// is present.
pub(super) fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop<'_>>> {
    let names = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];
    if !names.iter().any(|name| headers.contains_key(name)) {
        return None;
    }
    let (addresses, protos, hosts) = (
        list(headers, &X_FORWARDED_FOR),
        list(headers, &X_FORWARDED_PROTO),
        list(headers, &X_FORWARDED_HOST),
    );
    // A proxy that does not state the address of its peer is still a hop.
    let count = addresses.len().max(1);
    let hops = (0..count).map(|at| Hop {
        address: addresses.get(at).and_then(|text| address(text)),
        proto: beside(&protos, at, count),
        host: beside(&hosts, at, count),
    });
    Some(last(hops.collect()))
}

/// The value for the hop at this place: its own one if the list has as many values as hops, otherwise the last value
/// for all.
fn beside<'h>(values: &[&'h str], at: usize, count: usize) -> Option<&'h str> {
    match values.len() == count {
        true => values.get(at).copied(),
        false => values.last().copied(),
    }
}

fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
    headers
        .get_all(name)
        .iter()
        // A line that is not text contains no address, but it is a hop.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .collect()
}

/// An address with or without a port, in brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| bare?.parse().ok())
}

fn last(mut hops: Vec<Hop<'_>>) -> Vec<Hop<'_>> {
    let too_many = hops.len().saturating_sub(MAX_PROXY_HOPS);
    hops.drain(..too_many);
    hops
}
