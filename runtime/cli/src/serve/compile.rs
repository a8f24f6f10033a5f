//! Checks the folder and makes its plan, in a process of its own: its memory is freed when it ends, and a template
//! that crashes it does not end the site.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    env,
    hash::{Hash as _, Hasher as _},
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;
use hydra_compile::{
    Compiled, Input, Options, compile,
    problem::Problem,
    read::{self, InputPaths, Progress, SitePaths},
    report::{self, Findings, Format, ReportStyle},
};
use hydra_contract::{Plan, Type};
use serde::{Deserialize, Serialize};

use super::{Folder, Stop};

/// The name of the subcommand that checks. Only `hydra serve` and `hydra dev` call it.
pub(crate) const COMMAND: &str = "compile-site";

/// What to check.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompileArgs {
    /// The folder with the templates, or that of a crate.
    templates: PathBuf,
    /// Whether it is the folder of a crate, whose build script names the folders.
    #[arg(long = "crate", conflicts_with = "contracts")]
    is_crate: bool,
    /// The folder with the contracts of other services.
    #[arg(long)]
    contracts: Option<PathBuf>,
    /// Whether the report has colours.
    #[arg(long)]
    color: bool,
}

/// A folder without errors.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Checked {
    /// The name of the service, if the settings have one.
    pub(super) service: Option<String>,
    pub(crate) plan: Plan,
    /// The attributes that pages state, by template and by their names in Tera.
    pub(super) stated: BTreeMap<String, BTreeMap<String, Type>>,
    /// Stands for what a program that was built with this site depends on. It is 0 if the folder is not a crate.
    pub(crate) interface: u64,
    /// The report of warnings, or an empty text.
    pub(crate) warnings: String,
}

/// The plan of a folder, or the report of its errors.
pub(super) fn compiled(folder: &Folder) -> Result<Checked, String> {
    compiled_by(&CompileArgs {
        templates: folder.templates.clone(),
        is_crate: false,
        contracts: folder.contracts.clone(),
        color: io::stderr().is_terminal(),
    })
}

/// The plan of the crate in a folder, or the report of the errors in its templates. Its build script must be one that
/// [`SitePaths::of_crate`] can read.
pub(crate) fn compiled_crate(folder: &Path) -> Result<Checked, String> {
    compiled_by(&CompileArgs {
        templates: folder.to_owned(),
        is_crate: true,
        contracts: None,
        color: io::stderr().is_terminal(),
    })
}

fn compiled_by(args: &CompileArgs) -> Result<Checked, String> {
    match elsewhere(args) {
        Ok(checked) => checked,
        Err(error) => {
            tracing::debug!(%error, "no process for the check of the templates: it runs in this one");
            here(args)
        }
    }
}

/// Checks in another process. The error: the process could not be started.
fn elsewhere(args: &CompileArgs) -> io::Result<Result<Checked, String>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(COMMAND);
    if let Some(contracts) = &args.contracts {
        command.arg("--contracts").arg(contracts);
    }
    for (flag, is_set) in [("--crate", args.is_crate), ("--color", args.color)] {
        if is_set {
            command.arg(flag);
        }
    }
    // The folder's name may begin with a dash.
    command.arg("--").arg(&args.templates);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let ended_early = |_| {
        Err(format!(
            "the check of the templates ended early: {}",
            output.status
        ))
    };
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(ended_early))
}

/// Checks, and writes the result to standard output.
pub(crate) fn run(args: &CompileArgs) -> Result<(), Stop> {
    serde_json::to_writer(io::stdout().lock(), &here(args)).map_err(|error| Stop(error.to_string()))
}

fn here(args: &CompileArgs) -> Result<Checked, String> {
    let input = match args.is_crate {
        true => crate_input(&args.templates)?,
        false => {
            let places = InputPaths {
                templates: vec![args.templates.clone()],
                contracts: args.contracts.clone(),
                rust: None,
            };
            read::read(&places, Options::default(), &Progress::default())
                .map_err(|error| error.to_string())?
        }
    };
    let Compiled { problems, site } = compile(&input);
    let report = |problems: &[Problem]| rendered(problems, &input, args.color);
    let Some(site) = site else {
        return Err(format!("\n{}", report(&problems)));
    };
    Ok(Checked {
        interface: if args.is_crate { hash(&site.interface()) } else { 0 },
        service: input.options.service.clone(),
        plan: site.plan().clone(),
        stated: site.stated().clone(),
        warnings: if problems.is_empty() {
            String::new()
        } else {
            report(&problems)
        },
    })
}

/// The same in each process of this program.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn crate_input(folder: &Path) -> Result<Input, String> {
    let Some(paths) = SitePaths::of_crate(folder) else {
        return Err(format!(
            "`{}` has no build script with the folder of its templates",
            folder.display()
        ));
    };
    paths.input().map_err(|error| error.to_string())
}

fn rendered(problems: &[Problem], input: &Input, color: bool) -> String {
    let findings = Findings {
        problems,
        sources: &input.sources,
        templates: input.templates,
    };
    let style = ReportStyle {
        width: 100,
        color,
        unicode: true,
    };
    report::render(findings, Format::Human, style)
}
