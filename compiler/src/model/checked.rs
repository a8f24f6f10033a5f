//! The result of the checks, from which the graph, the bindings and the contract are made. Only the checks can make it.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use hydra_contract::{Contract, Mode, Type};

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
    /// What the service promises by them.
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
    /// Where fragments give it names: all that it has already, in snake case.
    pub taken: BTreeSet<String>,
}

/// An attribute that a template needs.
#[derive(Clone, Debug, PartialEq)]
pub struct NeededAttribute {
    /// The name in Tera.
    pub name: String,
    /// Its type: `any` where none is stated.
    pub ty: Type,
    /// Its first use for which the handler must give it, with its number in the order of the page. `None`: there is none.
    pub used: Option<(u32, Location)>,
}

/// A `<m:fragment>` on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedFragment {
    /// Its opening tag.
    pub place: Location,
    /// The line and column of its opening tag.
    pub at: LineColumn,
    /// The service that owns it; empty where the tag means this one without its name. An expression stands as it is written.
    pub service: String,
    /// Whether it is this service.
    pub own: bool,
    /// Its name. An expression stands as it is written.
    pub reference: String,
    /// Whether an expression gives the service.
    pub any_service: bool,
    /// Whether an expression gives the name.
    pub any_reference: bool,
    /// What the page hands over.
    pub imports: Vec<Flow>,
    /// What the fragment hands back.
    pub exports: Vec<Flow>,
    /// Whether the page is not shown without it.
    pub required: bool,
    /// When and how it comes to the browser.
    pub mode: Mode,
    /// Whether the tag has content for the case that the fragment can't be had.
    pub fallback: bool,
    /// 0 where no other fragment's export is needed; otherwise one more than the highest of those that give one.
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
    /// What it takes from pages.
    pub imports: Vec<Declared>,
    /// What it gives to pages.
    pub exports: Vec<Declared>,
    /// What it states that its handler gives it.
    pub stated: Vec<Declared>,
    /// What its template needs, stated or not, by name.
    pub needs: Vec<NeededAttribute>,
    /// The fragments in it, in document order.
    pub fragments: Vec<CheckedFragment>,
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
