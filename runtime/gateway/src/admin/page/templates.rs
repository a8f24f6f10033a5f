//! The templates of the operators' page, which are part of the program.

use tera::Tera;

macro_rules! texts {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

const TEXTS: [(&str, &str); 17] = texts![
    "base.html",
    "parts.html",
    "summary.html",
    "services.html",
    "services.live.html",
    "service.html",
    "service.live.html",
    "weights.html",
    "weights.live.html",
    "routes.html",
    "routes.live.html",
    "problems.html",
    "problems.live.html",
    "flows.html",
    "flows.live.html",
    "confirm.html",
    "sign-in.html",
];

/// All of them, with values escaped.
pub(super) fn all() -> Tera {
    let mut tera = Tera::default();
    if let Err(error) = tera.add_raw_templates(TEXTS) {
        // A test reads them too.
        tracing::error!(%error, "the templates of the operators' page can't be read");
    }
    tera
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_read_and_escape_values() {
        let tera = all();
        assert_eq!(tera.get_template_names().count(), TEXTS.len());
        for (name, text) in TEXTS {
            assert!(name.ends_with(".html"), "{name} would not be escaped");
            let is_plain = |part: &str| !part.contains("safe") && !part.contains("autoescape");
            assert!(
                text.split("{{").skip(1).all(is_plain),
                "{name} prints a value as it is"
            );
            for attribute in text.split("=\"").skip(1) {
                assert!(!attribute.starts_with(' '), "{name}");
            }
            assert!(!text.contains("={{ "), "{name} has an attribute without quotes");
            for inline in [
                " style=",
                " onclick",
                "<style",
                "javascript:",
                "http://",
                "https://",
            ] {
                assert!(!text.contains(inline), "{name} contains `{inline}`");
            }
        }
    }
}
