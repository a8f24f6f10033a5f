//! The plan of a template folder: what the runtime needs to render its pages (design section 5).
//!
//! Tera renders a page once. What can't be known yet, a fragment or a region that needs an export, stands in the lowered
//! template as one call of a filter, `{{ 3 | __hydra }}`, where `3` is an index into [`Plan::sites`]. The call prints a marker
//! and records what the site needs; the runtime puts the result in the marker's place.
//!
//! A call may have arguments:
//! - `service=…`, `ref=…`: where the tag has an expression ([`Text::Computed`]);
//! - `l=[loop.index, loop.index0, loop.first, loop.last, loop.length]`: where a lifted text uses `loop`.
//!   The lifted text finds it as a map `loop` with these five members.
//!
//! The form of the action `place` has the address `{{ form.addresses["place"] }}`. The runtime gives the name `form` to templates of fragments and
//! pages with forms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ActionContract, Contract};

/// The format of [`Plan`]. Compiler and runtime must agree on it.
pub const PLAN_FORMAT: u32 = 4;

/// The format of the generated bindings, and of the model that the macros read beside them. The build script, the macros and the runtime
/// must agree on it.
pub const MODEL_FORMAT: u32 = 3;

/// The description of one template folder for the runtime.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Always [`PLAN_FORMAT`] of the compiler that made it.
    pub format: u32,
    /// The lowered templates, those lifted out of others included.
    pub templates: Vec<Template>,
    /// The slots and holes of all templates. The `n` of a call is an index into this list.
    pub sites: Vec<Insertion>,
    /// The templates that can be shown as a page.
    pub pages: Vec<PagePlan>,
    /// The contract of this service.
    pub contract: Contract,
    /// The template that renders each offered `ref`.
    pub offers: BTreeMap<String, String>,
}

impl Plan {
    /// Whether some fragment comes after its page.
    #[must_use]
    pub fn has_later(&self) -> bool {
        let mode = |site: &Insertion| match &site.kind {
            InsertionKind::Slot(slot) => slot.mode,
            InsertionKind::Hole(_) => Mode::Inline,
        };
        self.sites.iter().any(|site| mode(site) != Mode::Inline)
    }
}

/// A Tera template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name: the path in the template folder with `/`, or `#3/<that path>` for a lifted text.
    /// The end decides whether Tera escapes.
    pub name: String,
    /// The text that Tera gets.
    pub source: String,
    /// Where that text stood: for logs and errors. `None`: it is the file of this name, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a lowered text stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The path of the original in the template folder.
    pub file: String,
    /// Its parts, in order. Each part ends where the next one begins.
    pub parts: Vec<Part>,
}

/// A part of a lowered text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The line of the lowered text on which it begins.
    pub line: u32,
    /// The column there.
    pub column: u32,
    /// The line of the original on which it began.
    pub from_line: u32,
    /// The column there.
    pub from_column: u32,
    /// Whether the compiler wrote this part, all of which stands for one place of the original.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// A template that can be shown as a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePlan {
    /// The template's name.
    pub template: String,
    /// The names that its fragments may export to it, sorted.
    pub exports: Vec<String>,
    /// What its own forms send, by the names of their actions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forms: BTreeMap<String, ActionContract>,
}

/// A place in a template that is filled after Tera has run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insertion {
    /// Where it stands in the original file, for logs and errors.
    pub place: TemplatePosition,
    /// The page attributes that it may give: a slot's exports and those of its fallback, or all that stands in a hole.
    pub gives: Vec<String>,
    /// The slot or the hole.
    #[serde(flatten)]
    pub kind: InsertionKind,
}

/// A place in an original template. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TemplatePosition {
    /// The template's path in its folder.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A slot or a hole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InsertionKind {
    /// A fragment.
    Slot(Box<Slot>),
    /// A region that needs exports.
    Hole(Hole),
}

/// A `<m:fragment>` tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The service that owns it. An empty text or `self` is this service.
    pub service: Text,
    /// The fragment's name.
    #[serde(rename = "ref")]
    pub reference: Text,
    /// The imports that the page passes, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// The exports that the page takes, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Rename>,
    /// The content of the tag. `None` where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Lifted>,
    /// How long the fragment may take, in milliseconds. `None`: the default of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// How long a result may be used again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<u64>,
    /// How much longer than that it may serve when the owner fails, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<u64>,
    /// Whether the page is not shown without it.
    #[serde(default)]
    pub required: bool,
    /// When and how it comes to the browser.
    #[serde(default)]
    pub mode: Mode,
}

/// A region that needs exports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Its content.
    pub body: Lifted,
    /// The page attributes that it waits for, sorted. Each is also captured, for pages on which it is an ordinary one.
    pub waits: Vec<String>,
}

/// A text that became a template of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// That template's name.
    pub template: String,
    /// The names that it uses from the scope in which it stood. A name without a value is left out.
    pub captures: Vec<Captured>,
}

/// A name from the scope in which a lifted text stood.
pub type Captured = String;

/// A text in a tag that may be a Tera expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Text {
    /// As written, character references decoded.
    Fixed(String),
    /// An argument of the call.
    Computed,
}

impl Default for Text {
    fn default() -> Self {
        Text::Fixed(String::new())
    }
}

/// One import: `product.id as id` is the path `["product", "id"]` and the name `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The page's attribute, in Tera spelling, and the members to follow from it. A missing member gives no value.
    pub from: Vec<String>,
    /// The name under which the fragment gets it.
    pub to: String,
}

/// One export: the fragment's `from` becomes the page's `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// The fragment's name for it.
    pub from: String,
    /// The page's name for it, in Tera spelling (a hyphen is an underscore).
    pub to: String,
}

/// When and how a fragment comes to the browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In its place, in document order.
    #[default]
    Inline,
    /// After the rest of the page, and put in its place there.
    Deferred,
    /// Fetched by the browser when it comes near the viewport.
    Lazy,
}
