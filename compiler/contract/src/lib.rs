//! The types that Hydra's compiler and runtime share: contracts and page plans, as plain serde types.
//!
//! The compiler writes both at build time, and the runtime and the gateway read them. This crate is small, so that
//! every part of Hydra can use it.
//!
//! ```
//! use hydra_contract::{Contract, Type};
//!
//! let json = r#"{
//!     "service": "orders",
//!     "fragments": {"checkout": {
//!         "imports": {"dob": {"type": "date"}, "note": {"type": "string", "default": ""}},
//!         "exports": {"lines": "list<string>"}
//!     }}
//! }"#;
//! let contract: Contract = serde_json::from_str(json)?;
//!
//! let checkout = &contract.fragments["checkout"];
//! assert!(checkout.imports["dob"].default.is_none(), "a page has to pass `dob`");
//! assert_eq!(checkout.exports["lines"], Type::List(Box::new(Type::String)));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Concepts
//!
//! - A [`Contract`] lists the fragments of a service: what each takes from a page, and what it gives back. It crosses between
//!   services, as a JSON file at build time and inside the registration at run time.
//! - A [`Plan`] describes one template folder to the runtime: the lowered templates, and the slots and holes in them. It never
//!   leaves the service that it was made for.
//! - [`unmet`] compares what pages use with what the owner's contract offers, for services that were built apart.
//!
//! # Features
//!
//! The crate has none.
//!
//! # Modules
//!
//! All types stand at the top of the crate. [`duration`] reads durations as every file of Hydra writes them, [`settings_file`] describes
//! problems in a `hydra.toml` without showing its values, [`service_name`] says which names a service can have, and [`nearest`] finds the name that was meant.

mod contract;
pub mod duration;
mod limits;
pub mod nearest;
mod plan;
mod plan_update;
pub mod service_name;
pub mod settings_file;
pub mod size;
mod types;
mod unmet;

pub use contract::{ActionContract, Contract, FieldKind, FragmentContract, FragmentUse, ImportContract};
pub use plan::{
    Captured, Hole, Import, Insertion, InsertionKind, Lifted, MODEL_FORMAT, Mode, Origin, PLAN_FORMAT,
    PagePlan, Part, Plan, Rename, Slot, Template, TemplatePosition, Text,
};
pub use plan_update::PlanUpdate;
pub use types::{ParseTypeError, Type};
pub use unmet::{ContractProblem, unmet};
