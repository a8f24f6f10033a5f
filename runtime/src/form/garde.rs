//! The errors of garde as those of a form.

use garde::Report;

use super::{Form, Invalid};

/// Each error is one of the field that it is about, also where it is about a part of its value. Of several errors of a field, the first
/// one counts. An error of the whole form is its message.
impl<F: Form> From<Report> for Invalid<F> {
    fn from(report: Report) -> Self {
        let mut invalid = Self::new();
        for (path, error) in report.iter() {
            let path = path.to_string();
            let text = error.message();
            match field::<F>(&path) {
                None if invalid.has_message() => {}
                None => invalid = invalid.message(text),
                Some(name) if invalid.has_error(name) => {}
                Some(name) => invalid = invalid.field(name, text),
            }
        }
        invalid
    }
}

/// The name in the form of the field at the beginning of a path. `None`: the path leads to no field of the form.
fn field<F: Form>(path: &str) -> Option<&'static str> {
    let rust = path.split(['.', '[']).next().unwrap_or_default();
    let rust = rust.strip_prefix("r#").unwrap_or(rust);
    let mut names = F::RUST_FIELDS.iter().zip(F::FIELDS);
    names.find(|(known, _)| **known == rust).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use garde::Validate;

    use super::*;
    use crate::form::{Fields, PendingAction};

    #[derive(Validate)]
    #[garde(custom(both))]
    struct Order {
        #[garde(length(equal = 4), ascii)]
        postal_code: String,
        #[garde(inner(range(max = 100)))]
        r#type: Vec<u32>,
        #[garde(skip)]
        note: String,
    }

    fn both(order: &Order, (): &()) -> garde::Result {
        match order.note.is_empty() {
            true => Ok(()),
            false => Err(garde::Error::new("We take no notes.")),
        }
    }

    impl Form for Order {
        const REF: &'static str = "checkout";
        const ACTION: &'static str = "place";
        const FIELDS: &'static [&'static str] = &["postalCode", "kind", "note"];
        const RUST_FIELDS: &'static [&'static str] = &["postal_code", "type", "note"];

        fn read(_: &mut Fields) -> Option<Self> {
            None
        }
    }

    fn validated(order: &Order) -> Result<(), Invalid<Order>> {
        order.validate()?;
        Ok(())
    }

    /// The errors in one line, and the message.
    fn found(postal_code: &str, kinds: &[u32], note: &str) -> (String, String) {
        let order = Order {
            postal_code: postal_code.to_owned(),
            r#type: kinds.to_vec(),
            note: note.to_owned(),
        };
        let Err(invalid) = validated(&order) else {
            return Default::default();
        };
        match invalid.into_response().extensions().get() {
            Some(PendingAction::Invalid { errors, message }) => {
                let errors = errors.iter().map(|(name, text)| format!("{name}: {text}"));
                (errors.collect::<Vec<_>>().join("; "), message.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_are_about_the_fields_of_the_form() {
        assert_eq!(found("1000", &[1, 100], ""), Default::default());
        let (errors, message) = found("é", &[1, 101, 102], "x");
        let names: Vec<_> = errors
            .split("; ")
            .map(|error| error.split(':').next().expect("a name"))
            .collect();
        assert_eq!(names, ["kind", "postalCode"], "{errors}");
        assert_eq!(message, "We take no notes.");
        assert!(errors.contains("greater than 100"), "{errors}");
    }
}
