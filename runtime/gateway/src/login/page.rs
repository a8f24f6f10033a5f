//! The login page and the logout page.

use std::{io, path::Path};

use tera::{Context, Tera};

use super::private_file;
use crate::limits::MAX_LOGIN_PAGE_BYTES;

const BASE: &str = "base.html";
const LOGIN: &str = "login.html";
const LOGOUT: &str = "logout.html";
const LOGGED_OUT: &str = "logged_out.html";

/// Hydra's own templates. The first is what the others extend.
const OWN: [(&str, &str); 4] = [
    (BASE, include_str!("page/base.html")),
    (LOGIN, include_str!("page/login.html")),
    (LOGOUT, include_str!("page/logout.html")),
    (LOGGED_OUT, include_str!("page/logged_out.html")),
];

/// What a page shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown<'a> {
    /// Where the visitor goes after the login. Empty: to `/`.
    pub(crate) next: &'a str,
    /// What went wrong. Empty: nothing.
    pub(crate) error: &'a str,
    /// The name of the user who is logged in. Empty: the visitor is not logged in.
    pub(crate) username: &'a str,
    /// Whether users log in with a name and a password.
    pub(crate) passwords: bool,
    /// The name of the OpenID provider. Empty: there is none.
    pub(crate) provider: &'a str,
    /// The link to the OpenID provider. Empty: there is none.
    pub(crate) provider_link: &'a str,
}

/// The templates of the pages.
#[derive(Debug)]
pub(crate) struct LoginPages(Tera);

impl LoginPages {
    /// Hydra's pages with the site's own templates: `login_page` names the template of the login page, or a folder with one
    /// or more of `base.html`, `login.html`, `logout.html` and `logged_out.html`.
    ///
    /// # Errors
    /// A template can't be read, fails, or lacks a field. The error is a message for people.
    pub(crate) fn of(login_page: Option<&Path>) -> Result<Self, String> {
        let mut templates = OWN.map(|(name, text)| (name, text.to_owned()));
        if let Some(path) = login_page {
            replace(&mut templates, path)?;
        }
        let mut tera = Tera::default();
        tera.add_raw_templates(templates.iter().map(|(name, text)| (*name, text.as_str())))
            .map_err(|error| error.to_string())?;
        let pages = Self(tera);
        for error in ["", "wrong"] {
            let shown = Shown {
                next: "/the-page?that=was&wanted",
                error,
                username: "ann",
                passwords: true,
                ..Shown::default()
            };
            let page = pages.login(shown)?;
            for field in ["username", "password", "next"] {
                let is_there = [
                    format!("name=\"{field}\""),
                    format!("name='{field}'"),
                    format!("name={field}"),
                ];
                if !is_there.iter().any(|name| page.contains(name)) {
                    return Err(format!("the login page has no field with `name=\"{field}\"`"));
                }
            }
            let page = pages.logout(shown)?;
            if !page.contains("action=\"/logout\"") && !page.contains("action=/logout") {
                return Err("the logout page has no form with `action=\"/logout\"`".to_owned());
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
    /// The template fails.
    pub(crate) fn logout(&self, shown: Shown<'_>) -> Result<String, String> {
        self.page(LOGOUT, shown)
    }

    /// The page that leads to the provider, to log out there too.
    ///
    /// # Errors
    /// The template fails.
    pub(crate) fn logged_out(&self, shown: Shown<'_>) -> Result<String, String> {
        self.page(LOGGED_OUT, shown)
    }

    fn page(&self, name: &str, shown: Shown<'_>) -> Result<String, String> {
        let mut context = Context::new();
        context.insert("next", shown.next);
        context.insert("error", shown.error);
        context.insert("username", shown.username);
        context.insert("passwords", &shown.passwords);
        context.insert("provider", shown.provider);
        context.insert("provider_link", shown.provider_link);
        self.0.render(name, &context).map_err(|error| error.to_string())
    }
}

/// Replaces templates by those of a folder, or the login page by a file.
fn replace(templates: &mut [(&str, String); 4], path: &Path) -> Result<(), String> {
    let read = |path: &Path| private_file::read(path, MAX_LOGIN_PAGE_BYTES);
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let is_folder = path.is_dir();
    let mut count = 0;
    for (name, text) in templates {
        let file = match (is_folder, *name) {
            (true, name) => path.join(name),
            (false, LOGIN) => path.to_owned(),
            (false, _) => continue,
        };
        match read(&file) {
            Ok(own) => {
                *text = own;
                count += 1;
            }
            Err(error) if is_folder && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(&file, &error)),
        }
    }
    match count {
        0 => Err(wrong(
            path,
            &format!("the folder has none of {BASE}, {LOGIN}, {LOGOUT} and {LOGGED_OUT}"),
        )),
        _ => Ok(()),
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
            passwords: true,
            provider: evil,
            provider_link: evil,
        };
        for page in [pages.login(shown), pages.logout(shown), pages.logged_out(shown)] {
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
                passwords: true,
                ..Shown::default()
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

    /// The pages with the templates of a folder.
    fn of_folder(files: &[(&str, &str)]) -> Result<LoginPages, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        LoginPages::of(Some(folder.path()))
    }

    #[test]
    fn a_folder_gives_both_pages_the_look_of_the_site() {
        let base =
            "<title>{% block title %}{% endblock %}</title><i>Shop</i>{% block content %}{% endblock %}";
        let pages = of_folder(&[(BASE, base)]).expect("good");
        for page in [pages.login(Shown::default()), pages.logout(Shown::default())] {
            let page = page.expect("rendered");
            assert!(
                page.contains("<i>Shop</i>") && page.contains("<h1>Log ") && !page.contains("<style>"),
                "{page}"
            );
        }
        let logout =
            "{% extends 'base.html' %}{% block content %}<form action=/logout>Bye</form>{% endblock %}";
        let pages = of_folder(&[(LOGOUT, logout)]).expect("good");
        assert!(pages.logout(Shown::default()).expect("rendered").contains("Bye"));
        assert!(
            pages
                .login(Shown::default())
                .expect("rendered")
                .contains("<h1>Log in")
        );
        for (files, expected) in [
            (&[][..], "has none of base.html"),
            (&[("other.html", "x")], "has none of base.html"),
            (&[(BASE, "without blocks")], "Block `title` is not defined"),
            (&[(LOGOUT, "Bye")], "no form with `action=\"/logout\"`"),
        ] {
            let error = of_folder(files).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_site_s_own_login_page_may_extend_hydra_s() {
        let own = own(
            "{% extends 'base.html' %}{% block content %}<b>Shop</b><form><input name=username><input name=password>\
             <input name=next>{{ error }}</form>{% endblock %}",
        );
        let page = own.expect("good").login(Shown::default()).expect("rendered");
        assert!(page.contains("<style>") && page.contains("<b>Shop</b>"), "{page}");
    }
}
