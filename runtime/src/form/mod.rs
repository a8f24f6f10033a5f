//! Forms of fragments and pages: what visitors send, and what comes of it.
//!
//! A template has a form with `m:action`; `#[derive(Form)]` makes a struct of what it sends, and [`App::action`](crate::App::action)
//! takes the handler:
//!
//! ```ignore
//! #[derive(Form)]
//! #[form("checkout", "place")]
//! struct Place {
//!     postal_code: String,
//! }
//!
//! #[action]
//! async fn place(form: Place) -> Result<Done, Invalid<Place>> {
//!     if form.postal_code.len() != 4 {
//!         return Err(Invalid::new().field("postalCode", "A postal code has four digits."));
//!     }
//!     Ok(Done::to("/thanks"))
//! }
//! ```
//!
//! After an [`Invalid`], the visitor sees the page again with the fragment as it was filled in. Its template has
//! `form.values` and `form.errors`.
//!
//! A form that stands in no fragment is the page's own, and has `#[form("place")]`.

#[cfg(feature = "upload")]
mod counted_body;
mod entry;
mod extract;
mod fields;
#[cfg(feature = "garde")]
mod garde;
mod outcome;
mod rejection;
mod seal;
mod sent;
#[cfg(feature = "upload")]
mod spool;
mod state;
#[cfg(feature = "upload")]
mod upload;
#[cfg(feature = "upload")]
mod upload_file;
mod urlencoded;

pub use self::{
    entry::Entry,
    fields::{Fields, FormValue},
    outcome::{ActionOutput, Done, Invalid},
    rejection::FormRejection,
};
#[cfg(feature = "upload")]
pub use self::{
    entry::Upload,
    upload_file::{UploadFile, UploadReader},
};
#[doc(hidden)]
pub use self::{extract::extract, state::FormState};
pub(crate) use self::{
    outcome::PendingAction,
    rejection::NothingDone,
    seal::{FormSealer, SealedForm},
    sent::{FormLimits, SentForm},
    state::TemplateForms,
};

/// What a form sends. Made by `#[derive(Form)]` with `#[form("checkout", "place")]`, or `#[form("place")]` for a form of a page, which
/// compares the fields with the template.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a form",
    note = "write `#[derive(hydra_runtime::Form)] #[form(\"…\", \"…\")]` on it, with the fragment and the action, or with the action alone"
)]
pub trait Form: Sized + Send + 'static {
    /// The fragment's name. Empty: the form is that of a page.
    const REF: &'static str;
    /// The name of the action.
    const ACTION: &'static str;
    /// The names of the fields.
    const FIELDS: &'static [&'static str];
    /// The names of the same fields in the Rust type, in the same order.
    const RUST_FIELDS: &'static [&'static str];

    /// The names of the fields with files of any length, and how many bytes the files of each may have together.
    const LONG_FILES: &'static [(&'static str, u64)] = &[];

    /// Takes the fields out of what was sent. `None`: some can't be used, and `fields` has the errors.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// The name of a form in messages.
pub(crate) fn title(reference: &str, action: &str) -> String {
    match reference {
        "" => format!("the form `{action}` of a page"),
        reference => format!("the form `{action}` of the fragment `{reference}`"),
    }
}

/// The attribute of the struct for a form.
pub(crate) fn attribute(reference: &str, action: &str) -> String {
    match reference {
        "" => format!("#[form(\"{action}\")]"),
        reference => format!("#[form(\"{reference}\", \"{action}\")]"),
    }
}
