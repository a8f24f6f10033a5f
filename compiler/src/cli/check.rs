//! `check`: all problems of all templates.

use hydra_compile::{
    Compiled, Input, compile, read,
    report::{self, Findings, Format, ReportStyle},
};

use super::{
    CommandResult, Failure,
    args::{CheckArgs, SiteArgs},
    output, progress,
};

/// Checks once and prints the report.
pub(crate) fn check(args: &CheckArgs) -> Result<CommandResult, Failure> {
    let input = read(&args.site)?;
    // The report needs no more than the problems: what else a site is made of may be large.
    let problems = hydra_compile::compile::check(&input);
    let compiled = Compiled { problems, site: None };
    output::print(&render(&input, &compiled, args.format.into(), args.style.style()))?;
    mention_drafts(&input);
    Ok(if compiled.has_errors() {
        CommandResult::Problems
    } else {
        CommandResult::Clean
    })
}

/// Says beside the report which contracts are drafts.
fn mention_drafts(input: &Input) {
    for (service, known) in input.contracts.iter().filter(|(_, known)| known.contract.draft) {
        output::complain(&format!(
            "the contract of `{service}` is a draft: it says what these pages use, and not what the service offers. Take out \
             `\"draft\": true` when it is right"
        ));
        let mut fragments = known.contract.fragments.iter();
        if let Some((reference, _)) = fragments.find(|(_, fragment)| !fragment.exports.is_empty()) {
            output::complain(&format!(
                "the draft names exports of the fragment `{reference}`: a service of protocol 1 has none"
            ));
        }
    }
}

/// Reads and compiles a site.
pub(crate) fn run(site: &SiteArgs) -> Result<(Input, Compiled), Failure> {
    let input = read(site)?;
    let compiled = compile(&input);
    Ok((input, compiled))
}

fn read(site: &SiteArgs) -> Result<Input, Failure> {
    let shown = progress::show();
    Ok(read::read(&site.places(), site.options(), &shown.progress)?)
}

/// The report of a run.
pub(crate) fn render(input: &Input, compiled: &Compiled, format: Format, style: ReportStyle) -> String {
    let findings = Findings {
        problems: &compiled.problems,
        sources: &input.sources,
        templates: input.templates,
    };
    report::render(findings, format, style)
}
