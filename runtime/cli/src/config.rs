//! `hydra config`: checks a `hydra.toml`, and shows what one may contain.

mod example;
mod schema;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use hydra_runtime::settings::{Settings, SettingsError};
use hydra_runtime_gateway::Gateway;

use super::{
    Stop,
    gateway::{self, SettingsArgs},
    report, serve,
};

/// The file that is checked if none is named.
const FILE: &str = "hydra.toml";

/// Check a hydra.toml, or show what it may contain.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Box<CheckArgs>),
    /// Print a hydra.toml with every setting, its default and its meaning; all of them are commented out
    Example,
    /// Print the JSON schema of hydra.toml, with which editors complete and check it
    Schema,
}

/// Check every section of a hydra.toml, and the files that it names.
///
/// The gateway's settings are checked together with the flags and environment variables, as `hydra gateway` would use them.
/// The status is 0 if the file is good, and 2 otherwise.
#[derive(Debug, Args)]
struct CheckArgs {
    /// The file [default: that of --config, or hydra.toml]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Settings of the gateway")]
    settings: SettingsArgs,
}

/// Runs the subcommand.
pub(super) fn run(args: ConfigArgs) -> Result<(), Stop> {
    match args.command {
        Command::Check(args) => check(*args),
        Command::Example => print(example::TEXT),
        Command::Schema => print(&schema::text()),
    }
}

fn print(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // The reader, such as `head`, needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Stop(error.to_string())),
    }
}

fn check(args: CheckArgs) -> Result<(), Stop> {
    let mut settings = args.settings;
    let path = args
        .file
        .or(settings.config.take())
        .unwrap_or_else(|| FILE.into());
    settings.config = Some(path.clone());
    let text = fs::read_to_string(&path)
        .map_err(|error| Stop(format!("cannot read {}: {error}", path.display())))?;
    let mut found: Vec<Stop> = Vec::new();
    for checked in [
        gateway_part(settings),
        serve::check(&path, &text),
        app_part(&path, &text),
        compiler_part(&path, &text),
    ] {
        // What is wrong with the file as TOML is wrong for each program.
        found.extend(checked.err().filter(|stop| !found.contains(stop)));
    }
    if found.is_empty() {
        return print(&format!("{}: good\n", path.display()));
    }
    let found: Vec<String> = found.into_iter().map(|Stop(text)| text).collect();
    Err(Stop(found.join("\n")))
}

fn gateway_part(settings: SettingsArgs) -> Result<(), Stop> {
    let config = gateway::configuration(settings)?;
    let certificates = config
        .listen
        .iter()
        .try_for_each(|listener| listener.load_certificates().map(|_| ()));
    // Making a gateway reads the files that the settings name; it opens no port and connects to nothing.
    certificates
        .and_then(|()| Gateway::new(config).map(|_| ()))
        .map_err(|error| Stop(error.to_string()))
}

fn app_part(path: &Path, text: &str) -> Result<(), Stop> {
    match Settings::check_file(path, text) {
        Ok(()) => Ok(()),
        Err(SettingsError::File { path, problem }) => Err(report::settings_file(&path, &problem)),
        Err(error) => Err(Stop(format!("[app]: {error}"))),
    }
}

fn compiler_part(path: &Path, text: &str) -> Result<(), Stop> {
    match hydra_compile::read::settings_problem(text) {
        Some(problem) => Err(report::settings_file(path, &problem)),
        None => Ok(()),
    }
}
