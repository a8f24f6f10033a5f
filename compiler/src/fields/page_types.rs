//! The page types in Rust files, for the build script.
#![deny(clippy::disallowed_methods)]

use proc_macro2::Span as TokenSpan;
use syn::{Attribute, Item, ItemStruct};

use super::{fields, page_arguments};
use crate::{
    page_type::{PageField, PageType},
    source::{Location, Source, SourceId, Span},
};

/// How deep modules are followed.
const MAX_DEPTH: u32 = 32;
/// The mark of a byte order, which the parser takes off.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The structs with `#[page(template = "…")]` in Rust files, in the order of the files.
///
/// What can't be read is left to the compiler and the derive macro, which have the last word: a file that is no Rust gives
/// none, and a struct with `cfg`, macros or serde's `flatten` is open.
pub fn page_types<'s>(sources: impl IntoIterator<Item = (SourceId, &'s Source)>) -> Vec<PageType> {
    let mut found = Vec::new();
    for (id, source) in sources {
        // Most files have none, and parsing all of them costs more than all else in a build script.
        if !source.text.contains("#[page(") {
            continue;
        }
        let Ok(file) = syn::parse_file(&source.text) else {
            continue;
        };
        let start = if source.text.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len_utf8()
        } else {
            0
        };
        let reader = Reader { id, start };
        reader.items(&file.items, 0, &mut found);
    }
    found
}

struct Reader {
    id: SourceId,
    /// How many bytes of the file the parser left out.
    start: usize,
}

impl Reader {
    fn items(&self, items: &[Item], depth: u32, found: &mut Vec<PageType>) {
        for item in items {
            match item {
                Item::Struct(item) => found.extend(self.page_type(item)),
                Item::Mod(module) if depth < MAX_DEPTH => {
                    if let Some((_, items)) = &module.content {
                        self.items(items, depth + 1, found);
                    }
                }
                _ => {}
            }
        }
    }

    fn page_type(&self, item: &ItemStruct) -> Option<PageType> {
        let arguments = page_arguments(&item.attrs).ok().flatten()?;
        let cfg = |attributes: &[Attribute]| {
            let mut paths = attributes.iter().map(Attribute::path);
            paths.any(|path| path.is_ident("cfg") || path.is_ident("cfg_attr"))
        };
        let read = fields(item);
        let open = read.is_err() || cfg(&item.attrs) || item.fields.iter().any(|field| cfg(&field.attrs));
        let fields = read.unwrap_or_default().into_iter().map(|field| PageField {
            name: field.name,
            rust: field.rust,
            place: self.place(field.span),
            ty: field.ty,
            maybe: field.maybe,
        });
        Some(PageType {
            template: arguments.template.value(),
            name: item.ident.to_string(),
            place: self.place(item.ident.span()),
            fields: fields.collect(),
            open,
        })
    }

    fn place(&self, span: TokenSpan) -> Location {
        let range = span.byte_range();
        Span::new(range.start + self.start, range.end + self.start).at(self.id)
    }
}
