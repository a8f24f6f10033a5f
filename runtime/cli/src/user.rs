//! `hydra user`: adds, lists, changes and removes the users of a file.

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use hydra_runtime_gateway::{UserFile, UserRecord};

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
/// The settings are those of the gateway: `--login-users`, or `--config` with its file.
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
/// The settings are those of the gateway: `--login-users`, or `--config` with its file.
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Remove a user.
///
/// The settings are those of the gateway: `--login-users`, or `--config` with its file.
#[derive(Debug, Args)]
struct RemoveArgs {
    /// The name
    name: String,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Replace the roles of a user.
///
/// The settings are those of the gateway: `--login-users`, or `--config` with its file.
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
            let unknown = unknown(&name);
            change(settings, |users| users.remove(&name).map(drop).ok_or(unknown))
        }
        UserCommand::Roles(args) => {
            let RolesArgs {
                name,
                roles,
                settings,
            } = *args;
            let unknown = unknown(&name);
            change(settings, |users| {
                users.get_mut(&name).ok_or(unknown)?.roles = roles;
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
    let file = file(args.settings)?;
    file.users().map_err(Stop)?;
    let password = password()?;
    let record = UserRecord::with_password(&password).map_err(|bad| Stop(bad.to_string()))?;
    let record = UserRecord {
        roles: args.roles,
        id: args.id,
        metadata,
        ..record
    };
    let changed = file.change(|users: &mut Users| {
        users.insert(args.name, record);
        Ok(())
    });
    changed.map_err(Stop)
}

fn list(args: ListArgs) -> Result<(), Stop> {
    for (name, record) in file(args.settings)?.users().map_err(Stop)? {
        println!("{name}  {}", record.roles.join(" "));
    }
    Ok(())
}

fn change(settings: SettingsArgs, change: impl FnOnce(&mut Users) -> Result<(), String>) -> Result<(), Stop> {
    file(settings)?.change(change).map_err(Stop)
}

fn unknown(name: &str) -> String {
    format!("there is no user `{name}`")
}

fn file(settings: SettingsArgs) -> Result<UserFile, Stop> {
    let config = gateway::configuration(settings)?;
    let path = config.login_users.ok_or_else(|| {
        Stop(
            "no file of users is set: name it with --login-users, or `login_users` in the file of --config"
                .to_owned(),
        )
    })?;
    Ok(UserFile::new(path))
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
