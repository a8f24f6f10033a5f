//! What the checks leave: what the graph draws of the pages, and the contract. Only a check makes it.
#![deny(clippy::disallowed_methods)]

use hydra_contract::{Contract, Mode, Type};

use crate::{
    fragment::Declared,
    source::{LineColumn, Location},
};

/// A site, as the checks understood it. Where they found errors, it lacks the pages that have them.
#[derive(Clone, Debug)]
pub struct CheckedSite {
    /// The pages, in the order of their templates' names.
    pub pages: Vec<CheckedPage>,
    /// The fragments that the site offers, by file and place.
    pub offers: Vec<CheckedOffer>,
    /// What the service promises by them.
    pub contract: Contract,
    _sealed: Sealed,
}

/// Keeps anyone but the checks from making a [`CheckedSite`].
#[derive(Clone, Copy, Debug)]
struct Sealed;

/// A page.
#[derive(Clone, Debug)]
pub struct CheckedPage {
    /// The template's name.
    pub template: String,
    /// The attributes that it needs from its handler, or states, by name.
    pub attributes: Vec<Needed>,
    /// Whether the page states its attributes, or has a Rust type: otherwise these are the ones it uses.
    pub stated: bool,
    /// What its fragments give it, by name.
    pub exports: Vec<GivenExport>,
    /// Its fragments, in document order.
    pub fragments: Vec<CheckedFragment>,
}

/// An attribute that a template needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    /// The name in Tera.
    pub name: String,
    /// Its type: `any` where none is stated.
    pub ty: Type,
    /// Where it is stated; where it is not, where it is first used.
    pub place: Location,
    /// The file of that place, as reports name it. `None`: a Rust file.
    pub file: Option<String>,
    /// The line and column of that place.
    pub at: LineColumn,
    /// Whether the template, or an included one, uses it without a way to do without.
    pub used: bool,
    /// Whether the template states it with `m:attributes`.
    pub stated: bool,
}

/// A name that a fragment gives to its page.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenExport {
    /// The name in Tera.
    pub name: String,
    /// Its type, where the contract is known: `any` otherwise.
    pub ty: Type,
    /// Where the tag names it.
    pub place: Location,
    /// The file of that place.
    pub file: String,
    /// The line and column of that place.
    pub at: LineColumn,
    /// The fragment, by its index in the page's.
    pub fragment: usize,
}

/// A `<m:fragment>` on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedFragment {
    /// Its opening tag.
    pub place: Location,
    /// The file in which it stands.
    pub file: String,
    /// The line and column of its opening tag.
    pub at: LineColumn,
    /// The service that owns it. `None`: this one. An expression stands as it is written.
    pub service: Option<String>,
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
    /// Whether the tag has content for the case that the fragment can't be had.
    pub fallback: bool,
    /// Whether the page is not shown without it.
    pub required: bool,
    /// When and how it comes to the browser.
    pub mode: Mode,
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
    /// Its type: for an import what the page states, and else what the contract says; `any` where neither is known.
    pub ty: Type,
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
    /// The line and column of its opening tag.
    pub at: LineColumn,
    /// What it takes from pages.
    pub imports: Vec<Declared>,
    /// What it gives to pages.
    pub exports: Vec<Declared>,
    /// What its handler must give it besides, by name.
    pub needs: Vec<Needed>,
    /// What the fragments in it give it.
    pub given: Vec<GivenExport>,
    /// The fragments in it, in document order.
    pub fragments: Vec<CheckedFragment>,
}

impl CheckedSite {
    pub(crate) fn new(pages: Vec<CheckedPage>, offers: Vec<CheckedOffer>, contract: Contract) -> Self {
        CheckedSite {
            pages,
            offers,
            contract,
            _sealed: Sealed,
        }
    }
}
