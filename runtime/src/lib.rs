//! Serves pages that are made of fragments from separately deployed services, over [axum] and [Tera 2](tera).
//!
//! A service is an application with pages, fragments and templates of its own. A page shows a fragment of another service
//! with a tag in its template, and passes attributes to it; a gateway knows all services and routes between them.
//!
//! # Example
//!
//! An application is compiled with its templates, which `hydra-compile` checks in the build script. That needs a crate of its
//! own, so that this example is not run here: the tests of the README build and run the same code.
//!
//! ```ignore
//! // build.rs
//! fn main() {
//!     hydra_compile::Build::new("templates").contracts("contracts").run_or_exit();
//! }
//!
//! // src/main.rs, with `<h1>Hello {{ name }}!</h1>` in templates/index.html
//! use hydra_runtime::Page;
//!
//! hydra_runtime::app!();
//!
//! #[derive(Page, serde::Serialize)]
//! #[page(template = "index.html", path = "/")]
//! struct Home {
//!     name: String,
//! }
//!
//! async fn home() -> Home {
//!     Home { name: "world".to_owned() }
//! }
//!
//! #[tokio::main]
//! async fn main() -> hydra_runtime::Result<()> {
//!     App::new("hello").page(home).serve().await
//! }
//! ```
//!
//! # Concepts
//!
//! - [`App`] collects pages, fragments, routes and settings. [`App::serve`] runs it, and [`App::into_router`] makes an axum
//!   router of it, for tests and for servers of your own.
//! - [`app!`](macro@app) brings in what the compiler generated from the templates: the type `App` with these templates, and two
//!   modules: `fragments` with the types of the fragments that they offer, and `pages` with those of the tags on their pages.
//! - [`derive(Page)`](macro@Page) marks a struct as the attributes of a template, and checks its fields. A handler that
//!   returns such a struct shows the page.
//! - [`fragment`](macro@fragment) checks the handler of a [`Fragment`], which the pages of other services show too.
//! - [`derive(Form)`](macro@Form) makes a struct of what a form of a fragment sends, and checks its fields. The handler of its
//!   action takes it, and gives [`Done`] or [`Invalid`]; [`action`](macro@action) checks the handler.
//! - [`Session`] is a small state for each visitor, which a handler takes as an argument.
//! - [`User`] is the user who is logged in, which a handler takes as an argument; [`RequireRoles`] guards routes.
//! - [`Overview`] tells handlers and templates which services are active, and the menus of the site.
//! - [`Failure`] is what the handler of an error page gets.
//! - [`Date`] and [`DateTime`] are the dates and times of contracts.
//!
//! # Features
//!
//! None of them is enabled by default.
//!
//! - `admin`: the listener for operators, with metrics, at the address of the setting `admin_listen`.
//! - `gateway`: `hydra_runtime::gateway`, the gateway as a library. The program `hydra` is the crate `hydra-runtime-cli`.
//! - `redis`: sessions in the Redis that the setting `session_redis` names.
//! - `upload`: forms with files.
//! - `garde`: what the crate garde finds wrong with a form is an [`Invalid`].
//! - `testing`: `hydra_runtime::testing`, tests of one service alone. Enable it in `[dev-dependencies]`.
//!
//! # Modules
//!
//! - [`app`](mod@app): applications, and the types that handlers return.
//! - [`form`]: the forms of fragments, and what comes of them.
//! - [`overview`]: the active services and the menus of the site.
//! - [`session`]: sessions, and stores for them.
//! - [`user`]: the user who is logged in, and guards by role.
//! - [`settings`]: the settings of an application, from the program, `hydra.toml` and the environment.
//! - `testing`: pages and fragments in tests, with fragments of other services that the test gives.
//!
//! The modules `files`, `logs`, `page`, `server`, `fragment_source` and `wire` are public for Hydra's own programs and tests only. They
//! are not documented here, and may change in any version.
#![deny(missing_docs)]

mod accept;
#[cfg(test)]
#[macro_use]
mod form_of_tests;
pub mod app;
mod date;
#[doc(hidden)]
pub mod files;
pub mod form;
#[doc(hidden)]
pub mod fragment_source;
mod limits;
#[cfg(test)]
mod log_of_tests;
#[doc(hidden)]
pub mod logs;
pub mod overview;
#[doc(hidden)]
pub mod page;
mod service;
pub mod session;
pub mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user;

pub use app::{App, Error, Failure, Fragment, Page, Result, Route};
pub use date::{Date, DateError, DateTime};
pub use form::{Done, Invalid};
#[cfg(feature = "gateway")]
pub use hydra_runtime_gateway as gateway;
pub use hydra_runtime_macros::{Form, Page, action, app, fragment};
#[doc(hidden)]
pub use hydra_runtime_net::server;
#[doc(inline)]
pub use hydra_runtime_wire::Affinity;
#[doc(hidden)]
pub use hydra_runtime_wire::{self as wire, signing};
pub use overview::{MenuLink, Overview};
#[doc(inline)]
pub use page::{BadNonce, ScriptNonce};
#[doc(inline)]
pub use service::Registration;
pub use session::Session;
pub use user::{RequireRoles, User};
#[doc(no_inline)]
pub use {axum, serde, serde_json, tera};
