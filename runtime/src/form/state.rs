//! The value `form` that templates with forms see.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_contract::{ActionContract, FieldKind};
use serde_json::{Value, json};

/// A form that was sent and can't be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormState {
    /// The name of the action.
    pub action: String,
    /// The texts that were sent, by the names of their fields.
    pub values: BTreeMap<String, Vec<String>>,
    /// What is wrong, by the names of the fields.
    pub errors: BTreeMap<String, String>,
    /// What is wrong with all of it, or nothing.
    pub message: String,
}

impl FormState {
    /// The same without what was typed.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            action: self.action.clone(),
            values: BTreeMap::new(),
            errors: self.errors.clone(),
            message: self.message.clone(),
        }
    }
}

/// The forms of a fragment or of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateForms {
    /// The names of the actions.
    pub(crate) actions: Vec<String>,
    /// The fields of all of them, by name.
    fields: BTreeMap<String, FieldKind>,
    /// The names of the fields in the order in which handlers take them.
    order: Vec<String>,
}

impl TemplateForms {
    /// The forms by what each of them sends. `None`: there are none.
    pub(crate) fn of(actions: &BTreeMap<String, ActionContract>) -> Option<Self> {
        let mut forms = Self::default();
        for (action, form) in actions {
            forms.actions.push(action.clone());
            for (name, kind) in &form.fields {
                // A name that is secret in one form is not shown in another.
                let known = forms.fields.entry(name.clone()).or_insert(*kind);
                *known = match (*known, *kind) {
                    (FieldKind::Secret, _) | (_, FieldKind::Secret) => FieldKind::Secret,
                    (known, _) => known,
                };
            }
        }
        (!forms.actions.is_empty()).then_some(forms)
    }

    /// Whether one of them has this action.
    pub(crate) fn has(&self, action: &str) -> bool {
        self.actions.iter().any(|known| known == action)
    }

    /// Adds fields that a handler takes and the template does not show, so that templates may ask for them. What was typed into them
    /// is not shown again, because it may be secret.
    pub(crate) fn add(&mut self, fields: &[&str]) {
        for name in fields {
            self.fields.entry((*name).to_owned()).or_insert(FieldKind::Secret);
            if !self.order.iter().any(|known| known == name) {
                self.order.push((*name).to_owned());
            }
        }
    }

    /// What is wrong, in the order in which the handler takes the fields. What is about none of them comes last.
    fn problems<'s>(&self, sent: &'s FormState) -> Vec<(&'s str, &'s str)> {
        let position = |name: &str| self.order.iter().position(|known| known == name);
        let errors = sent.errors.iter();
        let mut problems: Vec<_> = errors
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        problems.sort_by_key(|(name, _)| position(name).unwrap_or(usize::MAX));
        problems
    }

    /// The value `form`. `addresses` are those of the forms, by action; `sent`: the form that can't be used.
    pub(crate) fn value(&self, addresses: &BTreeMap<&str, String>, sent: Option<&FormState>) -> Value {
        let nothing = FormState::default();
        let sent = sent.unwrap_or(&nothing);
        let values = self.fields.iter().map(|(name, kind)| {
            let texts = sent.values.get(name).map(Vec::as_slice).unwrap_or_default();
            let last = || texts.last().map(String::as_str).unwrap_or_default();
            let value = match kind {
                FieldKind::List => json!(texts),
                FieldKind::Text | FieldKind::Checkbox => json!(last()),
                FieldKind::Secret | FieldKind::File => json!(""),
            };
            (name.clone(), value)
        });
        let problems = self.problems(sent);
        let first = problems.first().map_or("", |(name, _)| *name);
        let problem = |(name, text): &(&str, &str)| json!({"name": name, "text": text});
        json!({
            "action": sent.action,
            "values": values.collect::<serde_json::Map<_, _>>(),
            "errors": sent.errors,
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
            "first": first,
            "message": sent.message,
            "addresses": addresses,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(actions: Value) -> TemplateForms {
        let actions = serde_json::from_value(actions).expect("a contract");
        TemplateForms::of(&actions).expect("forms")
    }

    fn state(values: &[(&str, &[&str])]) -> FormState {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        FormState {
            action: "place".to_owned(),
            values: values
                .iter()
                .map(|(name, sent)| ((*name).to_owned(), texts(sent)))
                .collect(),
            errors: BTreeMap::from([("name".to_owned(), "no".to_owned())]),
            message: "wrong".to_owned(),
        }
    }

    #[test]
    fn every_field_has_a_value() {
        let forms = forms(json!({"place": {"fields": {"name": "text", "tags": "list", "again": "later"}}}));
        let addresses = BTreeMap::from([("place", "?hydra-form=x".to_owned())]);
        let expected = json!({
            "action": "", "message": "", "errors": {}, "problems": [], "first": "", "values": {"name": "", "tags": [], "again": ""},
            "addresses": {"place": "?hydra-form=x"},
        });
        assert_eq!(forms.value(&addresses, None), expected);
        let sent = state(&[("name", &["a", "b"]), ("tags", &["x", "y"]), ("other", &["z"])]);
        let expected = json!({
            "action": "place", "message": "wrong", "errors": {"name": "no"},
            "problems": [{"name": "name", "text": "no"}], "first": "name",
            "values": {"name": "b", "tags": ["x", "y"], "again": ""}, "addresses": {},
        });
        assert_eq!(forms.value(&BTreeMap::new(), Some(&sent)), expected);
    }

    #[test]
    fn what_is_wrong_is_listed_as_handlers_take_the_fields() {
        let mut forms = forms(json!({"place": {"fields": {"a": "text", "b": "text", "c": "text"}}}));
        forms.add(&["b", "a"]);
        let sent = FormState {
            errors: ["a", "b", "c"]
                .map(|name| (name.to_owned(), name.to_uppercase()))
                .into(),
            ..FormState::default()
        };
        let value = forms.value(&BTreeMap::new(), Some(&sent));
        let names = ["b", "a", "c"].map(|name| json!({"name": name, "text": name.to_uppercase()}));
        assert_eq!(value["problems"], json!(names));
        assert_eq!(value["first"], "b");
    }

    #[test]
    fn secrets_are_never_shown_again() {
        let mut forms = forms(json!({
            "one": {"fields": {"pin": "secret", "picture": "file", "note": "text"}},
            "two": {"fields": {"pin": "text", "note": "secret"}},
        }));
        forms.add(&["hidden", "pin"]);
        let sent = state(&[
            ("pin", &["1"]),
            ("picture", &["2"]),
            ("note", &["3"]),
            ("hidden", &["4"]),
        ]);
        let value = forms.value(&BTreeMap::new(), Some(&sent));
        assert_eq!(
            value["values"],
            json!({"pin": "", "picture": "", "note": "", "hidden": ""})
        );
    }

    #[test]
    fn a_fragment_without_forms_has_no_value() {
        assert!(TemplateForms::of(&BTreeMap::new()).is_none());
    }
}
