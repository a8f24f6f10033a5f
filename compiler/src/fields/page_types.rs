//! The page types in Rust files, for the build script.
#![deny(clippy::disallowed_methods)]

use std::{panic::resume_unwind, str::FromStr, thread};

use proc_macro2::{Span as TokenSpan, TokenStream};
use syn::ItemStruct;

use super::{
    fields, handler_paths, has_cfg, page_arguments,
    parser_depth::is_too_deep,
    rust_names::modules,
    structs::{LocatedModule, Structs},
};
use crate::{
    limits::RUST_PARSER_STACK_BYTES,
    page_type::{CrateTypes, PageField, PageType},
    shape::Shape,
    source::{Location, Source, SourceId, Span},
};

/// The mark of a byte order.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What marks a file as one that may have page types, structs that templates look into, handlers, or what handlers take.
const MARKS: [&str; 4] = ["page(", "Serialize", "Deserialize", "Path<"];

/// The structs with `#[page(template = "…")]` in Rust files, in the order of the files, and where `named` says so the types that
/// templates may name.
///
/// What can't be read is left to the compiler and the derive macro, which have the last word: a file that is not Rust gives
/// none, and a struct with `cfg`, macros or serde's `flatten` is open.
pub(crate) fn crate_types<'s>(
    sources: impl IntoIterator<Item = (SourceId, &'s Source)>,
    named: bool,
) -> CrateTypes {
    let sources: Vec<_> = sources.into_iter().collect();
    // Most crates that have templates of a site have page types; others cost nothing more.
    if !named && !sources.iter().any(|(_, source)| source.text.contains("#[page(")) {
        return CrateTypes::default();
    }
    let marked = |source: &Source| MARKS.iter().any(|mark| source.text.contains(mark));
    let sources: Vec<_> = sources.into_iter().filter(|(_, source)| marked(source)).collect();
    if sources.is_empty() {
        return CrateTypes::default();
    }
    // A thread of its own has a stack that is large enough, and its end frees the texts that the parser keeps for each thread.
    let parser = thread::Builder::new().stack_size(RUST_PARSER_STACK_BYTES);
    thread::scope(|scope| {
        let types = match parser.spawn_scoped(scope, || types_of(&sources)) {
            Ok(types) => types,
            // No file is parsed on a stack that may be too small.
            Err(_) => return CrateTypes::default(),
        };
        types.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The types in these files.
fn types_of(sources: &[(SourceId, &Source)]) -> CrateTypes {
    let files = sources.iter().filter_map(|(id, source)| {
        let (text, start) = parsed_text(&source.text);
        let file = TokenStream::from_str(text).ok()?;
        if is_too_deep(file.clone()) {
            return None;
        }
        Some((PageTypeReader { id: *id, start }, syn::parse2(file).ok()?))
    });
    let files: Vec<(PageTypeReader, syn::File)> = files.collect();
    let mut placed = Vec::new();
    for (reader, file) in &files {
        let mut found = Vec::new();
        modules(&file.items, 0, &mut found);
        placed.extend(found.into_iter().map(|module| LocatedModule {
            module,
            place: Box::new(move |span| reader.place(span)),
        }));
    }
    let structs = Structs::of(&placed);
    let mut found = Vec::new();
    for (index, LocatedModule { module, place }) in placed.iter().enumerate() {
        let pages = module.pages.iter();
        let shape = |ty: Option<&syn::Type>| ty.map_or_else(Shape::default, |ty| structs.shape(index, ty));
        found.extend(pages.filter_map(|item| page_type(item, place, &shape)));
    }
    found.sort_by_key(|page: &PageType| page.place);
    let registered = files
        .iter()
        .flat_map(|(_, file)| handler_paths::registered(file))
        .collect();
    CrateTypes {
        problems: handler_paths::problems(&placed, &registered),
        pages: found,
        named: structs.named(),
        structs: structs.shapes.clone(),
    }
}

/// The text that is Rust, and where it starts: behind the mark of a byte order, and behind the line that names a program for the file
/// (Rust reference, "Input format").
fn parsed_text(text: &str) -> (&str, usize) {
    let rust = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let is_program = rust
        .strip_prefix("#!")
        .is_some_and(|behind| !behind.trim_start().starts_with('['));
    let line = match is_program {
        true => rust.find('\n').unwrap_or(rust.len()),
        false => 0,
    };
    (&rust[line..], text.len() - rust.len() + line)
}

struct PageTypeReader {
    id: SourceId,
    /// How many bytes of the file the parser left out.
    start: usize,
}

impl PageTypeReader {
    fn place(&self, span: TokenSpan) -> Location {
        let range = span.byte_range();
        Span::new(range.start + self.start, range.end + self.start).at(self.id)
    }
}

fn page_type(
    item: &ItemStruct,
    place: &dyn Fn(TokenSpan) -> Location,
    shape: &dyn Fn(Option<&syn::Type>) -> Shape,
) -> Option<PageType> {
    let arguments = page_arguments(&item.attrs).ok().flatten()?;
    let read = fields(item);
    let open = read.is_err() || has_cfg(&item.attrs) || item.fields.iter().any(|field| has_cfg(&field.attrs));
    let fields = read.unwrap_or_default().into_iter().map(|field| PageField {
        shape: shape(field.written.as_ref()),
        name: field.name,
        rust: field.rust,
        place: place(field.span),
        ty: field.ty,
        maybe: field.maybe,
    });
    Some(PageType {
        template: arguments.template.value(),
        name: item.ident.to_string(),
        place: place(item.ident.span()),
        fields: fields.collect(),
        open,
    })
}
