//! Compares what the handlers of pages take from the path, `Path<…>`, with the paths of their pages.
//!
//! Only what is certain is said: the handler is a function of this crate that some `.page(…)` names and that gives one page of the
//! crate, and the type in `Path<…>` is a tuple, a type of one value, or a struct of the crate that derives `Deserialize`.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use syn::{FnArg, ItemFn, ItemStruct, LitStr, ReturnType, Type, spanned::Spanned, visit::Visit};

use super::{
    has_cfg, page_arguments,
    path_values::{PathValues, values},
    structs::{LocatedModule, first_argument},
};
use crate::{
    fragment::short,
    problem::{Code, Problem},
    source::Location,
    suggest::nearest,
};

/// A page of the crate that has a path.
struct RoutedPage<'a> {
    path: LitStr,
    place: Location,
    item: &'a ItemStruct,
}

/// The problems of the handlers in these modules. `registered`: the names of the functions that some `.page(…)` is given.
pub(super) fn problems(modules: &[LocatedModule<'_>], registered: &BTreeSet<String>) -> Vec<Problem> {
    if registered.is_empty() {
        return Vec::new();
    }
    let pages = pages(modules);
    let mut problems = Vec::new();
    for (index, located) in modules.iter().enumerate() {
        let handlers = located.module.functions.iter().filter(|function| {
            registered.contains(&function.sig.ident.to_string()) && !has_cfg(&function.attrs)
        });
        for handler in handlers {
            let Some(page) = page_of(handler, &pages) else {
                continue;
            };
            problems.extend(arguments(handler).find_map(|(whole, inner)| {
                let taken = values(modules, index, inner)?;
                misfit(handler, page, &taken, (located.place)(whole.span()))
            }));
        }
    }
    problems
}

/// The functions that `.page(…)` is given in a file.
pub(super) fn registered(file: &syn::File) -> BTreeSet<String> {
    struct Calls(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
            if call.method == "page"
                && let Some(syn::Expr::Path(handler)) = call.args.first()
            {
                let last = handler.path.segments.last();
                self.0.extend(last.map(|last| last.ident.to_string()));
            }
            syn::visit::visit_expr_method_call(self, call);
        }
    }
    let mut calls = Calls(BTreeSet::new());
    calls.visit_file(file);
    calls.0
}

/// The pages with paths, by their names. `None`: two of one name can't be told apart.
fn pages<'a>(modules: &[LocatedModule<'a>]) -> BTreeMap<String, Option<RoutedPage<'a>>> {
    let mut pages = BTreeMap::new();
    for located in modules {
        for item in &located.module.pages {
            let Some(path) = page_arguments(&item.attrs)
                .ok()
                .flatten()
                .and_then(|page| page.path)
            else {
                continue;
            };
            let place = (located.place)(path.span());
            let page = RoutedPage { path, place, item };
            pages
                .entry(item.ident.to_string())
                .and_modify(|page| *page = None)
                .or_insert(Some(page));
        }
    }
    pages
}

/// The page that a handler gives, if it names exactly one.
fn page_of<'p, 'a>(
    handler: &ItemFn,
    pages: &'p BTreeMap<String, Option<RoutedPage<'a>>>,
) -> Option<&'p RoutedPage<'a>> {
    struct Names(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.0.insert(segment.ident.to_string());
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let ReturnType::Type(_, output) = &handler.sig.output else {
        return None;
    };
    let mut names = Names(BTreeSet::new());
    names.visit_type(output);
    let mut given = names.0.iter().filter_map(|name| pages.get(name));
    let only = given.next().filter(|_| given.next().is_none())?;
    only.as_ref()
}

/// The arguments `Path<…>` of a handler, each with the type inside.
fn arguments(handler: &ItemFn) -> impl Iterator<Item = (&Type, &Type)> {
    handler.sig.inputs.iter().filter_map(|argument| {
        let FnArg::Typed(argument) = argument else {
            return None;
        };
        let Type::Path(path) = argument.ty.as_ref() else {
            return None;
        };
        let last = path.path.segments.last().filter(|last| last.ident == "Path")?;
        Some((argument.ty.as_ref(), first_argument(&last.arguments)?))
    })
}

fn misfit(handler: &ItemFn, page: &RoutedPage<'_>, taken: &PathValues, place: Location) -> Option<Problem> {
    let path = page.path.value();
    let names: Vec<&str> = names(&path).collect();
    let handler = handler.sig.ident.to_string();
    let handler = short(&handler);
    let of_page = format!("the path of `{}`", page.item.ident);
    match taken {
        PathValues::Count(count) if *count == names.len() => None,
        PathValues::Count(count) => {
            let (takes, has) = (in_words(*count), in_words(names.len()));
            let message = format!("`{handler}` takes {takes} from the path of its page, which has {has}");
            let problem = Problem::new(Code::PathMismatch, message, place, format!("takes {takes}"));
            Some(problem.label(page.place, of_page).help(as_many(&names)))
        }
        PathValues::Names(fields) => {
            let missing = fields.iter().find(|name| !names.contains(&name.as_str()))?;
            let shown = short(missing);
            let message =
                format!("`{handler}` takes `{shown}` from the path of its page, which does not name it");
            let problem = Problem::new(Code::PathMismatch, message, page.place, of_page);
            let problem = problem.label(place, format!("has the field `{shown}`"));
            Some(problem.help(as_named(missing, fields, &names, &path)))
        }
    }
}

/// The names of the parts of a path that vary.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let inside = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    inside.map(|name| name.strip_prefix('*').unwrap_or(name))
}

fn in_words(count: usize) -> String {
    match count {
        0 => "no value".to_owned(),
        1 => "one value".to_owned(),
        count => format!("{count} values"),
    }
}

/// The help for a handler that takes too many values, or too few.
fn as_many(names: &[&str]) -> String {
    match names {
        [] => "take no `Path`, or name a part of the path in braces, as in `/product/{id}`".to_owned(),
        [name] => format!("take `Path<String>` for `{name}`, or another type of one value"),
        names => format!(
            "take `Path<({})>` for `{}`, or other types",
            vec!["String"; names.len()].join(", "),
            names.join("` and `")
        ),
    }
}

/// The help for a handler that takes a field which the path does not name.
fn as_named(missing: &str, fields: &[String], names: &[&str], path: &str) -> String {
    let unused: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !fields.iter().any(|field| field == name))
        .collect();
    let near = nearest(missing, unused.iter().copied());
    match near.or(unused.first().copied().filter(|_| unused.len() == 1)) {
        Some(name) => format!(
            "write `\"{}\"`, or name the field `{name}`",
            path.replace(&format!("{{{name}}}"), &format!("{{{missing}}}"))
                .replace(&format!("{{*{name}}}"), &format!("{{*{missing}}}"))
        ),
        None => format!("name a part of the path `{{{missing}}}`, or take the field out of the struct"),
    }
}
