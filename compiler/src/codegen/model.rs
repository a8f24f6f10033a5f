//! The model of a service's templates for the macros, which is written as `hydra-model.json`.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

pub use hydra_contract::MODEL_FORMAT;
use hydra_contract::{FieldKind, Type};
use serde::{Deserialize, Serialize};

use crate::limits::MAX_QUOTED_LINE_CHARS;

/// The pages and offered fragments of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Always [`MODEL_FORMAT`] of the compiler that made it.
    pub format: u32,
    /// The templates that can be shown as a page, sorted by name.
    pub pages: Vec<PageModel>,
    /// The fragments that are offered, sorted by `ref`.
    pub offers: Vec<OfferModel>,
    /// The forms of pages, sorted by action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<FormModel>,
}

/// A template that can be shown as a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageModel {
    /// Its name.
    pub template: String,
    /// The attributes that it needs from its handler, each with its first use.
    pub needs: Vec<NeedModel>,
    /// The attributes that its fragments export to it.
    pub exports: Vec<ExportModel>,
    /// The attributes of its own that it passes to fragments.
    pub imports: Vec<ImportModel>,
    /// Its fragments, in document order.
    pub slots: Vec<SlotModel>,
    /// All names of the page in snake case, if fragments export to it; otherwise empty.
    pub taken: Vec<String>,
}

/// An attribute that a template needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeedModel {
    /// Its name.
    pub name: String,
    /// The first use.
    pub spot: QuotedLine,
}

/// An attribute that a fragment exports to a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportModel {
    /// The page's name for it.
    pub name: String,
    /// The name of the fragment in messages: "`checkout` of `orderService`".
    #[serde(rename = "giver")]
    pub exporter: String,
    /// The fragment's name for it.
    pub from: String,
    /// The service; empty for this one, or where an expression says it.
    pub service: String,
    /// Where it is exported.
    pub spot: QuotedLine,
}

/// An attribute that a page passes to a fragment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportModel {
    /// The page's name for it.
    pub name: String,
    /// The fragment's name for it.
    pub to: String,
    /// The name of the fragment in messages.
    #[serde(rename = "taker")]
    pub importer: String,
    /// Its type in the contract of the fragment.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Where it is imported.
    pub spot: QuotedLine,
}

/// A `<m:fragment>` tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlotModel {
    /// The service; empty for this one, or where an expression says it.
    pub service: String,
    /// The fragment; empty where an expression says it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its imports, under its own names.
    pub imports: Vec<AttributeModel>,
    /// Its exports, under the page's names.
    pub exports: Vec<AttributeModel>,
    /// Where it stands.
    pub spot: QuotedLine,
}

/// A fragment that is offered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferModel {
    /// Its name.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its imports.
    pub imports: Vec<AttributeModel>,
    /// The attributes that its template needs beside them, and those that it exports.
    pub attributes: Vec<AttributeModel>,
    /// Those of its attributes and imports that it exports.
    pub exports: Vec<String>,
    /// Its forms, in document order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<FormModel>,
    /// Where it stands.
    pub spot: QuotedLine,
}

/// A form of an offered fragment or of a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormModel {
    /// The name of its action.
    pub action: String,
    /// Its fields, in document order.
    pub fields: Vec<FieldModel>,
    /// Whether it may send further fields.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Where it stands.
    pub spot: QuotedLine,
}

/// A field of a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldModel {
    /// Its name.
    pub name: String,
    /// What it sends.
    pub kind: FieldKind,
    /// Where its control stands.
    pub spot: QuotedLine,
}

/// An attribute with its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttributeModel {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// The Rust type that stands for the innermost `any` of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust: Option<String>,
}

/// A place in a template with the line on which it stands, for error messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The number of characters of the line that are marked.
    pub length: u32,
    /// The line itself.
    pub text: String,
}

impl Model {
    /// This model as far as a program that was built with it depends on it: without places, and without the names that a page needs and
    /// its Rust type has. `fields` are those of the type that belongs to a template. `None`: they are not known.
    #[must_use]
    pub(crate) fn interface<'f>(&self, fields: impl Fn(&str) -> Option<&'f BTreeMap<String, Type>>) -> Self {
        let mut model = self.clone();
        for page in &mut model.pages {
            page.needs
                .iter_mut()
                .for_each(|need| need.spot = QuotedLine::default());
            page.exports
                .iter_mut()
                .for_each(|export| export.spot = QuotedLine::default());
            page.imports
                .iter_mut()
                .for_each(|import| import.spot = QuotedLine::default());
            page.slots
                .iter_mut()
                .for_each(|slot| slot.spot = QuotedLine::default());
            if let Some(fields) = fields(&page.template) {
                page.needs.retain(|need| !fields.contains_key(&need.name));
                page.taken.clear();
            }
        }
        for offer in &mut model.offers {
            offer.spot = QuotedLine::default();
            offer.forms.iter_mut().for_each(FormModel::forget_places);
        }
        model.forms.iter_mut().for_each(FormModel::forget_places);
        model
    }

    /// The page that is made with `template`.
    #[must_use]
    pub fn page(&self, template: &str) -> Option<&PageModel> {
        self.pages.iter().find(|page| page.template == template)
    }

    /// The fragment `reference`.
    #[must_use]
    pub fn offer(&self, reference: &str) -> Option<&OfferModel> {
        self.offers.iter().find(|offer| offer.reference == reference)
    }
}

impl FormModel {
    fn forget_places(&mut self) {
        self.spot = QuotedLine::default();
        self.fields
            .iter_mut()
            .for_each(|field| field.spot = QuotedLine::default());
    }
}

impl QuotedLine {
    /// The place with its line, as part of a message: `label` stands under it.
    #[must_use]
    pub fn show(&self, label: &str) -> String {
        let QuotedLine {
            file, line, column, ..
        } = self;
        let place = format!("  --> {file}:{line}:{column}");
        if self.text.chars().count() > MAX_QUOTED_LINE_CHARS {
            return format!("{place}: {label}");
        }
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        // A tab is as wide as the one above it.
        let before = self.text.chars().take((*column as usize).saturating_sub(1));
        let indent: String = before
            .map(|letter| if letter == '\t' { '\t' } else { ' ' })
            .collect();
        let mark = "^".repeat((self.length as usize).clamp(1, MAX_QUOTED_LINE_CHARS));
        format!(
            "{place}\n {number} | {}\n {margin} | {indent}{mark} {label}",
            self.text
        )
    }
}
