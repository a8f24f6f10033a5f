//! `hydra user`: adds, lists, changes and removes users, in a file or in Redis.

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use hydra_runtime_gateway::{UserRecord, UserStore};

use tokio::runtime::Runtime;

use super::{
    Stop,
    gateway::{self, SettingsArgs},
};

/// Add, list, change and remove users.
///
/// Running gateways notice a change within 5 seconds. A user who was changed or removed has to log in again.
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    Add(Box<AddArgs>),
    List(Box<ListArgs>),
    Remove(Box<RemoveArgs>),
    Roles(Box<RolesArgs>),
}

/// Add a user, or change all of a user who is there. The password is asked for, or read as the first line of standard input.
///
/// The settings are those of the gateway: `--login-users` or `--redis`, or `--config` with its file.
#[derive(Debug, Args)]
struct AddArgs {
    /// The name, as it is typed into the login page
    name: String,
    /// A role, in capitals as services know it. The option may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The number of the user, `userId` in tokens
    #[arg(long, value_name = "NUMBER")]
    id: Option<i64>,
    /// What else services may know: a claim of the token. The option may be repeated
    #[arg(long = "metadata", value_name = "NAME=TEXT")]
    metadata: Vec<String>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// List the users with their roles.
///
/// The settings are those of the gateway: `--login-users` or `--redis`, or `--config` with its file.
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Remove a user.
///
/// The settings are those of the gateway: `--login-users` or `--redis`, or `--config` with its file.
#[derive(Debug, Args)]
struct RemoveArgs {
    /// The name
    name: String,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Replace the roles of a user.
///
/// The settings are those of the gateway: `--login-users` or `--redis`, or `--config` with its file.
#[derive(Debug, Args)]
struct RolesArgs {
    /// The name
    name: String,
    /// All roles that the user has from now on
    roles: Vec<String>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs the command.
pub(super) fn run(args: UserArgs) -> Result<(), Stop> {
    match args.command {
        UserCommand::Add(args) => add(*args),
        UserCommand::List(args) => list(*args),
        UserCommand::Remove(args) => {
            let RemoveArgs { name, settings } = *args;
            change(settings, |users| {
                users.remove(&name).map(drop).ok_or_else(|| unknown(&name))
            })
        }
        UserCommand::Roles(args) => {
            let RolesArgs {
                name,
                roles,
                settings,
            } = *args;
            change(settings, |users| {
                let user = users.get_mut(&name).ok_or_else(|| unknown(&name))?;
                user.roles.clone_from(&roles);
                Ok(())
            })
        }
    }
}

type Users = std::collections::BTreeMap<String, UserRecord>;

fn add(args: AddArgs) -> Result<(), Stop> {
    let metadata = args.metadata.iter().map(|pair| {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| format!("--metadata {pair}: write NAME=TEXT"))?;
        Ok((name.to_owned(), text.to_owned()))
    });
    let metadata = metadata.collect::<Result<_, String>>().map_err(Stop)?;
    // First, so that no one types a password in vain.
    let (store, runtime) = (store(args.settings)?, runtime()?);
    runtime.block_on(store.users()).map_err(Stop)?;
    let password = password()?;
    let record = UserRecord::with_password(&password).map_err(|bad| Stop(bad.to_string()))?;
    let record = UserRecord {
        roles: args.roles,
        id: args.id,
        metadata,
        ..record
    };
    let changed = store.change(|users: &mut Users| {
        users.insert(args.name.clone(), record.clone());
        Ok(())
    });
    runtime.block_on(changed).map_err(Stop)
}

fn list(args: ListArgs) -> Result<(), Stop> {
    let store = store(args.settings)?;
    for (name, record) in runtime()?.block_on(store.users()).map_err(Stop)? {
        println!("{name}  {}", record.roles.join(" "));
    }
    Ok(())
}

fn change(settings: SettingsArgs, change: impl Fn(&mut Users) -> Result<(), String>) -> Result<(), Stop> {
    let store = store(settings)?;
    runtime()?.block_on(store.change(change)).map_err(Stop)
}

/// The runtime of a command. Connections to Redis live in it.
fn runtime() -> Result<Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Stop(error.to_string()))
}

fn unknown(name: &str) -> String {
    format!("there is no user `{name}`")
}

fn store(settings: SettingsArgs) -> Result<UserStore, Stop> {
    let config = gateway::configuration(settings)?;
    UserStore::of(&config).map_err(|error| Stop(error.to_string()))
}

/// Asks for the password twice, or reads the first line of standard input.
fn password() -> Result<String, Stop> {
    let unreadable = |error: io::Error| Stop(format!("the password can't be read: {error}"));
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(unreadable)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first = rpassword::prompt_password("Password: ").map_err(unreadable)?;
    let second = rpassword::prompt_password("The same again: ").map_err(unreadable)?;
    if first != second {
        return Err(Stop("the passwords differ".to_owned()));
    }
    Ok(first)
}
