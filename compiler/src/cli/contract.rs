//! `diff`: the tags that a changed contract breaks.

use hydra_compile::{diff, graph::Graph, read};

use super::{
    CommandResult, Failure,
    args::{DiffArgs, SiteArgs},
    check, output, site,
};

/// Prints the changes from one contract to another.
pub(crate) fn diff(args: &DiffArgs) -> Result<CommandResult, Failure> {
    let (old, new) = (read::contract(&args.old)?, read::contract(&args.new)?);
    let site_given = !args.templates.is_empty();
    let mut graph = Graph::default();
    if site_given {
        let site = SiteArgs {
            paths: args.templates.clone(),
            options: args.options.clone(),
        };
        let (input, compiled) = check::run(&site)?;
        let Some(site) = &compiled.site else {
            return Ok(site::refuse(&input, &compiled));
        };
        graph = site.graph();
    }
    let changes = diff::diff(&old, &new, &graph);
    let text = if args.json {
        // Strings and numbers alone can't fail to be written.
        serde_json::to_string_pretty(&changes).unwrap_or_default() + "\n"
    } else {
        diff::render(&changes, site_given)
    };
    output::print(&text)?;
    Ok(if diff::breaks(&changes, site_given) {
        CommandResult::Problems
    } else {
        CommandResult::Clean
    })
}
