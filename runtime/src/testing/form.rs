//! A form that a test sends, and what comes of it.

use std::future::IntoFuture;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_TYPE, COOKIE},
};
use hydra_runtime_wire::{
    Attributes,
    forms::{FORM_PARAMETER, page_form},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{
    TestApp,
    error::{Error, Problem, listed},
    request::TestRequest,
    response::TestForm,
};
use crate::{
    app::run_action,
    form::{self, Form, SealedForm},
};

/// How browsers encode forms without files.
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// A form that a visitor sends.
pub struct FormPost {
    /// The fragment. Empty: the form is that of a page.
    reference: &'static str,
    action: &'static str,
    /// The fields as a browser sends them, or why they can't be sent.
    body: Result<String, Problem>,
    /// The imports of the fragment, or why they can't be sent.
    imports: Result<Attributes, Problem>,
    /// The path and query of the page from which it is sent.
    page: Option<String>,
}

impl FormPost {
    pub(super) fn new<F: Form>(fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        Self {
            reference: F::REF,
            action: F::ACTION,
            body: body::<F>(fields),
            imports: Ok(Attributes::new()),
            page: None,
        }
    }

    fn name(&self) -> String {
        form::title(self.reference, self.action)
    }
}

/// The fields as a browser sends them. The form must have each.
fn body<F: Form>(
    fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
) -> Result<String, Problem> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut pairs = Vec::new();
    for (name, value) in fields {
        let (name, value) = (name.as_ref(), value.as_ref());
        if !F::FIELDS.contains(&name) {
            return Err(Problem::UnknownField {
                form: form::title(F::REF, F::ACTION),
                field: name.to_owned(),
                known: listed("it has", "it has none", F::FIELDS),
            });
        }
        pairs.push(format!("{}={}", encoded(name), encoded(value)));
    }
    Ok(pairs.join("&"))
}

impl TestRequest<'_, FormPost> {
    /// Sets the imports with which the fragment was rendered, such as `fragments::CheckoutImports { … }` or `json!({…})`. Without them,
    /// there are none.
    pub fn imports(mut self, imports: impl Serialize) -> Self {
        self.kind.imports = super::imports_of(self.kind.reference, imports);
        self
    }

    /// Sets the page from which the form is sent, by its path, which may have a query. A page's own form needs it. The response then is that
    /// of the page: where something is wrong, [`TestForm::html`] is the whole page.
    pub fn page(mut self, path: &str) -> Self {
        self.kind.page = Some(path.to_owned());
        self
    }

    async fn send(self) -> Result<TestForm, Error> {
        let (app, place, name) = (self.app, self.place, self.kind.name());
        let FormPost {
            reference,
            action,
            body,
            imports,
            page,
        } = self.kind;
        let body = Body::from(body.map_err(|problem| problem.at(place))?);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(URLENCODED));
        headers.extend(self.user.map(|user| (COOKIE, app.log_in(user))));
        let form = match reference {
            "" => page_form(action),
            _ => seal(app, reference, action, imports).map_err(|problem| problem.at(place))?,
        };
        let Some(page) = page else {
            if reference.is_empty() {
                return Err(Problem::NoPage { action }.at(place));
            }
            let sessions = app.context.actions.sessions_of_gateway(None);
            let ran = run_action(&app.context, &form, &headers, body, sessions);
            let ((end, _), asked) = Self::run(app, self.given, &name, ran).await?;
            return Ok(TestForm::new(name, end, asked));
        };
        let separator = if page.contains('?') { '&' } else { '?' };
        let target = format!("{page}{separator}{FORM_PARAMETER}={form}");
        let mut request = super::visit(&target).map_err(|problem| problem.at(place))?;
        *request.method_mut() = Method::POST;
        *request.body_mut() = body;
        request.headers_mut().extend(headers);
        let ((head, html), asked) = Self::visit(app, self.given, &name, request, place).await?;
        Ok(TestForm::of_page(name, head, html, asked))
    }
}

/// The seal of a form of a fragment.
fn seal(
    app: &TestApp,
    reference: &str,
    action: &str,
    imports: Result<Attributes, Problem>,
) -> Result<String, Problem> {
    let form = SealedForm {
        reference: reference.to_owned(),
        action: action.to_owned(),
        imports: imports?,
    };
    let sealed = app.context.actions.forms.seal(&form);
    sealed.map_err(|reason| Problem::Imports {
        reference: form.reference,
        reason,
    })
}

impl<'a> IntoFuture for TestRequest<'a, FormPost> {
    type Output = Result<TestForm, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
