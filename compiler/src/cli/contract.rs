//! `diff`: the tags that a changed contract breaks. `draft-contract`: a first contract of a service that has none.

use hydra_compile::{
    diff,
    draft::{self, Unused},
    graph::Graph,
    read,
};

use super::{
    CommandResult, Failure,
    args::{DiffArgs, DraftArgs, SiteArgs},
    check, output, site,
};

/// Prints the draft of a contract.
pub(crate) fn draft(args: DraftArgs) -> Result<CommandResult, Failure> {
    // Neither an old contract of the service nor a missing one may stand in the way.
    let (input, compiled) = check::run(&args.site.without_contracts())?;
    let Some(site) = &compiled.site else {
        return Ok(site::refuse(&input, &compiled));
    };
    let owner = &args.owner;
    let contract = draft::contract(site, owner).map_err(|Unused { nearest }| {
        let nearest = nearest
            .map(|near| format!(": did you mean `{near}`?"))
            .unwrap_or_default();
        Failure(format!(
            "no tag of these templates names the service `{owner}`{nearest}"
        ))
    })?;
    // Text, numbers and JSON values alone can't fail to be written.
    output::print(&(serde_json::to_string_pretty(&contract).unwrap_or_default() + "\n"))?;
    Ok(CommandResult::Clean)
}

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
