//! The middle of the language server: a workspace of sites, of which an editor has some files open.
//!
//! [`Workspace`] takes what an editor and the disk say, and answers with plain data. It knows no protocol, no clock and no
//! pipe; those are in the program. Only `disk` reads files.

mod completion;
mod cursor;
mod edits;
mod facts;
mod findings;
mod fixes;
mod hover;
mod links;
mod mend;
mod positions;
mod questions;
mod site_state;
mod site_view;
mod subject;
#[cfg(test)]
mod tests;
mod workspace;

pub mod disk;

pub use completion::CandidateKind;
pub use edits::{Change, MAX_DOCUMENT_BYTES};
pub use findings::{Finding, Place, Related};
pub use fixes::Fix;
pub use mend::{Edit, edited, mend};
pub use positions::{Encoding, Lines, Position};
pub use questions::{Completion, Hover};
pub use workspace::{FileFindings, Workspace};

pub use crate::read::{SiteFiles, SitePaths};
