//! The templates that Hydra provides. An application includes one by its name, and replaces it with a file of this name.
#![deny(clippy::disallowed_methods)]

use crate::source::Source;

/// Names and texts.
const TEMPLATES: [(&str, &str); 1] = [(
    "hydra/form-errors.html",
    include_str!("provided/form-errors.html"),
)];

/// Whether Hydra provides a template of this name.
pub(crate) fn is_provided(name: &str) -> bool {
    TEMPLATES.iter().any(|(provided, _)| *provided == name)
}

/// Whether a template is one that Hydra provides, and not a file that replaces it.
pub(crate) fn is_own(template: &Source) -> bool {
    is_provided(&template.name) && template.path.as_os_str() == template.name.as_str()
}

/// The provided templates that `templates` name and do not replace.
pub(crate) fn missing(templates: &[&Source]) -> Vec<Source> {
    let is_missing = |(name, _): &(&str, &str)| {
        let mut texts = templates.iter().map(|template| template.text.as_bytes());
        templates.iter().all(|template| template.name != *name)
            && texts.any(|text| memchr::memmem::find(text, name.as_bytes()).is_some())
    };
    let missing = TEMPLATES.into_iter().filter(is_missing);
    missing
        .map(|(name, text)| Source::new(name, name, text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_provided_where_one_names_it_and_none_replaces_it() {
        let names = |templates: &[(&str, &str)]| {
            let sources: Vec<Source> = templates
                .iter()
                .map(|(name, text)| Source::new(*name, *name, *text))
                .collect();
            let missing = missing(&sources.iter().collect::<Vec<_>>());
            missing.into_iter().map(|source| source.name).collect::<Vec<_>>()
        };
        let user = ("a.html", "{% include \"hydra/form-errors.html\" %}");
        let none: [String; 0] = [];
        assert_eq!(names(&[user]), ["hydra/form-errors.html"]);
        assert_eq!(names(&[user, ("hydra/form-errors.html", "<p>own</p>")]), none);
        assert_eq!(names(&[("a.html", "{% include \"form-errors.html\" %}")]), none);
    }
}
