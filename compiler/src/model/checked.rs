//! The result of the checks, from which the graph, the bindings and the contract are made. Only the checks can make it.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use hydra_contract::{Contract, FieldKind, Mode, Type};

use crate::{
    fragment::Declared,
    source::{LineColumn, Location},
};

/// A site, as the checks understood it. Where they found errors, it lacks the pages that have them.
#[derive(Clone, Debug)]
pub struct CheckedModel {
    /// The pages, in the order of their templates' names.
    pub pages: Vec<CheckedPage>,
    /// The fragments that the site offers, by file and place.
    pub offers: Vec<CheckedOffer>,
    /// The contract of the service, which lists these fragments.
    pub contract: Contract,
    _sealed: Sealed,
}

/// Keeps anyone but the checks from making a [`CheckedModel`].
#[derive(Clone, Copy, Debug)]
struct Sealed;

/// A page.
#[derive(Clone, Debug)]
pub struct CheckedPage {
    /// The template's name.
    pub template: String,
    /// The attributes that it needs from its handler, or states, by name.
    pub attributes: Vec<NeededAttribute>,
    /// Its fragments, in document order.
    pub fragments: Vec<CheckedFragment>,
    /// Its own forms, and those of its parents and includes.
    pub forms: Vec<CheckedForm>,
    /// All names of the page in snake case, if fragments export to it; otherwise empty.
    pub taken: BTreeSet<String>,
}

/// An attribute that a template needs.
#[derive(Clone, Debug, PartialEq)]
pub struct NeededAttribute {
    /// The name in Tera.
    pub name: String,
    /// Its type: `any` where none is stated.
    pub ty: Type,
    /// Its first use for which the handler must give it, with its number in the order of the page. `None` where the template works without it.
    pub used: Option<(u32, Location)>,
}

/// A `<m:fragment>` on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedFragment {
    /// Its opening tag.
    pub place: Location,
    /// The line and column of its opening tag.
    pub at: LineColumn,
    /// The service that owns it; empty where the tag means this service without naming it. An expression stands as it is written.
    pub service: String,
    /// Whether this service owns it.
    pub own: bool,
    /// Its name. An expression stands as it is written.
    pub reference: String,
    /// Whether an expression gives the service.
    pub any_service: bool,
    /// Whether an expression gives the name.
    pub any_reference: bool,
    /// The imports that the page passes.
    pub imports: Vec<Flow>,
    /// The exports that the page takes.
    pub exports: Vec<Flow>,
    /// Whether the page is not shown without it.
    pub required: bool,
    /// When and how it comes to the browser.
    pub mode: Mode,
    /// Whether the tag has content for the case that the fragment can't be had.
    pub fallback: bool,
    /// 0 where the fragment needs no export of another one; otherwise one more than the highest wave of those that it waits for.
    pub wave: u32,
}

/// An attribute that crosses between a page and a fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The name, or the path, on the side that it comes from, as it is written.
    pub from: String,
    /// The name on the side that it goes to, as it is written.
    pub to: String,
    /// Its type, as the contract says; `any` where that is not known.
    pub ty: Type,
    /// The type of an import as the page, or the fragment that gives it to the page, states it.
    pub stated: Option<Type>,
    /// The page's name for it in the tag.
    pub place: Location,
    /// Whether it is an attribute of the page, whole: no `set`, no loop variable, no member.
    pub of_page: bool,
}

/// A fragment that the site offers.
#[derive(Clone, Debug)]
pub struct CheckedOffer {
    /// Its name.
    pub reference: String,
    /// The template in which it stands.
    pub template: String,
    /// Its element.
    pub place: Location,
    /// Its imports.
    pub imports: Vec<Declared>,
    /// Its exports.
    pub exports: Vec<Declared>,
    /// The attributes that it states in `m:attributes`, which its handler provides.
    pub stated: Vec<Declared>,
    /// The attributes that its template needs, whether stated or not, by name.
    pub needs: Vec<NeededAttribute>,
    /// Its forms, in document order.
    pub forms: Vec<CheckedForm>,
    /// The fragments in it, in document order.
    pub fragments: Vec<CheckedFragment>,
}

/// A form of an offered fragment or of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedForm {
    /// The name of its action.
    pub action: String,
    /// Where that name stands.
    pub place: Location,
    /// Its fields, in document order: the name, what it sends, and the tag of its control.
    pub fields: Vec<(String, FieldKind, Location)>,
    /// Whether it may send further fields.
    pub is_open: bool,
}

impl CheckedModel {
    pub(crate) fn new(pages: Vec<CheckedPage>, offers: Vec<CheckedOffer>, contract: Contract) -> Self {
        CheckedModel {
            pages,
            offers,
            contract,
            _sealed: Sealed,
        }
    }
}
