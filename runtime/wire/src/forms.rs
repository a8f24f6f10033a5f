//! What is said about a form that a visitor sends (protocol section 9): the seal in its address, the owner's answer, and
//! the header with which a page learns that one of its fragments has an answer already.
#![deny(clippy::disallowed_methods)]

pub mod channel;
mod failure;
pub mod page;
mod replacer;
pub mod sent;
pub mod session;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{failure::FormFailure, replacer::Replacer};
use crate::{
    Asset, Attributes,
    limits::{MAX_FORM_HEADER_BYTES, MAX_FORM_MARKER_CHARS, MAX_FORM_SEAL_BYTES},
    names::ServiceName,
};

/// The parameter of a page's query that holds the seal of the form that is sent.
pub const FORM_PARAMETER: &str = "hydra-form";
/// What the parameter has before the action of a page's own form. No seal begins in this way, and none that is cut or changed does.
const OF_PAGE: &str = "page:";
/// The parameter of [`crate::paths::ACTION`] that holds the seal.
pub const SEAL_PARAMETER: &str = "form";

/// How many bytes of the hash of a fragment's imports are kept. They tell the fragments of one page apart.
const IMPORTS_HASH_BYTES: usize = 16;

/// What the owner answers to a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum ActionAnswer {
    /// The action is done.
    Done(DoneForm),
    /// What was typed can't be used. Nothing was done.
    Invalid(Box<InvalidForm>),
}

/// An action that is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneForm {
    /// The fragment's name.
    #[serde(rename = "ref", default)]
    pub reference: String,
    /// The name of the action.
    #[serde(default)]
    pub action: String,
    /// Where the visitor goes next: a path of this site, or an address elsewhere. `None`: back to the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The id of the element to which a visitor who goes back to the page is brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// The owner's session, if the action changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
}

/// The fragment with the form as the visitor filled it in, and with what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InvalidForm {
    /// The fragment's name.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The name of the action.
    #[serde(default)]
    pub action: String,
    /// The [`imports_hash`] of the fragment.
    pub imports: String,
    /// The fragment's HTML.
    #[serde(rename = "renderedHTML")]
    pub html: String,
    /// All exports of the fragment, under its own names.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub exports: Attributes,
    /// The style sheets and scripts of the fragment.
    #[serde(
        default,
        deserialize_with = "crate::body::known_assets",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub assets: Vec<Asset>,
    /// The owner's session, if the action changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
}

impl ActionAnswer {
    /// Takes the owner's session out, if the action changed it.
    pub fn take_session(&mut self) -> Option<Value> {
        match self {
            Self::Done(done) => done.session.take(),
            Self::Invalid(invalid) => invalid.session.take(),
        }
    }
}

/// Why the owner did not handle a form. Visitors never see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionFailure {
    /// The reason, for logs.
    #[serde(default)]
    pub reason: String,
    /// The fragment's name. Empty: the seal can't be read.
    #[serde(rename = "ref", default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// The name of the action. Empty: the seal can't be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// Whether the action itself refused the form, so that the status is the action's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// What the request for a page says about a fragment that has its answer already: the value of the header
/// [`crate::headers::HYDRA_FORM`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnsweredFragment {
    /// The service that owns the fragment.
    pub service: String,
    /// The fragment's name.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The [`imports_hash`] of the fragment. Empty: it is not known, and the first fragment of this name is meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub imports: String,
    /// What the page shows in the fragment's place, as [`marker_comment`] writes it.
    pub marker: String,
    /// The exports of the fragment, under its own names.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub exports: Attributes,
    /// The style sheets and scripts of the fragment.
    #[serde(
        default,
        deserialize_with = "crate::body::known_assets",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub assets: Vec<Asset>,
}

impl AnsweredFragment {
    /// The value of the header. `None`: it would be too long.
    #[must_use]
    pub fn to_header(&self) -> Option<HeaderValue> {
        let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let is_short = text.len() <= MAX_FORM_HEADER_BYTES;
        HeaderValue::try_from(text).ok().filter(|_| is_short)
    }

    /// Reads the value of the header. `None`: it is too long, malformed, or its marker is none.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        if value.len() > MAX_FORM_HEADER_BYTES {
            return None;
        }
        let json = BASE64_URL_SAFE_NO_PAD.decode(value.as_bytes()).ok()?;
        let read: Self = serde_json::from_slice(&json).ok()?;
        is_marker(&read.marker).then_some(read)
    }
}

/// Whether a text can be a marker: 32 hexadecimal digits in lower case.
#[must_use]
pub fn is_marker(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == MAX_FORM_MARKER_CHARS && text.bytes().all(is_digit)
}

/// The text that a page shows in place of the answered fragment.
#[must_use]
pub fn marker_comment(marker: &str) -> String {
    format!("<!--{FORM_PARAMETER} {marker}-->")
}

/// Whether a query has the parameter for a seal, whatever its value is.
#[must_use]
pub fn has_seal_parameter(query: &str) -> bool {
    query.split('&').any(is_seal_parameter)
}

fn is_seal_parameter(pair: &str) -> bool {
    pair.split('=').next() == Some(FORM_PARAMETER)
}

/// The seal in the query of a page's address. `None`: the query has none, or it is empty.
#[must_use]
pub fn seal_in(query: &str) -> Option<&str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, seal) = pairs.find(|(name, _)| *name == FORM_PARAMETER)?;
    Some(seal).filter(|seal| !seal.is_empty())
}

/// The query of a page's address without the seals of forms. `None`: nothing is left.
#[must_use]
pub fn without_seal(query: &str) -> Option<String> {
    let kept: Vec<_> = query.split('&').filter(|pair| !is_seal_parameter(pair)).collect();
    Some(kept.join("&")).filter(|kept| !kept.is_empty())
}

/// A seal: the name of the service in a readable form, and what that service encrypted.
#[must_use]
pub fn seal_of(service: &str, encrypted: &[u8]) -> String {
    let [service, encrypted] =
        [service.as_bytes(), encrypted].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    format!("{service}.{encrypted}")
}

/// The value of the parameter for a page's own form.
#[must_use]
pub fn page_form(action: &str) -> String {
    format!("{OF_PAGE}{action}")
}

/// The action of a page's own form. `None`: the value of the parameter is another one, such as a seal.
#[must_use]
pub fn page_action(value: &str) -> Option<&str> {
    let action = value.strip_prefix(OF_PAGE)?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_name = !action.is_empty() && value.len() <= MAX_FORM_SEAL_BYTES && action.bytes().all(is_part);
    is_name.then_some(action)
}

/// Whether the value of the parameter can be that of a form: a seal that can be read, or an action of a page.
#[must_use]
pub fn is_form(value: &str) -> bool {
    page_action(value).is_some() || service_of(value).is_some()
}

/// The service that a seal names, and what that service encrypted. A visitor may have written any name.
/// `None`: the text is too long or not a seal.
#[must_use]
pub fn parts_of(seal: &str) -> Option<(ServiceName, Vec<u8>)> {
    if seal.len() > MAX_FORM_SEAL_BYTES {
        return None;
    }
    let (service, encrypted) = seal.split_once('.')?;
    let service = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(service).ok()?).ok()?;
    let encrypted = BASE64_URL_SAFE_NO_PAD.decode(encrypted).ok()?;
    Some((ServiceName::try_new(&service).ok()?, encrypted))
}

/// The service that a seal names. `None`: the text is too long or not a seal.
#[must_use]
pub fn service_of(seal: &str) -> Option<ServiceName> {
    parts_of(seal).map(|(service, _)| service)
}

/// A hash of a fragment's imports, under the fragment's names. It is equal for equal values, however they are ordered.
#[must_use]
pub fn imports_hash(imports: &Attributes) -> String {
    let mut text = String::new();
    write_object(imports, &mut text);
    let hash = digest(&SHA256, text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hash.as_ref().get(..IMPORTS_HASH_BYTES).unwrap_or_default())
}

/// A value as canonical JSON: without white space, the members of objects sorted by their names.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => write_object(members, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn write_object(members: &Attributes, text: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Attributes {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn the_form_of_a_page_is_never_taken_for_a_seal() {
        for action in ["send", "a-b_2", "A"] {
            let value = page_form(action);
            assert_eq!(page_action(&value), Some(action));
            assert!(is_form(&value) && service_of(&value).is_none());
        }
        let long = format!("page:{}", "x".repeat(MAX_FORM_SEAL_BYTES));
        for other in [
            "", "page", "page:", "page:a.b", "page:a b", "Page:a", " page:a", "send", &long,
        ] {
            assert_eq!(page_action(other), None, "{other}");
            assert!(!is_form(other), "{other}");
        }
        let seal = seal_of("page", b"x");
        for cut in 0..=seal.len() {
            assert_eq!(page_action(&seal[..cut]), None, "{cut}");
        }
        assert!(is_form(&seal));
    }

    #[test]
    fn a_seal_names_its_service() {
        for service in ["orderService", "a b", "é/ü"] {
            let seal = seal_of(service, b"\0\xff");
            let name = service_of(&seal);
            assert_eq!(name.as_deref(), ServiceName::try_new(service).ok().as_deref());
            assert!(
                seal.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            );
        }
        let (_, encrypted) = parts_of(&seal_of("shop", b"\0\xff")).expect("a seal");
        assert_eq!(encrypted, b"\0\xff");
    }

    #[test]
    fn what_is_no_seal_names_no_service() {
        let long = seal_of("shop", &[0; MAX_FORM_SEAL_BYTES]);
        let cut = &seal_of("shop", b"xyz")[1..];
        for bad in [
            "",
            ".",
            "c2hvcA",
            ".AAAA",
            "c2hvcA==.AAAA",
            "c2hvcA.AA.AA",
            "c2hvcA.A",
            "_w.AAAA",
            &long,
            cut,
        ] {
            assert_eq!(service_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_query_has_a_seal_or_none() {
        for (query, seal, rest) in [
            ("", None, None),
            ("hydra-form=a.b", Some("a.b"), None),
            ("x=1&hydra-form=a.b&y", Some("a.b"), Some("x=1&y")),
            ("hydra-form=a&hydra-form=b", Some("a"), None),
            ("hydra-form=&x=1", None, Some("x=1")),
            ("hydra-form", None, None),
            ("xhydra-form=a", None, Some("xhydra-form=a")),
            ("Hydra-Form=a", None, Some("Hydra-Form=a")),
        ] {
            assert_eq!(seal_in(query), seal, "{query}");
            let is_other = ["", "xhydra-form=a", "Hydra-Form=a"].contains(&query);
            assert_eq!(has_seal_parameter(query), !is_other, "{query}");
            assert_eq!(without_seal(query).as_deref(), rest, "{query}");
        }
    }

    #[test]
    fn equal_imports_have_one_hash() {
        let hash = |value| imports_hash(&attributes(value));
        let first: Value = serde_json::from_str(r#"{"a":1,"b":{"x":[1,null],"y":"é\""}}"#).expect("JSON");
        let second: Value = serde_json::from_str(r#"{"b":{"y":"é\"","x":[1,null]},"a":1}"#).expect("JSON");
        assert_eq!(hash(first), hash(second));
        assert_eq!(hash(json!({})), "RBNvo1WzZ4oRRq0W9-hkng", "of `{{}}`");
        let others = [
            json!({}),
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": [1]}),
            json!({"b": 1}),
        ];
        let hashes: std::collections::BTreeSet<_> = others.map(hash).into_iter().collect();
        assert_eq!(hashes.len(), 5);
    }

    #[test]
    fn answers_are_written_as_the_protocol_has_them() {
        let invalid = InvalidForm {
            reference: "checkout".to_owned(),
            action: "place".to_owned(),
            imports: "h".to_owned(),
            html: "<p>".to_owned(),
            ..InvalidForm::default()
        };
        let done = DoneForm {
            reference: "checkout".to_owned(),
            action: "place".to_owned(),
            ..DoneForm::default()
        };
        let to = Some("/thanks".to_owned());
        let named = json!({"outcome": "done", "ref": "checkout", "action": "place"});
        for (answer, expected) in [
            (ActionAnswer::Done(done.clone()), named),
            (
                ActionAnswer::Done(DoneForm { to, ..done }),
                json!({"outcome": "done", "ref": "checkout", "action": "place", "to": "/thanks"}),
            ),
            (
                ActionAnswer::Invalid(Box::new(invalid)),
                json!({"outcome": "invalid", "ref": "checkout", "action": "place", "imports": "h", "renderedHTML": "<p>"}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&answer).expect("JSON"), expected);
            assert_eq!(
                serde_json::from_value::<ActionAnswer>(expected).expect("an answer"),
                answer
            );
        }
        let least: ActionAnswer = serde_json::from_value(json!({"outcome": "done"})).expect("an answer");
        assert_eq!(least, ActionAnswer::Done(DoneForm::default()));
        assert!(serde_json::from_value::<ActionAnswer>(json!({"outcome": "other"})).is_err());
    }

    #[test]
    fn a_header_tells_a_page_which_fragment_is_answered() {
        let fragment = AnsweredFragment {
            service: "orders".to_owned(),
            reference: "checkout".to_owned(),
            imports: "h".to_owned(),
            marker: "0123456789abcdef0123456789abcdef".to_owned(),
            exports: attributes(json!({"zip": "é"})),
            assets: Vec::new(),
        };
        let header = fragment.to_header().expect("short");
        assert_eq!(AnsweredFragment::from_header(&header), Some(fragment.clone()));
        assert_eq!(
            marker_comment(&fragment.marker),
            "<!--hydra-form 0123456789abcdef0123456789abcdef-->"
        );

        let with_marker = |marker: &str| AnsweredFragment {
            marker: marker.to_owned(),
            ..fragment.clone()
        };
        for marker in [
            "",
            "0123",
            "0123456789ABCDEF0123456789ABCDEF",
            "-->3456789abcdef0123456789abcdef",
        ] {
            let header = with_marker(marker).to_header().expect("short");
            assert_eq!(AnsweredFragment::from_header(&header), None, "{marker}");
        }
        let long = AnsweredFragment {
            exports: attributes(json!({"zip": "x".repeat(MAX_FORM_HEADER_BYTES)})),
            ..fragment
        };
        assert_eq!(long.to_header(), None);
        let long = "A".repeat(MAX_FORM_HEADER_BYTES + 1);
        for bad in ["", "e30", "====", &long] {
            let value = HeaderValue::from_str(bad).expect("a value");
            assert_eq!(AnsweredFragment::from_header(&value), None);
        }
    }
}
