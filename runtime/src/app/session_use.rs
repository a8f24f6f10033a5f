//! Finds out from the types of its arguments whether a handler takes a [`Session`](crate::Session).
#![deny(clippy::disallowed_methods)]

use std::any::type_name;

use crate::Session;

/// The crates whose extractors do not use sessions, as prefixes of type names. A [`Session`] inside of one of their
/// types, as in `Option<Session<T>>`, is found before.
const OTHERS: [&str; 9] = [
    "axum::",
    "axum_core::",
    "http::",
    "hydra_runtime::",
    "hydra_runtime_net::",
    "hydra_runtime_wire::",
    "core::",
    "alloc::",
    "std::",
];

/// Which kinds of handlers take a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionUse {
    /// A page handler takes a session.
    pub(super) pages: bool,
    /// A fragment handler takes a session.
    pub(super) fragments: bool,
    /// A fragment handler takes a session, or an argument whose extractor may take one.
    pub(super) maybe_fragments: bool,
    /// The handler of an action takes a session, or an argument whose extractor may take one.
    pub(super) maybe_actions: bool,
}

/// Whether a handler takes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TakesSession {
    No,
    /// An argument has a type of the application, whose extractor may take a session.
    Maybe,
    Yes,
}

/// Whether a handler with the arguments `T`, in a tuple as for axum, takes a session. The type `Imports` does not take
/// one.
pub(super) fn takes_session<T, Imports>() -> TakesSession {
    let session = type_name::<Session<()>>();
    let session = session.strip_suffix("()>").unwrap_or(session);
    judge(type_name::<T>(), session, type_name::<Imports>())
}

/// Decides by the names of types. Rust does not promise how they look, so that a name that is not understood means
/// `Maybe`.
fn judge(arguments: &str, session: &str, imports: &str) -> TakesSession {
    let arguments = arguments
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let Some(arguments) = arguments else {
        return TakesSession::Maybe;
    };
    let of_one = |argument: &str| {
        if argument.contains(session) {
            TakesSession::Yes
        } else if argument == imports || is_imports(argument) || is_known(argument) {
            TakesSession::No
        } else {
            TakesSession::Maybe
        }
    };
    split(arguments)
        .into_iter()
        .map(of_one)
        .max()
        .unwrap_or(TakesSession::No)
}

/// Whether it is a generated type of a fragment's imports, which actions take as well.
fn is_imports(argument: &str) -> bool {
    let mut parts = argument.rsplit("::");
    parts.next().is_some_and(|name| name.ends_with("Imports")) && parts.next() == Some("fragments")
}

/// Whether it is a type of a crate that does not use sessions. The parameters in `<…>` of an extractor are data, except
/// in `Result` and `Option`, which hold extractors.
fn is_known(argument: &str) -> bool {
    for wrapper in ["core::option::Option<", "core::result::Result<"] {
        if let Some(inner) = argument
            .strip_prefix(wrapper)
            .and_then(|rest| rest.strip_suffix('>'))
        {
            return split(inner).first().is_none_or(|inner| is_known(inner));
        }
    }
    argument.is_empty() || argument == "()" || OTHERS.iter().any(|known| argument.starts_with(known))
}

/// The parts between commas outside of brackets.
pub(super) fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut before) = (Vec::new(), 0_u32, 0, ' ');
    for (at, letter) in list.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            // The `>` of an arrow in a function type is not a bracket.
            '>' if before == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(list.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
        before = letter;
    }
    parts.extend(list.get(start..));
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::extract::{Path, Query, State};

    use super::*;
    use crate::Overview;

    struct Imports;
    struct AppType;

    #[test]
    fn the_types_of_arguments_tell_whether_a_handler_takes_a_session() {
        type Fun = fn(u8) -> (u8, u8);
        for (found, expected) in [
            (takes_session::<((),), Imports>(), TakesSession::No),
            (
                takes_session::<(State<AppType>, Imports), Imports>(),
                TakesSession::No,
            ),
            (
                takes_session::<(Path<(AppType, AppType)>, Overview, Query<AppType>), Imports>(),
                TakesSession::No,
            ),
            (
                takes_session::<(State<Fun>, Path<[AppType; 2]>), Imports>(),
                TakesSession::No,
            ),
            (
                takes_session::<(Option<Path<AppType>>, Result<Query<AppType>, AppType>), Imports>(),
                TakesSession::No,
            ),
            (takes_session::<(Session<AppType>,), Imports>(), TakesSession::Yes),
            (
                takes_session::<(State<AppType>, Session<(AppType, u8)>), Imports>(),
                TakesSession::Yes,
            ),
            (
                takes_session::<(Result<Session<AppType>, AppType>,), Imports>(),
                TakesSession::Yes,
            ),
            (
                takes_session::<(AppType, Session<AppType>), Imports>(),
                TakesSession::Yes,
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_extractor_of_the_application_may_take_a_session_in_turn() {
        const SESSION: &str = "hydra_runtime::session::Session<";
        const VIA: &str = "axum_core::extract::private::ViaParts";
        for (arguments, expected) in [
            ("shop::fragments::BasketImports", TakesSession::No),
            ("shop::fragments::OtherImports", TakesSession::No),
            ("shop::MyImports", TakesSession::Maybe),
            ("shop::Basket", TakesSession::Maybe),
            ("core::option::Option<shop::Basket>", TakesSession::Maybe),
            (
                "core::result::Result<shop::Basket, shop::Error>",
                TakesSession::Maybe,
            ),
            (
                "axum::extract::state::State<shop::Db>, shop::Basket",
                TakesSession::Maybe,
            ),
            (
                "axum_extra::extract::WithRejection<shop::Basket, E>",
                TakesSession::Maybe,
            ),
            (
                "shop::Basket<hydra_runtime::session::Session<u8>>",
                TakesSession::Yes,
            ),
            ("axum::extract::path::Path<(u8, shop::Id)>", TakesSession::No),
            (
                "axum::extract::state::State<fn(shop::A) -> shop::B>",
                TakesSession::No,
            ),
        ] {
            let arguments = format!("({VIA}, {arguments})");
            let found = judge(&arguments, SESSION, "shop::fragments::BasketImports");
            assert_eq!(found, expected, "{arguments}");
        }
        for not_a_tuple in ["shop::Basket", ""] {
            assert_eq!(judge(not_a_tuple, SESSION, "()"), TakesSession::Maybe);
        }
    }
}
