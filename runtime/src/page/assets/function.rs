//! The function `asset(file="blog.css")` of templates: the path under which visitors find a static file of this service.
//!
//! The compiler knows its name (`compiler/src/syntax/names.rs`).
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use hydra_runtime_wire::lines::cut;
use percent_encoding::utf8_percent_encode;
use tera::{Error, Kwargs, State, Tera, TeraResult};

use crate::page::assets::PATH_SEGMENT;

/// Says whether this service has a static file of this name, `css/blog.css`. It may be called while a template is rendered.
pub type HasFile = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Adds the function to `tera`.
pub(crate) fn register(files: StaticFiles, tera: &mut Tera) {
    tera.register_function(
        "asset",
        move |arguments: Kwargs, _: &State<'_>| -> TeraResult<String> {
            let file = arguments.must_get::<&str>("file")?;
            files.path(file).map_err(Error::message)
        },
    );
}

/// The static files of this service.
pub(crate) struct StaticFiles {
    /// This service's name.
    pub(crate) service: String,
    /// The path of the folder, which ends in `/`.
    pub(crate) folder: String,
    /// `None`: the service has no static files.
    pub(crate) has: Option<HasFile>,
}

impl StaticFiles {
    /// The path of a file, percent-encoded. The error says what is wrong with the name.
    fn path(&self, file: &str) -> Result<String, String> {
        let has = |file: &str| self.has.as_ref().is_some_and(|has| has(file));
        if has(file) {
            let parts: Vec<String> = file
                .split('/')
                .map(|part| utf8_percent_encode(part, PATH_SEGMENT).to_string())
                .collect();
            return Ok(format!("{}{}", self.folder, parts.join("/")));
        }
        let reason = match &self.has {
            None => format!("`{}` has no static files", self.service),
            Some(_) => format!("`{}` has no static file `{}`", self.service, cut(file)),
        };
        // These prefixes are how people write the same file elsewhere.
        let bare = file.trim_start_matches("./").trim_start_matches('/');
        let prefixes = ["", "static/", &format!("{}/", self.service)];
        let meant = prefixes.iter().filter_map(|prefix| bare.strip_prefix(prefix));
        Err(match meant.into_iter().find(|file| has(file)) {
            Some(file) => format!("{reason}: write `asset(file=\"{}\")`", cut(file)),
            None => reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Options;

    fn files(service: &str, names: &'static [&str]) -> StaticFiles {
        StaticFiles {
            service: service.to_owned(),
            folder: Options::new(service).resources,
            has: Some(Arc::new(|file| names.contains(&file))),
        }
    }

    #[test]
    fn a_file_has_the_path_that_works_with_a_gateway_and_without() {
        for (service, file, expected) in [
            ("blog", "blog.css", "/blog/blog.css"),
            ("blog", "css/a b.css", "/blog/css/a%20b.css"),
            ("my blog", "é.css", "/my%20blog/%C3%A9.css"),
            ("blog", "a\"<&'.css", "/blog/a%22%3C%26%27.css"),
            ("blog", "100%25.css", "/blog/100%2525.css"),
            ("blog", "what?#.css", "/blog/what%3F%23.css"),
        ] {
            let names = &[
                "blog.css",
                "css/a b.css",
                "é.css",
                "a\"<&'.css",
                "100%25.css",
                "what?#.css",
            ];
            assert_eq!(files(service, names).path(file).as_deref(), Ok(expected));
        }
        let mut own = files("site", &["a b.css"]);
        own.folder = "/".to_owned();
        assert_eq!(own.path("a b.css").as_deref(), Ok("/a%20b.css"));
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_with_advice() {
        let blog = files("blog", &["blog.css", "css/x.css"]);
        let (unknown, write) = ("`blog` has no static file", ": write `asset(file=");
        for (file, advice) in [
            ("none.css", None),
            ("", None),
            ("../blog.css", None),
            ("Blog.css", None),
            ("css", None),
            ("blog.css?v=1", None),
            ("/blog.css", Some("blog.css")),
            ("./blog.css", Some("blog.css")),
            ("static/blog.css", Some("blog.css")),
            ("/static/css/x.css", Some("css/x.css")),
            ("/blog/blog.css", Some("blog.css")),
        ] {
            let advice = advice.map_or_else(String::new, |meant| format!("{write}\"{meant}\")`"));
            let expected = format!("{unknown} `{file}`{advice}");
            assert_eq!(blog.path(file), Err(expected));
        }
        let long = blog.path(&"x".repeat(1 << 20)).expect_err("unknown");
        assert!(long.len() < 1_000, "{}", long.len());
        let none = StaticFiles { has: None, ..blog };
        assert_eq!(
            none.path("blog.css"),
            Err("`blog` has no static files".to_owned())
        );
    }
}
