//! Checks the templates of a Hydra site at build time, and turns them into typed bindings.
//!
//! Hydra's pages are [Tera](https://docs.rs/tera) templates that embed fragments of other services with `<m:fragment>`. This
//! crate reads a folder of such templates and reports every mistake that it can see before the site runs: a misspelled
//! export, an import that the other service does not take, fragments that wait for each other. From templates without errors it
//! makes what `hydra_runtime::app!()` includes: types for the handlers, and the plan by which the runtime renders pages.
//!
//! # In a build script
//!
//! Applications call [`Build`] in `build.rs`. Errors end the build with a report, warnings are shown by cargo.
//!
//! ```no_run
//! fn main() {
//!     hydra_compile::Build::new("templates").contracts("contracts").run_or_exit();
//! }
//! ```
//!
//! # Without a build script
//!
//! [`compile`](fn@compile) checks templates in memory, [`read::read`] loads them from a folder, and [`report::render`] shows the
//! problems:
//!
//! ```
//! use hydra_compile::{
//!     Input, compile,
//!     report::{self, Findings, Format, ReportStyle},
//!     source::Source,
//! };
//!
//! let template = r#"<html m:attributes="total: number">
//! <m:fragment service="orders" ref="checkout" imports="totl as sum">No order</m:fragment>
//! </html>"#;
//! let input = Input {
//!     sources: vec![Source::new("basket.html", "templates/basket.html", template)],
//!     templates: 1,
//!     ..Input::default()
//! };
//!
//! let compiled = compile(&input);
//! let codes: Vec<_> = compiled.problems.iter().map(|problem| problem.code.name()).collect();
//! assert_eq!(codes, ["no-contract", "unknown-import"]);
//! assert!(compiled.site.is_none());
//!
//! let findings = Findings { problems: &compiled.problems, sources: &input.sources, templates: input.templates };
//! let style = ReportStyle { width: 80, color: false, unicode: true };
//! assert!(report::render(findings, Format::Human, style).contains("did you mean `total as sum`?"));
//! ```
//!
//! # Concepts
//!
//! - A **problem** ([`problem::Problem`]) is one mistake: a [code](problem::Code), a message, the places involved, and a help with
//!   text that can be pasted where that is possible. Parsing never fails; whatever is malformed becomes a problem.
//! - A **rule** finds one kind of problem and has one code. [`explain`] has a page for each, with a bad and a good example.
//! - A **contract** lists the fragments of another service with their imports and exports, as a JSON file. Without contracts, the
//!   rules that compare a tag with its fragment say nothing.
//! - A **plan** tells the runtime which parts of a page wait for which fragments. It is made from templates without errors only.
//!
//! # Features
//!
//! - `cli`: the program `hydra-compile`, with `check`, `explain`, `graph`, `contract`, `draft-contract`, `diff`, `lower`,
//!   `lsp`, `completions` and `man`. It is off by default, so that build scripts don't build it.
//!
//! # Modules
//!
//! [`mod@compile`] is the pipeline, and [`input`] has its input and its result. [`read`] reads files, and [`source`] has their texts
//! and places in them. [`problem`] has problems and their codes, [`report`] formats them, [`explain`] documents the rules.
//! Other public modules are hidden: they belong to the macros, the program and the tests of Hydra, and change without notice.

#![allow(clippy::needless_doctest_main, reason = "a build script has a `main`")]
#![allow(
    rustdoc::invalid_codeblock_attributes,
    reason = "the pages of the rules name the files of their examples: ```html file=\"checkout.html\""
)]

// The code that pest derives names this crate where pest is built without `std`.
extern crate alloc;

mod build;
pub mod compile;
pub mod explain;
pub mod input;
pub mod problem;
pub mod read;
pub mod report;
pub mod source;

#[doc(hidden)]
pub mod codegen;
#[doc(hidden)]
pub mod diff;
#[doc(hidden)]
pub mod draft;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod editor;
#[doc(hidden)]
pub mod graph;
#[doc(hidden)]
pub mod lower;
#[doc(hidden)]
pub mod parse;
#[doc(hidden)]
pub mod site;
#[doc(hidden)]
pub mod suggest;

mod bytes;
mod check;
mod delimiters;
mod engines;
mod expression_names;
mod fields;
mod fragment;
mod kept_site;
mod limits;
mod model;
mod page_type;
mod parallel;
mod provided;
mod rust_types;
mod shape;
mod slips;
mod syntax;
mod tag_prefix;
mod tree;
mod waves;
mod within;

pub use build::{Build, BuildError};
pub use compile::{CheckedSite, compile};
pub use input::{Compiled, Input, KnownContract, Options};
pub use kept_site::KeptSite;
