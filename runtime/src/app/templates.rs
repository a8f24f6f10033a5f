//! What an application needs before it can run: compiled templates, and a state for handlers that take one.

use super::App;

/// The compiled templates of a crate.
///
/// [`app!`](crate::app!) implements it for a type of the crate that calls the macro, and defines `App` there as
/// [`App<S, …>`](App) with that type, so that [`App::new`] takes only the name of the service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compiled templates",
    note = "call `hydra_runtime::app!();` once in the crate, and use the `App` that it makes in place of `hydra_runtime::App`"
)]
pub trait Templates: 'static {
    /// The plan that the build script wrote, as JSON.
    const PLAN: &'static str;
    /// The fragments that the templates offer and that need a handler, because their templates use more than their
    /// imports.
    const NEED_HANDLERS: &'static [&'static str];
    /// The folder of the crate that was compiled.
    const FOLDER: &'static str;
}

/// Stands for every application in [`Ready`].
#[derive(Clone, Copy, Debug)]
pub struct Application;

/// Marks the states `S` with which an application can run. That is `()` alone: [`App::with_state`] turns any other
/// application into such a one.
#[diagnostic::on_unimplemented(
    message = "the handlers of this application need the state `{S}`, which it does not have yet",
    label = "call `.with_state(…)` before this",
    note = "`App::with_state` takes a value of type `{S}` and gives an application that can run, as `axum::Router::with_state` does"
)]
pub trait Ready<S> {
    /// The application, which can run.
    #[doc(hidden)]
    fn ready<T>(app: App<S, T>) -> App<(), T>;
}

impl Ready<()> for Application {
    fn ready<T>(app: App<(), T>) -> App<(), T> {
        app
    }
}
