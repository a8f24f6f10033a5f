//! The Rust types that `m:attributes` names: `lines: list<Line>`, where the crate's `src/` has a `struct Line`.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use hydra_contract::Type;

use crate::{
    fragment::{Declared, no_type, short},
    page_type::CrateTypes,
    problem::{Code, Problem, ProblemCollector},
    shape::{Shape, ValueKind},
    site::{File, Site},
    source::SourceId,
    suggest::nearest,
    tree::Tree,
};

/// Whether some template names a Rust type.
#[must_use]
pub(crate) fn are_named(site: &Site<'_>) -> bool {
    site.files.iter().any(names_types)
}

fn names_types(file: &File<'_>) -> bool {
    let tags = file.tree.offers.iter().map(|offer| &offer.tag);
    let mut declared = tags
        .chain(&file.tree.attributes)
        .flat_map(|tag| tag.attributes.iter().flatten());
    declared.any(|declared| declared.rust.is_some())
}

/// Gives each attribute that names a Rust type the shape of that type. It returns a problem for each name that the crate lacks.
pub(crate) fn resolve(site: &mut Site<'_>, types: &CrateTypes) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for file in site.files.iter_mut().filter(|file| names_types(file)) {
        let id = file.id;
        let tree = Arc::make_mut(&mut file.tree);
        for declared in declared(tree).filter(|declared| declared.rust.is_some()) {
            problems.add_all(resolve_one(id, declared, types));
        }
    }
    problems.into_problems()
}

fn declared(tree: &mut Tree) -> impl Iterator<Item = &mut Declared> {
    let tags = tree.offers.iter_mut().map(|offer| &mut offer.tag);
    tags.chain(&mut tree.attributes)
        .flat_map(|tag| tag.attributes.iter_mut().flatten())
}

fn resolve_one(source: SourceId, declared: &mut Declared, types: &CrateTypes) -> Option<Problem> {
    let rust = declared.rust.as_ref()?;
    if let Some(kind) = types.named.get(&rust.name) {
        declared.shape = Shape::new(kind_of(&declared.ty, kind), &types.structs);
        return None;
    }
    let (mut message, mut help) = no_type(&rust.written);
    let known = types.named.keys().map(String::as_str);
    if let Some(near) = nearest(&rust.name, known).filter(|_| help.is_none()) {
        message = format!("`src/` defines no type `{}`", short(&rust.name));
        help = Some(format!(
            "did you mean `{}`?",
            rust.written.replace(&rust.name, near)
        ));
    }
    let help = help.unwrap_or_else(|| {
        format!(
            "write `any` where no type fits, or define `{}` in `src/`",
            short(&rust.name)
        )
    });
    Some(Problem::new(Code::BadName, message, rust.span.at(source), "not a type").help(help))
}

/// The shape of a type in which a Rust type takes the place of the innermost `any`.
fn kind_of(ty: &Type, innermost: &ValueKind) -> ValueKind {
    match ty {
        Type::Any => innermost.clone(),
        Type::List(item) => match kind_of(item, innermost) {
            ValueKind::Any => ValueKind::Any,
            kind => ValueKind::List(Box::new(kind)),
        },
        _ => ValueKind::Any,
    }
}
