//! `explain`: the documentation of a code.

use hydra_compile::{explain, problem::Code, suggest};

use super::{CommandResult, Failure, args::ExplainArgs, output};

/// Prints the documentation of a rule, or the list of all.
pub(crate) fn explain(args: &ExplainArgs) -> Result<CommandResult, Failure> {
    let Some(name) = &args.code else {
        output::print(&explain::list())?;
        return Ok(CommandResult::Clean);
    };
    let code = Code::from_name(name).ok_or_else(|| unknown(name))?;
    output::print(explain::text(code))?;
    Ok(CommandResult::Clean)
}

fn unknown(name: &str) -> Failure {
    let near = suggest::nearest(name, Code::ALL.iter().map(|code| code.name()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`hydra-compile explain` lists all".to_owned(),
    };
    Failure(format!("there is no code `{name}`; {hint}"))
}
