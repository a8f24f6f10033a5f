#![doc = include_str!("../explain/form-with-base.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    model::UnitKind,
    parse::{TagAttribute, elements},
    problem::{Code, Problem, counted},
    site::File,
    source::{Location, Span},
    tag_prefix,
};

use super::{
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, with_offer_label},
};

const HELP: &str = "remove the `<base>`, and write links of the page with a leading `/`";

/// The forms of a page, and of its fragments, whose relative addresses lead elsewhere.
pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let with_form = input.contract_lookups().filter_map(|(tag, lookup)| match lookup {
        ContractLookup::Fragment(contract, place) if !contract.actions.is_empty() => Some((tag, place)),
        _ => None,
    });
    let mut with_form = with_form.peekable();
    let own = match input.unit.kind {
        UnitKind::Page => input.page.forms.as_slice(),
        UnitKind::Offer(_) | UnitKind::Components => &[],
    };
    if with_form.peek().is_none() && own.is_empty() {
        return Vec::new();
    }
    let Some(base) = base_of(input) else {
        return Vec::new();
    };
    let own = own.iter().map(|used| {
        let message = format!(
            "the page has the form `{}` and a `<base>`",
            short(&used.form.action.value)
        );
        let place = used.form.attribute.at(used.source);
        let problem = problem(message, place, base);
        input.with_include_chain(problem, &used.include_chain).help(HELP)
    });
    let of_fragments = with_form.map(|(tag, place)| {
        let message = format!("{} has a form, and the page has a `<base>`", input.title(tag));
        let problem = problem(message, tag.location(), base);
        let problem = input.with_include_chain(problem, &tag.include_chain);
        with_offer_label(problem, place).help(HELP)
    });
    counted(own.chain(of_fragments))
}

fn problem(message: String, place: Location, base: Location) -> Problem {
    let label = "its form is sent to the address of the `<base>`";
    Problem::new(Code::FormWithBase, message, place, label).label(base, "stated here")
}

/// The first `<base>` with an address in the files of a page.
fn base_of(input: &RuleInput<'_, '_>) -> Option<Location> {
    let files = input.site.closure(input.unit.file);
    let mut files = files.iter().filter_map(|file| input.site.files.get(*file));
    files.find_map(|file| base(file).map(|span| span.at(file.id)))
}

fn base(file: &File<'_>) -> Option<Span> {
    let text = &*file.source.text;
    let may_have = ["<base", "<BASE", "<Base"]
        .iter()
        .any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some());
    if !may_have {
        return None;
    }
    let is = |span: Span, name: &str| {
        let found = text.get(span.range());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    let has_address = |attributes: &[TagAttribute]| attributes.iter().any(|one| is(one.name, "href"));
    let all = elements(text, tag_prefix::prefix(text)).into_iter();
    let mut found =
        all.filter(|element| is(element.tag.name, "base") && has_address(&element.tag.attributes));
    found.next().map(|element| element.tag.span)
}
