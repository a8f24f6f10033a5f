//! `graph`, `contract` and `lower`: commands that print a part of a checked site.

use std::io::IsTerminal;

use hydra_compile::{
    CheckedSite, Compiled, Input, compile, graph, read,
    report::{Format, ReportStyle},
};

use super::{
    CommandResult, Failure,
    args::{GraphArgs, LowerArgs, SiteArgs},
    check,
    output::{self, Color},
    progress,
};

/// Prints the graph of pages and fragments.
pub(crate) fn graph(args: &GraphArgs) -> Result<CommandResult, Failure> {
    with_site(&args.site, |site| {
        graph::render(&site.graph(), args.format.into())
    })
}

/// Prints the contract of this service.
pub(crate) fn contract(args: &SiteArgs) -> Result<CommandResult, Failure> {
    with_site(args, |site| {
        // Text, numbers and JSON values alone can't fail to be written.
        serde_json::to_string_pretty(site.contract()).unwrap_or_default() + "\n"
    })
}

/// Prints a template as it reaches Tera.
pub(crate) fn lower(args: &LowerArgs) -> Result<CommandResult, Failure> {
    let shown = progress::show();
    let site = SiteArgs::of(vec![args.file.clone()]);
    if args.file.is_dir() {
        return Err(Failure(format!(
            "`{}` is a folder: name one template",
            args.file.display()
        )));
    }
    let input = read::read(&site.places(), site.options(), &shown.progress)?;
    drop(shown);
    match compile::lower(&input) {
        Ok(text) => output::print(&text).map(|()| CommandResult::Clean),
        Err(problems) => Ok(refuse(&input, &Compiled { problems, site: None })),
    }
}

/// Compiles a site and prints what `show` makes of it. A site with errors gets a report on standard error instead.
fn with_site(args: &SiteArgs, show: impl Fn(&CheckedSite) -> String) -> Result<CommandResult, Failure> {
    let (input, compiled) = check::run(args)?;
    match &compiled.site {
        Some(site) => output::print(&show(site)).map(|()| CommandResult::Clean),
        None => Ok(refuse(&input, &compiled)),
    }
}

/// Reports why there is no result, beside the standard output that others read.
pub(crate) fn refuse(input: &Input, compiled: &Compiled) -> CommandResult {
    let color = std::io::stderr().is_terminal() && output::is_colored(Color::Auto);
    let style = ReportStyle {
        width: 80,
        color,
        unicode: output::is_unicode(),
    };
    output::complain(&format!(
        "the templates have errors\n\n{}",
        check::render(input, compiled, Format::Human, style)
    ));
    CommandResult::Problems
}
