//! The login page and the logout page.

use std::path::Path;

use tera::{Context, Tera};

use super::private_file;
use crate::limits::MAX_LOGIN_PAGE_BYTES;

const LOGIN: &str = "login.html";
const LOGOUT: &str = "logout.html";

/// What a page shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown<'a> {
    /// Where the visitor goes after the login. Empty: to `/`.
    pub(crate) next: &'a str,
    /// What went wrong. Empty: nothing.
    pub(crate) error: &'a str,
    /// The name of the user who is logged in. Empty: the visitor is not logged in.
    pub(crate) username: &'a str,
}

/// The templates of the pages.
#[derive(Debug)]
pub(crate) struct LoginPages(Tera);

impl LoginPages {
    /// The site's own login page, or Hydra's.
    ///
    /// # Errors
    /// The template can't be read, fails, or lacks a field. The error is a message for people.
    pub(crate) fn of(template: Option<&Path>) -> Result<Self, String> {
        let text = match template {
            None => include_str!("page/login.html").to_owned(),
            Some(path) => private_file::read(path, MAX_LOGIN_PAGE_BYTES)
                .map_err(|error| format!("`{}`: {error}", path.display()))?,
        };
        let mut tera = Tera::default();
        tera.add_raw_templates([(LOGIN, &*text), (LOGOUT, include_str!("page/logout.html"))])
            .map_err(|error| error.to_string())?;
        let pages = Self(tera);
        for error in ["", "wrong"] {
            let shown = Shown {
                next: "/the-page?that=was&wanted",
                error,
                username: "ann",
            };
            let page = pages.login(shown)?;
            for field in ["username", "password", "next"] {
                let is_there = [
                    format!("name=\"{field}\""),
                    format!("name='{field}'"),
                    format!("name={field}"),
                ];
                if !is_there.iter().any(|name| page.contains(name)) {
                    return Err(format!("the page has no field with `name=\"{field}\"`"));
                }
            }
        }
        Ok(pages)
    }

    /// The login page.
    ///
    /// # Errors
    /// The template fails.
    pub(crate) fn login(&self, shown: Shown<'_>) -> Result<String, String> {
        self.page(LOGIN, shown)
    }

    /// The logout page.
    ///
    /// # Errors
    /// Never, as the template is Hydra's own.
    pub(crate) fn logout(&self, shown: Shown<'_>) -> Result<String, String> {
        self.page(LOGOUT, shown)
    }

    fn page(&self, name: &str, shown: Shown<'_>) -> Result<String, String> {
        let mut context = Context::new();
        context.insert("next", shown.next);
        context.insert("error", shown.error);
        context.insert("username", shown.username);
        self.0.render(name, &context).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<LoginPages, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("login.html");
        std::fs::write(&path, text).expect("a file");
        LoginPages::of(Some(&path))
    }

    #[test]
    fn nothing_that_a_visitor_wrote_becomes_markup() {
        let pages = LoginPages::of(None).expect("our own");
        let evil = "/\"><script>alert(1)</script>";
        let shown = Shown {
            next: evil,
            error: evil,
            username: evil,
        };
        for page in [pages.login(shown), pages.logout(shown)] {
            let page = page.expect("rendered");
            assert!(
                !page.contains("<script") && page.contains("&lt;script&gt;"),
                "{page}"
            );
        }
    }

    #[test]
    fn the_page_says_only_what_is_so() {
        let pages = LoginPages::of(None).expect("our own");
        let page = |error, username| {
            let shown = Shown {
                next: "/orders",
                error,
                username,
            };
            pages.login(shown).expect("rendered")
        };
        assert!(!page("", "").contains("role=\"alert\""));
        assert!(page("It is wrong.", "").contains("<p role=\"alert\">It is wrong.</p>"));
        assert!(page("", "ann").contains("ann") && page("", "").contains("value=\"/orders\""));
    }

    #[test]
    fn a_site_s_own_page_is_checked_at_the_start() {
        let good = "<form method=post action=/login><input name=username><input name='password'>\
                    <input name=\"next\" value=\"{{ next }}\">{{ error }} {{ username }}</form>";
        let page = own(good).and_then(|pages| {
            pages.login(Shown {
                error: "no",
                ..Shown::default()
            })
        });
        assert!(page.expect("good").contains("no "));
        for (text, expected) in [
            ("{{ next", "login.html"),
            ("{{ unknown }}", "unknown"),
            ("<form></form>", "no field with `name=\"username\"`"),
            (
                &good.replace("password", "pass"),
                "no field with `name=\"password\"`",
            ),
            ("{% include \"other.html\" %}", "other.html"),
            (&"x".repeat(300_000), "is longer than"),
        ] {
            let error = own(text).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        assert!(LoginPages::of(Some(Path::new("/nonexistent/login.html"))).is_err());
    }
}
