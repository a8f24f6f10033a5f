//! A site that is compiled again after each change of its files, for programs that follow a folder.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use crate::{
    check::CheckGoal,
    compile,
    input::{Compiled, Input},
    page_type::CrateTypes,
    parallel::each,
    site::{Parsed, Site},
    source::{Source, SourceId},
    syntax::KeptReads,
};

/// A site as it was compiled last. What is as it was then is not parsed again.
#[derive(Debug, Default)]
pub struct KeptSite {
    input: Input,
    /// The templates of the input.
    parsed: Vec<Parsed>,
    /// The Rust types, with whether templates name any.
    types: Option<(bool, CrateTypes)>,
    /// What Tera said.
    reads: KeptReads,
}

impl KeptSite {
    /// Compiles the site as it is now. The result is that of [`compile`](crate::compile()).
    pub fn compile(&mut self, input: Input) -> Compiled {
        let former = std::mem::replace(&mut self.input, input);
        self.parse(&former);
        let Self {
            input,
            parsed,
            types,
            reads,
        } = self;
        let trees = parsed.iter().map(|parsed| Arc::clone(&parsed.tree));
        let mut site = Site::of(input.template_sources().iter().zip(trees).collect());
        let is_naming = compile::names_rust_types(&site);
        let is_same = |(was_naming, _): &mut (bool, CrateTypes)| {
            *was_naming == is_naming && has_same_rust(&former, input)
        };
        let kept = types.take_if(is_same);
        let (_, types) = types.insert(kept.unwrap_or_else(|| (is_naming, compile::types_of(input, &site))));
        let local = parsed.iter().flat_map(|parsed| parsed.problems.iter().cloned());
        let local = local.collect();
        compile::inspect_parsed(input, &mut site, local, types, CheckGoal::Site, Some(reads))
    }

    /// What was compiled last.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Parses the templates that are not as they were in `former`. Places in a tree name its file by its index, so that the same text
    /// counts under the same index only.
    fn parse(&mut self, former: &Input) {
        let (broken, before) = (compile::broken(&self.input), compile::broken(former));
        let kept: Vec<Option<Parsed>> = std::mem::take(&mut self.parsed).into_iter().map(Some).collect();
        let is_same = |index: usize, source: &Source| {
            let id = SourceId(index as u32);
            let known = former.template_sources().get(index);
            broken.contains(&id) == before.contains(&id)
                && known.is_some_and(|known| known.name == source.name && known.text == source.text)
        };
        self.parsed = each(self.input.template_sources(), |index, source| {
            let kept = kept.get(index).and_then(Option::as_ref);
            let id = SourceId(index as u32);
            let kept = kept.filter(|_| is_same(index, source)).cloned();
            kept.unwrap_or_else(|| Parsed::of(id, source, broken.contains(&id)))
        });
    }
}

/// Whether two inputs have the same Rust files.
fn has_same_rust(one: &Input, other: &Input) -> bool {
    let of = |input| {
        let sources = compile::rust_sources(input);
        sources.map(|(id, source)| (id, &source.path, &source.text))
    };
    of(one).eq(of(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: (&str, &str) = (
        "layout.html",
        "<h1>{% block title %}{% endblock %}</h1>{% component tea(name) %}{{ name }}{% endcomponent %}",
    );
    const PAGE: (&str, &str) = (
        "page.html",
        "{% extends \"layout.html\" %}{% block title %}{{ <tea name={title} /> }}{% include \"part.html\" %}{% endblock %}",
    );
    const PART: (&str, &str) = (
        "part.html",
        "<m:fragment ref=\"price\" exports=\"amount\">none</m:fragment>{{ amount }}",
    );
    const PRICE: (&str, &str) = (
        "price.html",
        "<i m:ref=\"price\" m:exports=\"amount: string\" m:attributes=\"lines: list<Line>\">{{ lines[0].name }}</i>",
    );
    const RUST: &str = "struct Line { name: String } #[derive(Page)] #[page(template = \"page.html\")] struct Home { title: String }";

    fn input(templates: &[(&str, &str)], rust: &str) -> Input {
        let sources = templates.iter();
        let sources = sources.map(|(name, text)| Source::new(*name, format!("templates/{name}"), *text));
        let rust = Source::new("main.rs", "src/main.rs", rust);
        Input {
            templates: templates.len(),
            sources: sources.chain([rust]).collect(),
            ..Input::default()
        }
    }

    /// Returns the problems of the site. If none of them is an error, the plan and the interface come with them.
    fn shown(compiled: &Compiled) -> String {
        let site = compiled.site.as_ref().map(|site| (site.plan(), site.interface()));
        format!("{:#?}\n{site:#?}", compiled.problems)
    }

    #[test]
    fn each_change_leads_to_what_a_new_run_finds() {
        let block = ("layout.html", "<h1>{% block head %}{% endblock %}</h1>");
        let component = ("layout.html", "<h1>{% block title %}{% endblock %}</h1>");
        let all = [LAYOUT, PAGE, PART, PRICE];
        let mut site = KeptSite::default();
        assert!(site.compile(input(&all, RUST)).site.is_some(), "it has no errors");
        for (templates, rust) in [
            (&all[..], RUST),
            (&all, RUST),
            // A mistake of Tera's in one file, which is mended again.
            (&[LAYOUT, PAGE, ("part.html", "{{ a b }}"), PRICE], RUST),
            (&[LAYOUT, PAGE, ("part.html", "{{ a"), PRICE], RUST),
            (&all, RUST),
            // What a file says about another one.
            (&[block, PAGE, PART, PRICE], RUST),
            (&[component, PAGE, PART, PRICE], RUST),
            (&all, RUST),
            (&[LAYOUT, PAGE, PRICE], RUST),
            (
                &[LAYOUT, PAGE, PART, ("price.html", "<i m:ref=\"price\">x</i>")],
                RUST,
            ),
            (&[("a.html", "new"), LAYOUT, PAGE, PART, PRICE], RUST),
            // Rust alone.
            (&all, "struct Line { title: String }"),
            (&all, RUST),
            (&[], RUST),
        ] {
            let fresh = crate::compile(&input(templates, rust));
            let compiled = site.compile(input(templates, rust));
            assert_eq!(shown(&compiled), shown(&fresh), "{templates:?}");
            assert_eq!(site.input().templates, templates.len());
        }
    }
}
