//! What Hydra's compiler and runtime tell each other, as plain serde types.
//!
//! - [`Contract`]: what a service promises about its fragments. It crosses between services, as a JSON file at
//!   build time and inside the registration at run time.
//! - [`Plan`]: what the compiler made of one template folder. It never leaves the service it was made for.

mod contract;
mod limits;
mod plan;
mod types;
mod unmet;

pub use contract::{Ask, Contract, FragmentContract, ImportContract};
pub use plan::{
    Captured, Hole, Import, Lifted, MODEL_FORMAT, Mode, Origin, PLAN_FORMAT, PagePlan, Part, Place, Plan,
    Rename, Site, SiteKind, Slot, Template, Text,
};
pub use types::{ParseTypeError, Type};
pub use unmet::{ContractProblem, unmet};
