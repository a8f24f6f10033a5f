//! Writes what lowered templates have for the forms in them.

use crate::{source::Span, tree::FORM};

use super::{
    super::form_marks::{attributes, marks},
    Writer,
};

impl Writer<'_, '_> {
    /// Writes the attributes for an `m:action` that stood at `cut`.
    pub(super) fn form(&mut self, cut: Span) {
        let forms = &self.lowering.site.files[self.file].tree.forms;
        let Some(form) = forms.iter().find(|form| form.attribute.end == cut.end) else {
            return;
        };
        let encoding = match form.has_files() {
            true => " enctype=\"multipart/form-data\"",
            false => "",
        };
        let action = &form.action.value;
        let attributes =
            format!(" method=\"post\" action=\"{{{{ {FORM}.addresses[{action:?}] }}}}\"{encoding}");
        self.out.make(form.attribute.start, &attributes);
    }

    /// Writes a text, with the marks of the controls whose tags begin in it.
    pub(super) fn marked(&mut self, span: Span) {
        let forms = &self.lowering.site.files[self.file].tree.forms;
        let mut start = span.start;
        for (form, mark) in marks(forms, span) {
            let end = mark.at;
            self.copy_span(Span { start, end });
            self.out.make(end, &attributes(form, mark));
            start = end;
        }
        self.copy_span(Span { start, ..span });
    }
}
