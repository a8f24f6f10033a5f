//! The program `hydra`: its command line, and the way it ends.

mod ask;
mod config;
mod debug_link;
mod dev;
mod gateway;
mod keys;
mod link;
mod new;
mod operators;
mod process;
mod report;
mod serve;
mod user;
mod watch;

use std::{
    fmt,
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use hydra_runtime::logs::{self, Format, Logs};
use tracing_subscriber::filter::Targets;

/// For buffers of a few KB, which every fragment and every page takes, the system's allocator looks through lists that many
/// threads and sizes share.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pages made of fragments from separately deployed services, and the gateway between them.
#[derive(Debug, Parser)]
#[command(name = "hydra", version, arg_required_else_help = true)]
struct Cli {
    /// What to log: a level (error, warn, info, debug, trace), or levels by module (`info,hydra_runtime=debug`)
    #[arg(
        long,
        global = true,
        env = "HYDRA_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Gateway(Box<gateway::GatewayArgs>),
    Serve(Box<serve::ServeArgs>),
    Dev(Box<dev::DevArgs>),
    New(new::NewArgs),
    Config(config::ConfigArgs),
    Keys(keys::KeysArgs),
    User(user::UserArgs),
    Services(ask::ServicesArgs),
    Routes(ask::RoutesArgs),
    Trace(ask::TraceArgs),
    Weights(ask::steer::WeightsArgs),
    Drain(ask::steer::DrainArgs),
    Preview(ask::preview::PreviewArgs),
    DebugLink(Box<debug_link::DebugLinkArgs>),
    /// Checks a folder for `hydra serve`, and writes its plan.
    #[command(name = serve::compile::COMMAND, hide = true)]
    CompileSite(serve::compile::CompileArgs),
    /// Ends the services of a `hydra dev` that was killed.
    #[command(name = dev::guard::COMMAND, hide = true)]
    DevGuard,
}

/// Why the program could not run. The text is for the person who started it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stop(String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs the program. It ends with status 2 if its settings do not allow it to run.
fn main() -> ExitCode {
    let cli = Cli::parse();
    // The guard lives until the end of the program, so that the last lines are written.
    let logs = start_log(&cli.log);
    let done = logs
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|_| match cli.command {
            Command::Gateway(args) => gateway::run(*args),
            Command::Serve(args) => serve::run(*args),
            Command::Dev(args) => dev::run(*args),
            Command::New(args) => new::run(&args),
            Command::Config(args) => config::run(args),
            Command::Keys(args) => keys::run(args),
            Command::User(args) => user::run(args),
            Command::Services(args) => ask::services(&args),
            Command::Routes(args) => ask::routes(&args),
            Command::Trace(args) => ask::trace(&args),
            Command::Weights(args) => ask::steer::weights(&args),
            Command::Drain(args) => ask::steer::drain(&args),
            Command::Preview(args) => ask::preview::preview(&args),
            Command::DebugLink(args) => debug_link::run(*args),
            Command::CompileSite(args) => serve::compile::run(&args),
            Command::DevGuard => {
                dev::guard::run();
                Ok(())
            }
        });
    drop(logs);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("hydra: {stop}");
            ExitCode::from(2)
        }
    }
}

/// Starts the log on standard error: standard output is for other programs.
fn start_log(filter: &str) -> Result<Option<Logs>, Stop> {
    let levels: Targets = filter
        .parse()
        .map_err(|error| Stop(format!("--log {filter}: {error}")))?;
    let format = Format::Text {
        ansi: io::stderr().is_terminal(),
        target: true,
    };
    Ok(logs::start(levels, format))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
