//! The body of a call for fragments, in both protocols.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_runtime_wire::{Attributes, FragmentRequest, OrderedMap, WithoutNulls, null_is_default};
use serde::Deserialize;
use serde_json::Value;

/// Which protocol the caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Attributes for all items at once, the answer is an array.
    One,
    /// Attributes in each item, the answer is an object.
    Two,
}

/// The body of a call as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct CallBody {
    #[serde(default)]
    protocol: Option<u32>,
    #[serde(default, deserialize_with = "null_is_default")]
    attributes: Attributes,
    #[serde(default)]
    requests: Option<Requests>,
    #[serde(default, deserialize_with = "null_is_default")]
    sessions: BTreeMap<String, Value>,
}

/// Protocol 1 sends a list, protocol 2 a list for each service.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Requests {
    List(WithoutNulls<FragmentRequest>),
    ByService(OrderedMap<WithoutNulls<FragmentRequest>>),
}

/// A call for fragments.
#[derive(Debug)]
pub(super) struct FragmentsCall {
    pub(super) protocol: Protocol,
    pub(super) attributes: Attributes,
    pub(super) requests: Vec<FragmentRequest>,
    pub(super) sessions: BTreeMap<String, Value>,
}

impl From<CallBody> for FragmentsCall {
    fn from(body: CallBody) -> Self {
        Self {
            protocol: match body.protocol {
                Some(2..) => Protocol::Two,
                _ => Protocol::One,
            },
            attributes: body.attributes,
            requests: match body.requests {
                None => Vec::new(),
                Some(Requests::List(list)) => list.0,
                Some(Requests::ByService(OrderedMap(services))) => {
                    services.into_iter().flat_map(|(_, list)| list.0).collect()
                }
            },
            sessions: body.sessions,
        }
    }
}
