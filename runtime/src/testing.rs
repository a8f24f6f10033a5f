//! Tests of one service alone: without sockets, a gateway or other services.
//!
//! [`TestApp`] runs an [`App`] in the test. [`TestApp::get`] requests a page, with the fragments of other services that the test gives,
//! [`TestApp::call`] calls a fragment of the application with its typed imports, and [`TestApp::post_form`] sends a form of one. The
//! responses have a status or an outcome, HTML that is searched by CSS selectors, exports, and the imports with which fragments were asked for.
//!
//! ```ignore
//! use hydra_runtime::{serde_json::json, testing::{self, TestApp}};
//!
//! #[tokio::test]
//! async fn the_checkout_shows_the_address_of_the_order() -> testing::Result {
//!     let page = TestApp::new(app())?
//!         .get("/checkout")
//!         .fragment("orderService", "checkout", "<form></form>", json!({"addressLine2": "Kouter 12"}))
//!         .away("recommendations", "also-bought")
//!         .await?;
//!     assert_eq!(page.status(), 200);
//!     assert_eq!(page.text("#address")?, "Kouter 12");
//!     assert_eq!(page.imports("orderService", "checkout")?, json!({"dob": "1990-05-17", "country": "BE"}));
//!     Ok(())
//! }
//!
//! #[tokio::test]
//! async fn the_order_form_names_the_country() -> testing::Result {
//!     let imports = fragments::CheckoutImports { country: "BE".to_owned(), … };
//!     let fragment = TestApp::new(app())?.call::<fragments::Checkout>(imports).await?;
//!     assert_eq!(fragment.text(".total")?, "Total, sent to Belgium (BE)");
//!     assert_eq!(fragment.export::<String>("addressLine2")?, "Kouter 12");
//!     Ok(())
//! }
//! ```
//!
//! # What differs from a running service
//!
//! - The settings are those of the program ([`App::settings`]): neither `hydra.toml` nor the environment counts, and sessions are kept in
//!   memory.
//! - Nothing is cached. Each request asks for its fragments.
//! - A deferred fragment stands in its place, if its HTML closes what it opens. A lazy one is not asked for, because the browser
//!   would do that: its fallback stands there.
//! - A visitor is logged in only if the test says so ([`TestRequest::user`]).
//! - Fragments of this service are rendered by their handlers, and each starts with no session.

mod asked;
mod document;
mod error;
mod exchange;
mod form;
mod given;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod user;

use std::{fmt, panic::Location, sync::Arc};

use axum::{Router, body::Body};
use http::{
    HeaderValue, Request, Uri,
    header::{ACCEPT, HOST},
};
use serde::Serialize;
use serde_json::Value;

pub use self::{
    asked::Asked,
    document::Element,
    error::{Error, Result},
    form::FormPost,
    request::{Call, TestRequest, Visit},
    response::{TestForm, TestFragment, TestPage},
    user::TestUser,
};
use self::{
    error::Problem,
    exchange::{GivenFragments, RecordedFragments},
};
use crate::{
    App, Fragment,
    app::{Application, Ready, RenderContext},
    form::Form,
};
use hydra_runtime_wire::Attributes;
#[doc(inline)]
pub use hydra_runtime_wire::Outcome;

/// An application that runs in a test.
///
/// ```
/// # use axum::response::{IntoResponse, Response};
/// # use hydra_runtime::{App, Page, app::{Route, page_response}, testing::{self, TestApp}};
/// # use serde_json::json;
/// # #[derive(serde::Serialize)]
/// # struct Home { name: &'static str }
/// # impl Page for Home { const TEMPLATE: &'static str = "index.html"; }
/// # impl Route for Home { const PATH: &'static str = "/"; }
/// # impl IntoResponse for Home { fn into_response(self) -> Response { page_response(&self) } }
/// # fn app() -> App {
/// #     let plan = json!({
/// #         "format": hydra_contract::PLAN_FORMAT,
/// #         "templates": [{"name": "index.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}"},
/// #                       {"name": "#0/index.html", "source": "<p>No teas today.</p>"}],
/// #         "sites": [{"place": {"file": "index.html", "line": 1, "column": 1}, "gives": [],
/// #                    "slot": {"service": {"fixed": "teas"}, "ref": {"fixed": "list"},
/// #                             "imports": [{"from": ["name"], "to": "customer"}],
/// #                             "fallback": {"template": "#0/index.html", "captures": []}}}],
/// #         "pages": [{"template": "index.html", "exports": []}],
/// #         "contract": {"service": ""}, "offers": {},
/// #     });
/// #     App::with_plan("hello", plan.to_string()).page(async || Home { name: "Ann" })
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> testing::Result {
/// // In `templates/index.html`:
/// // <h1>{{ name }}</h1>
/// // <m:fragment service="teas" ref="list" imports="name as customer"><p>No teas today.</p></m:fragment>
/// let hello = TestApp::new(app())?;
///
/// let page = hello.get("/").fragment("teas", "list", "<ul><li>Sencha</li></ul>", ()).await?;
/// assert_eq!(page.status(), 200);
/// assert_eq!(page.text("h1")?, "Ann");
/// assert_eq!(page.select("ul > li")?.len(), 1);
/// assert_eq!(page.imports("teas", "list")?, json!({"customer": "Ann"}));
///
/// let page = hello.get("/").away("teas", "list").await?;
/// assert_eq!(page.text("p")?, "No teas today.");
/// # Ok(())
/// # }
/// ```
pub struct TestApp {
    router: Router,
    context: Arc<RenderContext>,
}

impl TestApp {
    /// Assembles an application for a test.
    ///
    /// # Errors
    /// The application would not start: its settings or templates can't be used.
    #[track_caller]
    pub fn new<S: Clone + Send + Sync + 'static, T>(app: App<S, T>) -> Result<Self>
    where
        Application: Ready<S>,
    {
        let place = Location::caller();
        let assembled = app.assemble_for_test(Arc::new(GivenFragments), |service, fragments| {
            Arc::new(RecordedFragments { service, fragments })
        });
        match assembled {
            Ok((router, context)) => Ok(Self { router, context }),
            Err(error) => Err(Problem::Start(error).at(place)),
        }
    }

    /// The `GET` request of a browser for a path, which may have a query. `await` sends it.
    #[track_caller]
    pub fn get(&self, path: &str) -> TestRequest<'_, Visit> {
        TestRequest::new(self, Visit(visit(path)), Location::caller())
    }

    /// Any request of a visitor. `await` sends it.
    #[track_caller]
    pub fn request(&self, request: Request<Body>) -> TestRequest<'_, Visit> {
        TestRequest::new(self, Visit(Ok(request)), Location::caller())
    }

    /// The call of a fragment of the application, as another service makes it. `await` makes it.
    ///
    /// `F` is what the fragment's handler returns, one of the types in the generated module `fragments`.
    #[track_caller]
    pub fn call<F: Fragment>(&self, imports: F::Imports) -> TestRequest<'_, Call>
    where
        F::Imports: Serialize,
    {
        let reference = F::REF;
        let imports = imports_of(reference, imports);
        TestRequest::new(self, Call { reference, imports }, Location::caller())
    }

    /// A form of the application, as a visitor sends it, with the names and texts of its fields:
    /// `app.post_form::<Place>([("postalCode", "9000")])`. `await` sends it. A page's own form needs [its page](TestRequest::page).
    ///
    /// `F` is the type that the action's handler takes. A form with a file can't be sent in this way.
    #[track_caller]
    pub fn post_form<F: Form>(
        &self,
        fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> TestRequest<'_, FormPost> {
        TestRequest::new(self, FormPost::new::<F>(fields), Location::caller())
    }

    /// Logs `user` in. Returns the cookie of the login.
    fn log_in(&self, user: TestUser) -> HeaderValue {
        let token = uuid::Uuid::new_v4().simple().to_string();
        self.context.keys.accept(&token, user.into_login());
        let cookie = format!("HYDRA-SSO={token}");
        // It contains ASCII letters and digits only.
        HeaderValue::try_from(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp")
            .field("service", &self.context.service)
            .finish_non_exhaustive()
    }
}

/// The imports of a fragment, from a struct or an object.
fn imports_of(reference: &str, imports: impl Serialize) -> std::result::Result<Attributes, Problem> {
    let unfit = |reason: String| Problem::Imports {
        reference: reference.to_owned(),
        reason,
    };
    match serde_json::to_value(imports) {
        Ok(Value::Object(imports)) => Ok(imports),
        Ok(Value::Null) => Ok(Attributes::new()),
        Ok(_) => Err(unfit("they are not a struct with named fields".to_owned())),
        Err(error) => Err(unfit(error.to_string())),
    }
}

/// The request of a browser for a path.
fn visit(path: &str) -> std::result::Result<Request<Body>, Problem> {
    let uri = path.parse::<Uri>().ok().filter(|_| path.starts_with('/'));
    let Some(uri) = uri else {
        let path = path.to_owned();
        return Err(Problem::Path { path });
    };
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    Ok(request)
}
