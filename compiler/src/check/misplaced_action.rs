#![doc = include_str!("../explain/misplaced-action.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    limits::MAX_FORM_FIELDS,
    model::{FormUse, UnitKind},
    problem::{Code, Problem, counted},
    site::File,
    source::{Location, Span},
    tree::{Form, FragmentNode, Offer},
};

use super::rule_input::RuleInput;

/// The forms that can't be sent where they stand in their file.
pub(super) fn check(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let forms = file.tree.forms.iter();
    counted(forms.filter_map(|form| {
        let found = not_a_form(file, form)
            .or_else(|| unclosed(file, form))
            .or_else(|| in_fallback(file, form, fragments))
            .or_else(|| of_two_fragments(file, form))
            .or_else(|| moved_out(file, form));
        found
            .or_else(|| clashing(file, form))
            .or_else(|| too_large(file, form))
    }))
}

/// The forms that can't be sent from the page, fragment or component that they are a part of.
pub(super) fn check_page(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    counted(input.page.forms.iter().filter_map(|used| {
        let (reason, help) = refusal(input, used)?;
        let message = format!("the form `{}` {reason}", short(&used.form.action.value));
        let place = used.form.attribute.at(used.source);
        let problem = problem(message, place, "this form can't be sent").help(help);
        Some(input.with_include_chain(problem, &used.include_chain))
    }))
}

/// Why a form can't be sent from where it is used, and what to do about it.
fn refusal(input: &RuleInput<'_, '_>, used: &FormUse<'_>) -> Option<(String, &'static str)> {
    let name = short(input.page_name());
    let file = input.site.files.get(used.source.0 as usize)?;
    let is_here =
        |offer: &Offer| used.source.0 as usize == input.unit.file && offer.span.contains(used.form.open);
    match input.unit.kind {
        UnitKind::Offer(offer) if is_here(offer) => None,
        _ if file.tree.is_offered(used.form.open) => Some((
            format!("is a part of `{name}` here, which does not ask for its fragment"),
            "move the element with `m:ref` to a file of its own, and show it with `<m:fragment ref=\"…\">`",
        )),
        // Of the pages that show a layout or an include, one with a Rust type is enough: it is the application that has the handler.
        UnitKind::Page if !input.typed.contains(&(used.source.0 as usize)) => Some((
            format!("belongs to no fragment, and `{name}` has no Rust type"),
            "put it into the element with `m:ref`, in the same file, or make the page with a Rust type: a form of a page needs a \
             handler in Rust",
        )),
        UnitKind::Page => None,
        UnitKind::Offer(_) => Some((
            format!("is a part of a fragment in `{name}`, and stands in another file"),
            "write it in the element with `m:ref`, in the same file: files that a fragment includes have no forms of it",
        )),
        UnitKind::Components => Some((
            "stands in a component".to_owned(),
            "write it in the page or the fragment, or in a file that these include",
        )),
    }
}

fn problem(message: impl Into<String>, place: Location, label: &'static str) -> Problem {
    Problem::new(Code::MisplacedAction, message, place, label)
}

fn not_a_form(file: &File<'_>, form: &Form) -> Option<Problem> {
    (!form.is_form).then(|| {
        let message = "`m:action` stands on an element that is not a `<form>`";
        let problem = problem(message, form.attribute.at(file.id), "not on a form");
        problem.help("write it on the `<form>` whose fields are sent")
    })
}

fn unclosed(file: &File<'_>, form: &Form) -> Option<Problem> {
    form.end.is_none().then(|| {
        let message = "this `<form>` is never closed";
        Problem::new(Code::UnclosedTag, message, form.open.at(file.id), "opened here")
            .help("write `</form>` behind its last field")
    })
}

fn in_fallback(file: &File<'_>, form: &Form, fragments: &[&FragmentNode]) -> Option<Problem> {
    let around = fragments.iter().find(|node| node.span.contains(form.open))?;
    let message = format!("the form `{}` stands in a fallback", short(&form.action.value));
    let problem = problem(message, form.attribute.at(file.id), "this form can't be sent");
    let problem = problem.label(around.open.at(file.id), "in the fallback of this fragment");
    Some(problem.help("make it a fragment of its own, with `m:ref`, and show that in the fallback"))
}

/// The fragment of a form is the element with `m:ref` around it, or the form itself.
fn of_two_fragments(file: &File<'_>, form: &Form) -> Option<Problem> {
    let offers = file.tree.offers.iter();
    let around: Vec<Span> = offers
        .filter(|offer| offer.span.contains(form.open))
        .map(|offer| offer.open)
        .collect();
    let action = short(&form.action.value);
    let place = form.attribute.at(file.id);
    let [first, second, ..] = around[..] else {
        return None;
    };
    let message = format!("the form `{action}` belongs to two fragments");
    let problem = problem(message, place, "whose form is it?");
    let problem = problem.label(first.at(file.id), "a fragment");
    let problem = problem.label(second.at(file.id), "a fragment in it");
    Some(problem.help("leave out the `m:ref` of one of them"))
}

fn moved_out(file: &File<'_>, form: &Form) -> Option<Problem> {
    let table = form.table?;
    let message = format!(
        "HTML moves the form `{}` out of the table",
        short(&form.action.value)
    );
    let problem = problem(
        message,
        form.attribute.at(file.id),
        "its fields would not be in it",
    );
    let problem = problem.label(table.at(file.id), "a child of this element");
    Some(problem.help("put the whole table into the form, or the form into a `<td>`"))
}

fn clashing(file: &File<'_>, form: &Form) -> Option<Problem> {
    let name = *form.clashing.first()?;
    let shown = short(file.source.slice(name));
    let message = format!("this form has `{shown}`, which `m:action` writes itself");
    let problem = Problem::new(Code::DuplicateAttribute, message, name.at(file.id), "here again");
    let problem = problem.label(form.attribute.at(file.id), "written by this");
    Some(problem.help(format!("leave `{shown}` out")))
}

fn too_large(file: &File<'_>, form: &Form) -> Option<Problem> {
    form.is_too_large.then(|| {
        let message = format!("this form has more than {MAX_FORM_FIELDS} fields");
        let problem = Problem::new(Code::TooDeep, message, form.open.at(file.id), "too many fields");
        problem.help("give fields that belong together one name: they are sent as a list")
    })
}
