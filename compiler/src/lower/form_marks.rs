//! The controls of forms that say that what was typed into them is wrong.
#![deny(clippy::disallowed_methods)]

use crate::{
    source::Span,
    tree::{ErrorMark, FORM, Form},
};

/// The marks in a text, in document order. Forms don't stand in each other.
pub(super) fn marks(forms: &[Form], text: Span) -> impl Iterator<Item = (&Form, &ErrorMark)> {
    let first = forms.partition_point(|form| form.span().end <= text.start);
    let forms = forms.get(first..).unwrap_or_default().iter();
    let forms = forms.take_while(move |form| form.span().start < text.end);
    forms.flat_map(move |form| {
        let first = form.marks.partition_point(|mark| mark.at <= text.start);
        let marks = form.marks.get(first..).unwrap_or_default().iter();
        let marks = marks.take_while(move |mark| mark.at <= text.end);
        marks.map(move |mark| (form, mark))
    })
}

/// The attributes of a control, for Tera.
pub(super) fn attributes(form: &Form, mark: &ErrorMark) -> String {
    let ErrorMark { field, .. } = mark;
    let action = &form.action.value;
    let invalid = if mark.is_invalid {
        " aria-invalid=\"true\""
    } else {
        ""
    };
    let described = match mark.is_described {
        true => format!(" aria-describedby=\"{field}-error\""),
        false => String::new(),
    };
    let focus = match mark.is_focused {
        true => format!("{{% if {FORM}.first == {field:?} %}} autofocus{{% endif %}}"),
        false => String::new(),
    };
    format!(
        "{{% if {FORM}.action == {action:?} and {FORM}.errors[{field:?}] %}}{invalid}{described}{focus}{{% endif %}}"
    )
}
