//! Templates whose text is the same for every request: one render of each is enough.
//!
//! Such a template holds text, fragments without imports, and nothing else that Tera would have to evaluate: no attribute,
//! function, filter, condition or loop, also not in the templates that it extends or includes.
#![deny(clippy::disallowed_methods)]

use std::collections::{HashMap, HashSet};

use hydra_contract::Template;

use super::pieces::{Tag, pieces};
use crate::page::plan::{FILTER, PreparedPlan};

/// What a template needs to be constant.
struct Needs<'t> {
    /// The sites of the plan that it calls.
    sites: Vec<usize>,
    /// The templates that it extends or includes.
    templates: Vec<&'t str>,
}

/// The names of the constant templates.
pub(super) fn names<'t>(templates: &'t [Template], plan: &PreparedPlan) -> HashSet<&'t str> {
    let is_constant = |site: &usize| {
        let site = plan.sites.get(*site);
        site.is_some_and(|site| site.captures().is_empty() && site.imports().is_empty())
    };
    let mut all: HashMap<&str, Needs<'_>> = templates
        .iter()
        .filter_map(|template| Some((&*template.name, needs(&template.source)?)))
        .filter(|(_, needs)| needs.sites.iter().all(is_constant))
        .collect();
    // A template that needs one that is not constant is not constant either, and so on.
    loop {
        let known: HashSet<&str> = all.keys().copied().collect();
        all.retain(|_, needs| needs.templates.iter().all(|name| known.contains(name)));
        if all.len() == known.len() {
            return known;
        }
    }
}

/// `None`: the template holds something else.
fn needs(source: &str) -> Option<Needs<'_>> {
    let mut needs = Needs {
        sites: Vec::new(),
        templates: Vec::new(),
    };
    for tag in pieces(source).filter_map(|piece| piece.tag) {
        match tag {
            Tag::Comment | Tag::Expression("super()" | "''") => {}
            Tag::Expression(call) => {
                let (site, filter) = call.split_once('|')?;
                if filter.trim() != FILTER {
                    return None;
                }
                needs.sites.push(site.trim().parse().ok()?);
            }
            Tag::Statement(statement) => {
                let (keyword, rest) = statement
                    .split_once(char::is_whitespace)
                    .unwrap_or((statement, ""));
                match keyword {
                    "block" | "endblock" => {}
                    "extends" | "include" => needs.templates.push(quoted(rest.trim())?),
                    _ => return None,
                }
            }
            Tag::Open => return None,
        }
    }
    Some(needs)
}

fn quoted(text: &str) -> Option<&str> {
    let name = text.strip_prefix('"')?.strip_suffix('"')?;
    (!name.contains(['"', '\\'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tera::Context;

    use super::*;
    use crate::page::{
        plans::{plan, slot},
        render::templates::Templates,
    };

    fn templates(sources: &[(&str, &str)]) -> Vec<Template> {
        let template = |(name, source): &(&str, &str)| Template {
            name: (*name).to_owned(),
            source: (*source).to_owned(),
            origin: None,
        };
        sources.iter().map(template).collect()
    }

    fn constant(sources: &[(&str, &str)]) -> Vec<String> {
        let prepared = PreparedPlan::new(&plan(&[], [slot("s/f")]), "own");
        let all = templates(sources);
        let mut names: Vec<_> = names(&all, &prepared).into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_text_and_fragments_are_constant() {
        for (source, expected) in [
            ("text { } {#- {{ x }} -#}", true),
            ("a{{- 0 | __hydra -}}b", true),
            ("{% block a %}a{{ super() }}{% endblock a %}{{ '' }}", true),
            ("{{ 7 | __hydra }}", false),
            ("{{ 0 | __hydra(ref=(x)) }}", false),
            ("{{ 0 | upper }}", false),
            ("{{ x | __hydra }}", false),
            ("{{ x }}", false),
            ("{{ now() }}", false),
            ("{{ 'a }} b' }}", false),
            ("{% if x %}a{% endif %}", false),
            ("{% set a = 1 %}", false),
            ("{% raw %}{{ 0 | __hydra }}{% endraw %}", false),
            ("{% include x %}", false),
            ("{% include \"a\" ~ x ~ \"b\" %}", false),
            ("a {{ 0", false),
        ] {
            assert_eq!(
                constant(&[("page", source)]).len(),
                usize::from(expected),
                "{source}"
            );
        }
    }

    #[test]
    fn a_template_is_as_constant_as_those_that_it_needs() {
        let sources = [
            (
                "good",
                "{% extends \"layout\" %}{% block a %}{% include \"part\" %}{% endblock %}",
            ),
            ("layout", "<html>{% block a %}{% endblock %}"),
            ("part", "a"),
            ("bad", "{% include \"deep\" %}"),
            ("deep", "{% include \"changing\" %}"),
            ("changing", "{{ x }}"),
            ("lost", "{% include \"nowhere\" %}"),
        ];
        assert_eq!(constant(&sources), ["good", "layout", "part"]);
    }

    #[test]
    fn every_render_of_a_constant_template_is_like_the_first() {
        let mut plan = plan(&[], [slot("s/f")]);
        plan.templates = templates(&[
            (
                "page",
                "{% extends \"layout\" %}{% block a %}a{{ 0 | __hydra }}b{% endblock %}",
            ),
            ("layout", "<html>{% block a %}{% endblock %}"),
            ("changing", "{{ x }}{{ 0 | __hydra }}"),
        ]);
        let prepared = Arc::new(PreparedPlan::new(&plan, "own"));
        let templates = Templates::load(plan, prepared, tera::Tera::default(), 7).expect("templates");
        let mut context = Context::new();
        let mut shown = |template: &str, x: u32| {
            context.insert("x", &x);
            let rendered = templates.render(template, &context, 0).expect("a text");
            (rendered.parts, rendered.found.len())
        };
        assert_eq!(shown("page", 1), shown("page", 2));
        assert_eq!(shown("page", 1).1, 1);
        assert_ne!(shown("changing", 1), shown("changing", 2));
    }
}
