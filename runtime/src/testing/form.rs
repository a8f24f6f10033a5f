//! A form of a fragment that a test sends, and what comes of it.

use std::future::IntoFuture;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, COOKIE},
};
use hydra_runtime_wire::Attributes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{
    error::{Error, Problem, listed},
    request::TestRequest,
    response::TestForm,
};
use crate::{
    app::run_action,
    form::{Form, SealedForm},
};

/// A form that a visitor sends, from whatever page its fragment stands on.
pub struct FormPost {
    reference: &'static str,
    action: &'static str,
    /// The fields as a browser sends them, or why they can't be sent.
    body: Result<String, Problem>,
    /// The imports of the fragment, or why they can't be sent.
    imports: Result<Attributes, Problem>,
}

impl FormPost {
    pub(super) fn new<F: Form>(fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        Self {
            reference: F::REF,
            action: F::ACTION,
            body: body::<F>(fields),
            imports: Ok(Attributes::new()),
        }
    }

    fn name(&self) -> String {
        format!("the form `{}` of `{}`", self.action, self.reference)
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
                action: F::ACTION,
                reference: F::REF,
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

    async fn send(self) -> Result<TestForm, Error> {
        let (app, place, name) = (self.app, self.place, self.kind.name());
        let FormPost {
            reference,
            action,
            body,
            imports,
        } = self.kind;
        let body = body.map_err(|problem| problem.at(place))?;
        let form = SealedForm {
            reference: reference.to_owned(),
            action: action.to_owned(),
            imports: imports.map_err(|problem| problem.at(place))?,
        };
        let context = &app.context;
        let seal = context.actions.forms.seal(&form).map_err(|reason| {
            let reference = reference.to_owned();
            Problem::Imports { reference, reason }.at(place)
        })?;
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        if let Some(user) = self.user {
            headers.insert(COOKIE, app.log_in(user));
        }
        let sessions = context.actions.sessions_of_gateway(None);
        let ran = run_action(context, &seal, &headers, Body::from(body), sessions);
        let ((end, _), asked) = Self::run(app, self.given, &name, ran).await?;
        Ok(TestForm::new(name, end, asked))
    }
}

impl<'a> IntoFuture for TestRequest<'a, FormPost> {
    type Output = Result<TestForm, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
