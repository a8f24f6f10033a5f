//! Arguments in, exit status out: 0 clean, 1 problems of severity error, 2 wrong usage or unreadable input.

mod args;
mod check;
mod contract;
mod explain;
mod help;
mod lsp;
mod output;
mod progress;
mod site;
mod watch;

use std::{fmt, process::ExitCode};

use clap::Parser;

use args::{Args, Command};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommandResult {
    /// Nothing is wrong.
    Clean,
    /// Problems of severity error, or a change that breaks pages.
    Problems,
}

/// Why a command could not do its work.
#[derive(Debug)]
struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(error.to_string())
    }
}

/// Runs the program with the arguments of the process.
pub(crate) fn run() -> ExitCode {
    match command(Args::parse().command) {
        Ok(CommandResult::Clean) => ExitCode::SUCCESS,
        Ok(CommandResult::Problems) => ExitCode::from(1),
        Err(Failure(message)) => {
            output::complain(&message);
            ExitCode::from(2)
        }
    }
}

fn command(command: Command) -> Result<CommandResult, Failure> {
    match command {
        Command::Check(args) if args.watch => watch::watch(&args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Graph(args) => site::graph(&args),
        Command::Contract(args) => site::contract(&args),
        Command::DraftContract(args) => contract::draft(args),
        Command::Diff(args) => contract::diff(&args),
        Command::Lower(args) => site::lower(&args),
        Command::Lsp => lsp::lsp(),
        Command::Completions { shell } => help::completions(shell),
        Command::Man => help::man(),
    }
}
