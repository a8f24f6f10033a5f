//! What an application is made of before it can run: compiled templates, and a state for handlers that need one.

use super::App;

/// The compiled templates of a crate.
///
/// [`app!`](crate::app!) implements it for a type of the crate that calls the macro, and makes `App` there a name for
/// [`App<S, …>`](App) with that type: so [`App::new`] needs nothing but the service's name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compiled templates",
    note = "call `hydra_runtime::app!();` once in the crate, and use the `App` that it makes in place of `hydra_runtime::App`"
)]
pub trait Templates: 'static {
    /// The plan that the build script wrote, as JSON.
    const PLAN: &'static str;
    /// The fragments that the templates offer and whose handlers give them something: without one they can't be shown.
    const NEED_HANDLERS: &'static [&'static str];
    /// The folder of the crate that was compiled.
    const FOLDER: &'static str;
}

/// Stands in for every application where [`Ready`] asks whether it has its state.
#[derive(Clone, Copy, Debug)]
pub struct Application;

/// Says that an application whose handlers need the state `S` can run. That holds for `()` alone: [`App::with_state`] makes
/// such an application of any other.
#[diagnostic::on_unimplemented(
    message = "the handlers of this application need the state `{S}`, which it does not have yet",
    label = "call `.with_state(…)` before this",
    note = "`App::with_state` takes a value of type `{S}` and gives an application that can run, as `axum::Router::with_state` does"
)]
pub trait Ready<S> {
    /// The application, which needs nothing more.
    #[doc(hidden)]
    fn ready<T>(app: App<S, T>) -> App<(), T>;
}

impl Ready<()> for Application {
    fn ready<T>(app: App<(), T>) -> App<(), T> {
        app
    }
}
