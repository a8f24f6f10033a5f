//! `hydra keys`: lists and rotates the keys that sign login tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use hydra_runtime_gateway::{KeyRecord, LoginKeyStore};

use super::{
    Stop,
    gateway::{self, SettingsArgs},
};

/// List and rotate the keys that sign logins.
///
/// Running gateways notice a new key within 5 seconds. It signs a minute later, when all services know it, and no visitor is logged out.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// List the keys, oldest first, with the time from which each signs.
    ///
    /// The settings are those of the gateway: `--login-keys`, or `--config` with its file.
    List(Box<PlaceArgs>),
    /// Make the next key.
    ///
    /// The settings are those of the gateway: `--login-keys`, or `--config` with its file.
    Rotate(Box<PlaceArgs>),
}

#[derive(Debug, Args)]
struct PlaceArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Runs the command.
pub(super) fn run(args: KeysArgs) -> Result<(), Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop(error.to_string()))?;
    runtime.block_on(async {
        match args.command {
            KeysCommand::List(place) => {
                let records = store(*place)?.records().await.map_err(Stop)?;
                if records.is_empty() {
                    println!("there is no key yet: the gateway makes the first one");
                }
                for record in &records {
                    println!("{}", line(record, SystemTime::now()));
                }
            }
            KeysCommand::Rotate(place) => {
                let record = store(*place)?.rotate().await.map_err(Stop)?;
                println!("{}", line(&record, SystemTime::now()));
            }
        }
        Ok(())
    })
}

fn store(place: PlaceArgs) -> Result<LoginKeyStore, Stop> {
    let config = gateway::configuration(place.settings)?;
    LoginKeyStore::of(&config).map_err(|error| Stop(error.to_string()))
}

/// The line that describes a key. It contains nothing of the private key.
fn line(record: &KeyRecord, now: SystemTime) -> String {
    let KeyRecord {
        generation,
        created,
        signs_from,
        ..
    } = record;
    let kid = record
        .pair()
        .map_or_else(|| "unreadable".to_owned(), |pair| pair.kid().to_owned());
    let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let signs = match signs_from.checked_sub(now) {
        None | Some(0) => "signs since then".to_owned(),
        Some(seconds) => format!("signs in {seconds} s"),
    };
    format!(
        "key {generation}  {kid}  made {}  {signs}",
        age(now.saturating_sub(*created))
    )
}

/// How long ago something was, in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, expected) in [
            (0, "0 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (86_399, "23 h ago"),
            (86_400 * 90, "90 days ago"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
