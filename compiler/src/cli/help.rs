//! `completions` and `man`, both made from the arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{CommandResult, Failure, args::Args, output};

const NAME: &str = "hydra-compile";

/// Prints completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<CommandResult, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), NAME, &mut text);
    print(&text)
}

/// Prints the manual: a page for the program, then one for each command.
pub(crate) fn man() -> Result<CommandResult, Failure> {
    let mut command = Args::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        clap_mangen::Man::new(sub.clone()).render(&mut text)?;
    }
    print(&text)
}

fn print(text: &[u8]) -> Result<CommandResult, Failure> {
    output::print(&String::from_utf8_lossy(text))?;
    Ok(CommandResult::Clean)
}
