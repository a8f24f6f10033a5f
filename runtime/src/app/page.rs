//! The results of page handlers: structs whose fields are the attributes of a template.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tera::Context;

/// The attributes of a page. Made by `#[derive(Page)]` with `#[page(template = "…")]`, which checks the fields against
/// the template.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a page",
    note = "write `#[derive(hydra_runtime::Page, serde::Serialize)] #[page(template = \"…\", path = \"…\")]` on it"
)]
pub trait Page: Serialize {
    /// The template's name.
    const TEMPLATE: &'static str;
}

/// A page with a path of its own. Made by `#[page(template = "…", path = "…")]`.
#[diagnostic::on_unimplemented(
    message = "the page `{Self}` has no path",
    note = "write `#[page(template = \"…\", path = \"/…\")]`, or use `App::route` in place of `App::page`"
)]
pub trait Route: Page {
    /// The path, as axum writes it.
    const PATH: &'static str;
    /// The roles of which a user needs one to see the page. Empty: every visitor sees it.
    const ROLES: &'static [&'static str] = &[];
}

/// A result of a page handler: a page, a `Result` of one, or a tuple that begins with a status or headers and ends in one of
/// these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a page nor a `Result` of one, nor one of them behind a status or headers",
    note = "write `#[derive(hydra_runtime::Page, serde::Serialize)] #[page(template = \"…\", path = \"…\")]` on the type"
)]
pub trait PageOutput: IntoResponse {
    /// The page.
    type Page: Page;
}

impl<P: Page + IntoResponse> PageOutput for P {
    type Page = P;
}

impl<O: PageOutput, E: IntoResponse> PageOutput for Result<O, E> {
    type Page = O::Page;
}

/// Implements it for tuples with a status, headers and anything else that axum takes before a response.
macro_rules! before_a_page {
    ($($before:ident)+) => {
        impl<$($before,)+ O: PageOutput> PageOutput for ($($before,)+ O)
        where
            ($($before,)+ O): IntoResponse,
        {
            type Page = O::Page;
        }
    };
}

before_a_page!(A);
before_a_page!(A B);
before_a_page!(A B C);
before_a_page!(A B C D);
before_a_page!(A B C D F);

/// A page on its way from the handler to the layer that renders it.
#[derive(Clone)]
pub(crate) struct PendingPage {
    pub(crate) template: &'static str,
    /// The attributes, or why they can't be serialised.
    pub(crate) context: Result<Context, Arc<str>>,
}

/// A response that carries `page` to the layer that renders it.
#[doc(hidden)]
pub fn page_response<P: Page>(page: &P) -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(PendingPage {
        template: P::TEMPLATE,
        context: Context::from_serialize(page).map_err(|error| error.to_string().into()),
    });
    response
}
