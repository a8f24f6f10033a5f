//! `hydra new`: makes an installation with two services, or adds a service to one.

mod crates;
mod files;
mod names;
mod workspace;
mod write;

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use self::{crates::Crates, names::ServiceNames};
use super::Stop;

/// Make an installation with a page, a fragment and their tests, or add a service to one.
///
/// `hydra new shop` makes the folder `shop` with two services: `site` has a page, and `teas` a fragment that the page shows.
/// `hydra new --service blog`, in that folder, adds the service `blog`. Both build and pass their tests as they are, and overwrite nothing.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The name of the installation, and of its folder
    #[arg(value_name = "NAME", required_unless_present = "service")]
    name: Option<String>,
    /// Add a service of this name to the installation in the working directory
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "hydra"])]
    service: Option<String>,
    /// Where the crates of Hydra are: the folder of a clone, or a git address [default: the clone that this program was built from]
    #[arg(long, value_name = "FOLDER|ADDRESS")]
    hydra: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &NewArgs) -> Result<(), Stop> {
    let here = env::current_dir().map_err(|error| Stop(format!("the working directory: {error}")))?;
    let said = match (&args.service, &args.name) {
        (Some(service), _) => add_service(service, &here)?,
        (None, Some(name)) => make_installation(name, args.hydra.as_deref(), &here)?,
        (None, None) => return Err(Stop("name the installation: `hydra new shop`".to_owned())),
    };
    // A reader that has gone away does not matter: the files are there.
    let _ = io::stdout().lock().write_all(said.as_bytes());
    Ok(())
}

/// Makes an installation in `folder`. Returns what to say.
fn make_installation(name: &str, hydra: Option<&str>, folder: &Path) -> Result<String, Stop> {
    names::check_installation(name).map_err(Stop)?;
    let crates = match hydra {
        Some(place) => Crates::named(place, folder).map_err(Stop)?,
        None => Crates::of_this_build().map_err(Stop)?,
    };
    let files = files::installation(name, &crates);
    write::new_folder(&folder.join(name), folder, &files)?;
    Ok(format!(
        "Made `{name}`: the service `site` has a page, and `teas` the fragment that it shows. The crates of Hydra are not published \
         yet: `{name}/Cargo.toml` names them by {}.\n\n    cd {}\n    cargo test\n\n`{name}/README.md` says how to start it.\n",
        crates.way(),
        in_a_shell(name)
    ))
}

/// A name as a shell reads it. Names contain no quotes.
fn in_a_shell(name: &str) -> String {
    match name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    {
        true => name.to_owned(),
        false => format!("'{name}'"),
    }
}

/// Adds a service to the installation around `folder`. Returns what to say.
fn add_service(name: &str, folder: &Path) -> Result<String, Stop> {
    let names = ServiceNames::of(name).map_err(Stop)?;
    let root = workspace::find(folder)?;
    let place = PathBuf::from(workspace::SERVICES).join(&names.package);
    write::new_folder(&root.join(&place), &root, &files::service(&names))?;
    let (shown, package, service) = (place.display(), &names.package, &names.service);
    Ok(format!(
        "Made `{shown}`: the service `{service}` has the page `/{service}`, and the fragment `latest`.\n\n    \
         cargo test --package {package}\n\nThe contract of its fragment, for a service whose pages show it, in the folder of the \
         installation:\n\n    hydra-compile contract --service {service} {shown}/templates > services/site/contracts/{service}.json\n"
    ))
}
