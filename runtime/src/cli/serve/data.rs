//! The attributes of a page: from the file beside its template, and from the query.

use std::{fs, io, path::Path};

use serde_json::{Map, Value};
use tera::Context;

/// How many attributes a query may give. Nobody writes more, and each costs memory.
const MAX_QUERY: usize = 100;

/// The attributes in `about.toml` or `about.json` beside `about.html`. None where neither is there.
///
/// # Errors
/// A file that can't be read, or that holds no table of attributes: what and where.
pub(super) fn beside(template: &Path) -> Result<Context, String> {
    for (ending, parse) in [("toml", toml as fn(&str) -> _), ("json", json)] {
        let path = template.with_extension(ending);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let attributes = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        return Context::from_serialize(&attributes).map_err(|error| format!("{}: {error}", path.display()));
    }
    Ok(Context::new())
}

fn toml(text: &str) -> Result<Map<String, Value>, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn json(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The page's attributes with those of the query over them. Names that no template could use are left out.
///
/// # Errors
/// A query that is none, or that has too many attributes.
pub(super) fn with_query(page: &Context, query: Option<&str>) -> Result<Context, &'static str> {
    let mut context = page.clone();
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(context);
    };
    let uri = format!("/?{query}")
        .parse()
        .map_err(|_| "the query is malformed")?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let pairs = pairs.map_err(|_| "the query is malformed")?.0;
    if pairs.len() > MAX_QUERY {
        return Err("the query has too many attributes");
    }
    for (name, value) in pairs {
        if is_name(&name) {
            context.insert(name, &value);
        }
    }
    Ok(context)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(context: &Context, name: &str) -> Option<String> {
        context.get(name).map(ToString::to_string)
    }

    #[test]
    fn the_query_goes_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let template = folder.path().join("about.html");
        fs::write(folder.path().join("about.toml"), "title = 'File'\ncount = 3\n").expect("written");
        let page = beside(&template).expect("good");
        let context = with_query(&page, Some("title=Query+%26&__hydra=1&1x=2")).expect("good");
        assert_eq!(text(&context, "title").as_deref(), Some("Query &"));
        assert_eq!(text(&context, "count").as_deref(), Some("3"));
        assert!(context.get("__hydra").is_none() && context.get("1x").is_none());
    }

    #[test]
    fn attributes_come_from_toml_or_json_beside_the_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let beside = |name: &str| beside(&folder.path().join(name)).expect("good");
        fs::write(
            folder.path().join("about.toml"),
            "title = 'TOML'\n[shop]\nopen = 9\n",
        )
        .expect("written");
        fs::write(
            folder.path().join("team.json"),
            r#"{"title": "JSON", "shop": {"open": 9}}"#,
        )
        .expect("written");
        for (name, title) in [("about.html", "TOML"), ("team.html", "JSON")] {
            let context = beside(name);
            assert_eq!(text(&context, "title").as_deref(), Some(title));
            assert_eq!(
                text(&context, "shop").as_deref(),
                Some(r#"{"open": 9}"#),
                "{name}"
            );
        }
        assert!(beside("other.html").get("title").is_none());
    }

    #[test]
    fn what_is_no_table_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let template = folder.path().join("about.html");
        fs::write(folder.path().join("about.json"), "{\n \"a\": \n}").expect("written");
        let error = beside(&template).expect_err("no JSON");
        assert!(
            error.contains("about.json") && error.contains("line 3"),
            "{error}"
        );
        let many = "a=1&".repeat(200);
        assert!(with_query(&Context::new(), Some(&many)).is_err());
    }
}
