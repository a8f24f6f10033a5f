//! Checks the references between files, and those to components.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::short,
    limits::MAX_SUGGESTIONS,
    model::Components,
    problem::{Code, Problem, ProblemCollector},
    site::{Site, references},
    source::Location,
    suggest::nearest,
};

use super::{Syntax, include_cycles::circles};

/// Reports missing files, circles of files, and components that have the same name.
pub(super) fn check(
    site: &Site<'_>,
    components: &Components<'_>,
    skip: &BTreeSet<usize>,
    syntax: &mut Syntax,
) {
    let mut missing_files = 0;
    let mut problems = ProblemCollector::default();
    for (index, file) in site
        .files
        .iter()
        .enumerate()
        .filter(|(index, _)| !skip.contains(index))
    {
        for reference in references(&file.tree) {
            let name = &file.source.text[reference.open.inner.range()];
            // Tera reports a name that is not a text.
            if name.starts_with(['"', '\'', '`']) && site.find(&reference.name).is_none() {
                let look = missing_files < MAX_SUGGESTIONS;
                missing_files += 1;
                problems.push(Code::TemplateSyntax, file.id, || {
                    missing(site, &reference.name, reference.open.span.at(file.id), look)
                });
                syntax.unreadable.insert(index);
            }
        }
    }
    syntax.problems.extend(problems.into_problems());
    let edges: Vec<Vec<usize>> = site.files.iter().map(|file| file.uses.clone()).collect();
    for circle in circles(&edges) {
        syntax.problems.extend(round(site, &circle));
        syntax.unreadable.extend(circle);
    }
    let mut problems = ProblemCollector::default();
    for (name, same) in components.iter() {
        let Some((first, others)) = same.split_first() else {
            continue;
        };
        for other in others {
            let place = |component: &crate::model::Component<'_>| {
                component.section.open.span.at(site.files[component.file].id)
            };
            problems.push(Code::TemplateSyntax, place(other).source, || {
                let message = format!("the component `{}` is defined twice", short(name));
                Problem::new(Code::TemplateSyntax, message, place(other), "defined here again")
                    .label(place(first), "first defined here")
                    .help("components of all files share their names: give one of them another")
            });
        }
    }
    syntax.problems.extend(problems.into_problems());
}

/// `look`: whether to look for the name that was meant.
fn missing(site: &Site<'_>, name: &str, location: Location, look: bool) -> Problem {
    let message = match name {
        "" => "the name of the template is empty".to_owned(),
        name => format!("there is no template `{}`", short(name)),
    };
    let problem = Problem::new(Code::TemplateSyntax, message, location, "not found");
    let names = site.files.iter().map(|file| file.source.name.as_str());
    match look.then(|| nearest(name, names)).flatten() {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if name.is_empty() => problem.help("write the path of a template between the quotes"),
        None => problem.help("a template is named by its path in the template folder, with `/`"),
    }
}

/// The problem of files that include or extend each other, with a label at each step.
fn round(site: &Site<'_>, circle: &[usize]) -> Option<Problem> {
    let name = |file: usize| site.files[file].source.name.as_str();
    let mut steps = circle
        .iter()
        .zip(circle.iter().cycle().skip(1))
        .filter_map(|(from, to)| {
            let file = &site.files[*from];
            let reference = references(&file.tree)
                .into_iter()
                .find(|reference| site.find(&reference.name) == Some(*to))?;
            let verb = if reference.extends { "extends" } else { "includes" };
            Some((
                reference.open.span.at(file.id),
                format!("`{}` {verb} `{}`", name(*from), name(*to)),
            ))
        });
    let (location, label) = steps.next()?;
    let message = format!("`{}` comes round to itself", short(name(*circle.first()?)));
    let problem = Problem::new(Code::TemplateSyntax, message, location, label);
    let problem = steps.fold(problem, |problem, (location, label)| {
        problem.label(location, label)
    });
    Some(problem.help("take one step out of the circle: Tera could never finish the page"))
}
