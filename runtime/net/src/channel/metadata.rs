//! Requests as payloads: the route and the headers are entries of composite metadata.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hydra_runtime_rsocket::{
    Payload,
    metadata::{self, Authentication, CompositeWriter, MetadataError, MimeType, entries},
};
use serde::{Deserialize, Serialize, Serializer};

use super::{ChannelRequest, Refusal, RefusalKind};
use crate::limits::MAX_CHANNEL_HEADER_BYTES;

const ROUTING: u8 = 0x7E;
const JSON: u8 = 0x05;
const AUTHENTICATION: u8 = 0x7C;

/// The payload of a request.
pub(super) fn payload(request: ChannelRequest) -> Result<Payload, MetadataError> {
    let route = metadata::route(&[&request.route])?;
    let mut composite = CompositeWriter::new().push(&MimeType::of_id(ROUTING), &route)?;
    if !request.headers.is_empty() {
        // Texts can always be written as JSON.
        let json = serde_json::to_vec(&Headers(&request.headers)).unwrap_or_default();
        composite = composite.push(&MimeType::of_id(JSON), &json)?;
    }
    Ok(Payload::new(request.body).with_metadata(composite.finish()))
}

/// Headers as an object of texts. The values of headers that occur several times are a list.
struct Headers<'h>(&'h HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let named = self.0.keys().filter_map(|name| {
            let mut values: Vec<String> = self.0.get_all(name).iter().filter_map(text).collect();
            let value = match values.len() {
                0 => return None,
                1 => Value::One(values.swap_remove(0)),
                _ => Value::Many(values),
            };
            Some((name.as_str(), value))
        });
        serializer.collect_map(named)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    One(String),
    Many(Vec<String>),
}

/// The request of a payload: the first routing tag, and the first entry of JSON.
pub(super) fn request(payload: Payload) -> Result<ChannelRequest, Refusal> {
    let invalid = |reason: String| Refusal::new(RefusalKind::Invalid, reason);
    let (mut route, mut headers) = (None, None);
    for entry in entries(payload.metadata.unwrap_or_default()) {
        let entry = entry.map_err(|error| invalid(error.to_string()))?;
        match entry.mime_type.id() {
            Some(ROUTING) if route.is_none() => {
                let tags = metadata::tags(entry.content).map_err(|error| invalid(error.to_string()))?;
                route = tags.into_iter().next();
            }
            Some(JSON) if headers.is_none() => headers = Some(read_headers(&entry.content).map_err(invalid)?),
            _ => {}
        }
    }
    Ok(ChannelRequest {
        route: route
            .ok_or_else(|| invalid("the request has no routing tag".to_owned()))?
            .into(),
        headers: headers.unwrap_or_default(),
        body: payload.data,
    })
}

fn read_headers(json: &[u8]) -> Result<HeaderMap, String> {
    if json.len() > MAX_CHANNEL_HEADER_BYTES {
        return Err(format!(
            "the headers are longer than {MAX_CHANNEL_HEADER_BYTES} bytes"
        ));
    }
    let named: BTreeMap<String, Value> =
        serde_json::from_slice(json).map_err(|_| "the headers are not an object of texts".to_owned())?;
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        let name = HeaderName::try_from(name).map_err(|_| "a header has an invalid name".to_owned())?;
        let values = match value {
            Value::One(value) => vec![value],
            Value::Many(values) => values,
        };
        for value in values {
            let value =
                HeaderValue::try_from(value).map_err(|_| format!("the header `{name}` is invalid"))?;
            headers.append(&name, value);
        }
    }
    Ok(headers)
}

/// The metadata of a SETUP that bears these tokens.
pub(super) fn setup(tokens: &[&str]) -> Option<Bytes> {
    let mut composite = CompositeWriter::new();
    for token in tokens {
        let bearer = metadata::bearer(token);
        composite = composite.push(&MimeType::of_id(AUTHENTICATION), &bearer).ok()?;
    }
    (!tokens.is_empty()).then(|| composite.finish())
}

/// The bearer tokens in the metadata of a SETUP, at most two. Other entries are ignored.
pub(super) fn tokens(composite: Bytes) -> Vec<String> {
    let entries = entries(composite).map_while(Result::ok);
    let tokens = entries
        .filter(|entry| entry.mime_type.id() == Some(AUTHENTICATION))
        .filter_map(|entry| match Authentication::decode(entry.content) {
            Ok(Authentication::Bearer(token)) => Some(token),
            _ => None,
        });
    tokens.take(2).collect()
}
