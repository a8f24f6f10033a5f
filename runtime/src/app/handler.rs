//! The handlers that [`App::page`](crate::App::page), [`App::fragment`](crate::App::fragment) and
//! [`App::action`](crate::App::action) take: any axum handler whose output is a page, a fragment, or the result of an action. The output is found through the type of the function, so that an application
//! writes its name once.

use std::future::Future;

use axum::handler::Handler;

use crate::form::{ActionOutput, Form};

use super::{
    fragment::{Fragment, FragmentOutput},
    page::{PageOutput, Route},
};

/// An axum handler that returns a page with a path.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of a page",
    note = "it must be an axum handler that gives a page with a path, or a `Result` of one: \
            `#[derive(Page, Serialize)] #[page(template = \"…\", path = \"…\")]`"
)]
pub trait PageHandler<T, S>: Handler<T, S> {
    /// The page.
    type Page: Route;
}

/// An axum handler that returns a fragment of this service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of a fragment",
    note = "it must be an axum handler that gives one of the types in the generated module `fragments`, or a `Result` \
            of one"
)]
pub trait FragmentHandler<T, S>: Handler<T, S> {
    /// The fragment.
    type Fragment: Fragment;
}

/// An axum handler that takes a form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the handler of an action",
    note = "it must be an axum handler that gives a `Result<Done, Invalid<…>>` with the type of its form, which is its last argument"
)]
pub trait ActionHandler<T, S>: Handler<T, S> {
    /// The form.
    type Form: Form;
}

impl<F, Fut, S> ActionHandler<((),), S> for F
where
    F: FnOnce() -> Fut + Handler<((),), S>,
    Fut: Future<Output: ActionOutput>,
{
    type Form = <Fut::Output as ActionOutput>::Form;
}

impl<F, Fut, S> PageHandler<((),), S> for F
where
    F: FnOnce() -> Fut + Handler<((),), S>,
    Fut: Future<Output: PageOutput<Page: Route>>,
{
    type Page = <Fut::Output as PageOutput>::Page;
}

impl<F, Fut, S> FragmentHandler<((),), S> for F
where
    F: FnOnce() -> Fut + Handler<((),), S>,
    Fut: Future<Output: FragmentOutput>,
{
    type Fragment = <Fut::Output as FragmentOutput>::Fragment;
}

/// Implements them for handlers with arguments. `M` is axum's marker for how the last argument is extracted.
macro_rules! with_arguments {
    ($($argument:ident)+) => {
        impl<F, Fut, S, M, $($argument),+> PageHandler<(M, $($argument,)+), S> for F
        where
            F: FnOnce($($argument),+) -> Fut + Handler<(M, $($argument,)+), S>,
            Fut: Future<Output: PageOutput<Page: Route>>,
        {
            type Page = <Fut::Output as PageOutput>::Page;
        }

        impl<F, Fut, S, M, $($argument),+> FragmentHandler<(M, $($argument,)+), S> for F
        where
            F: FnOnce($($argument),+) -> Fut + Handler<(M, $($argument,)+), S>,
            Fut: Future<Output: FragmentOutput>,
        {
            type Fragment = <Fut::Output as FragmentOutput>::Fragment;
        }

        impl<F, Fut, S, M, $($argument),+> ActionHandler<(M, $($argument,)+), S> for F
        where
            F: FnOnce($($argument),+) -> Fut + Handler<(M, $($argument,)+), S>,
            Fut: Future<Output: ActionOutput>,
        {
            type Form = <Fut::Output as ActionOutput>::Form;
        }
    };
}

with_arguments!(A);
with_arguments!(A B);
with_arguments!(A B C);
with_arguments!(A B C D);
with_arguments!(A B C D E);
with_arguments!(A B C D E G);
with_arguments!(A B C D E G H);
with_arguments!(A B C D E G H I);
with_arguments!(A B C D E G H I J);
with_arguments!(A B C D E G H I J K);
with_arguments!(A B C D E G H I J K L);
with_arguments!(A B C D E G H I J K L N);
