//! The attributes of a page: from the file beside its template, and from the query.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use hydra_contract::Type;
use hydra_runtime::{Date, DateTime};
use serde_json::{Map, Value};
use tera::Context;

/// The most attributes of a query. People write fewer, and each costs memory.
const MAX_QUERY: usize = 100;
/// The most bytes of a file with attributes.
const MAX_FILE: u64 = 16 << 20;

/// The attributes in `about.toml` or `about.json` beside `about.html`, by their names in Tera. Empty if there is
/// neither file.
///
/// # Errors
/// The file can't be read, or does not contain a table of attributes.
pub(super) fn beside(template: &Path) -> Result<Context, String> {
    for (ending, parse) in [("toml", toml as fn(&str) -> _), ("json", json)] {
        let path = template.with_extension(ending);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let attributes = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let spelled: Map<String, Value> = attributes
            .into_iter()
            .map(|(name, value)| (name.replace('-', "_"), value))
            .collect();
        return Context::from_serialize(&spelled).map_err(|error| format!("{}: {error}", path.display()));
    }
    Ok(Context::new())
}

/// Reads a regular file, which may be a link to one anywhere. Opening another kind of file, such as a FIFO, could
/// wait for ever.
fn read(path: &Path) -> io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is longer than {MAX_FILE} bytes")));
    }
    Ok(text)
}

fn toml(text: &str) -> Result<Map<String, Value>, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn json(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The page's attributes, and those of the query that the page states and its file does not contain.
///
/// # Errors
/// The query is malformed, has too many attributes, or has a value that is not of the type that the page states.
pub(super) fn with_query(
    page: &Context,
    stated: &BTreeMap<String, Type>,
    query: Option<&str>,
) -> Result<Context, String> {
    let mut context = page.clone();
    let Some(query) = query.filter(|query| !query.is_empty() && !stated.is_empty()) else {
        return Ok(context);
    };
    let malformed = || "the query is malformed".to_owned();
    let uri = format!("/?{query}").parse().map_err(|_| malformed())?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let pairs = pairs.map_err(|_| malformed())?.0;
    if pairs.len() > MAX_QUERY {
        return Err("the query has too many attributes".to_owned());
    }
    for (name, text) in pairs {
        let name = name.replace('-', "_");
        let Some(ty) = stated.get(&name).filter(|_| page.get(&name).is_none()) else {
            continue;
        };
        let value =
            value(ty, text).ok_or_else(|| format!("`{name}` of the query must be of the type {ty}"))?;
        context.insert(name, &value);
    }
    Ok(context)
}

/// The value of a text in a query: lists and maps are JSON.
fn value(ty: &Type, text: String) -> Option<Value> {
    match ty {
        Type::String | Type::Any => Some(Value::String(text)),
        Type::Date => text.parse::<Date>().ok().map(|_| Value::String(text)),
        Type::DateTime => text.parse::<DateTime>().ok().map(|_| Value::String(text)),
        Type::Integer | Type::Number | Type::Boolean | Type::List(_) | Type::Map(_) => {
            let value = serde_json::from_str(&text).ok();
            value.filter(|value| ty.admits(value))
        }
    }
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
