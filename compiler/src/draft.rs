//! The draft of a contract: what the pages of a site use of a service that has no contract of its own.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_contract::{Contract, FragmentContract, FragmentUse, ImportContract, Type};
use serde_json::{Value, json};

use crate::{CheckedSite, suggest};

/// No draft can be written, because no tag of the templates names the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The service whose name is closest, among those that the tags name.
    pub nearest: Option<String>,
}

/// The contract of `service` as the tags of a site use it. An import that only some tags pass has a default, so that the
/// others need not pass it.
///
/// # Errors
/// No tag names the service.
pub fn contract(site: &CheckedSite, service: &str) -> Result<Contract, Unused> {
    draft(&site.contract().asks, service)
}

fn draft(asks: &[FragmentUse], service: &str) -> Result<Contract, Unused> {
    let mut uses: BTreeMap<&str, Vec<&FragmentUse>> = BTreeMap::new();
    for ask in asks.iter().filter(|ask| ask.service == service) {
        uses.entry(&ask.reference).or_default().push(ask);
    }
    if uses.is_empty() {
        let known = asks.iter().map(|ask| ask.service.as_str());
        let nearest = suggest::nearest(service, known).map(str::to_owned);
        return Err(Unused { nearest });
    }
    let fragments = uses.into_iter();
    Ok(Contract {
        service: service.to_owned(),
        draft: true,
        fragments: fragments
            .map(|(reference, uses)| (reference.to_owned(), fragment(&uses)))
            .collect(),
        ..Contract::default()
    })
}

fn fragment(uses: &[&FragmentUse]) -> FragmentContract {
    let imports = merged(uses.iter().map(|ask| &ask.imports));
    let is_passed_by_all = |name: &String| uses.iter().all(|ask| ask.imports.contains_key(name));
    FragmentContract {
        imports: imports
            .into_iter()
            .map(|(name, ty)| {
                let default = (!is_passed_by_all(&name)).then(|| default(&ty));
                (name, ImportContract { ty, default })
            })
            .collect(),
        exports: merged(uses.iter().map(|ask| &ask.exports)),
        ..FragmentContract::default()
    }
}

/// The names of all uses. A name with several types is `any`.
fn merged<'a>(all: impl Iterator<Item = &'a BTreeMap<String, Type>>) -> BTreeMap<String, Type> {
    let mut merged: BTreeMap<String, Type> = BTreeMap::new();
    for (name, ty) in all.flatten() {
        let known = merged.entry(name.clone()).or_insert_with(|| ty.clone());
        if known != ty {
            *known = Type::Any;
        }
    }
    merged
}

/// An empty value of a type.
fn default(ty: &Type) -> Value {
    match ty {
        Type::Integer | Type::Number => json!(0),
        Type::Boolean => json!(false),
        Type::List(_) => json!([]),
        Type::Map(_) => json!({}),
        Type::Date => json!("1970-01-01"),
        Type::DateTime => json!("1970-01-01T00:00:00Z"),
        Type::String | Type::Any => json!(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_has_what_the_tags_use() {
        let asks: Vec<FragmentUse> = serde_json::from_value(json!([
            {"service": "orders", "ref": "checkout", "imports": {"dob": "date", "country": "string"}, "exports": {"zip": "any"}},
            {"service": "orders", "ref": "checkout", "imports": {"dob": "string"}},
            {"service": "orders", "ref": "menu"},
            {"service": "news", "ref": "list"},
        ]))
        .expect("uses");
        let contract = draft(&asks, "orders").expect("a draft");
        assert_eq!(
            json!(contract),
            json!({"service": "orders", "draft": true, "fragments": {
                "checkout": {"imports": {"dob": {"type": "any"}, "country": {"type": "string", "default": ""}},
                             "exports": {"zip": "any"}},
                "menu": {},
            }})
        );
        let nearest = Some("orders".to_owned());
        assert_eq!(draft(&asks, "order"), Err(Unused { nearest }));
        assert_eq!(draft(&[], "order"), Err(Unused { nearest: None }));
    }
}
