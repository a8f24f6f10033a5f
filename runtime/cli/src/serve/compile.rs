//! Checks the folder and makes its plan, in a process of its own: its memory is freed when it ends, and a template
//! that crashes it does not end the site.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    env, fmt,
    hash::{Hash as _, Hasher as _},
    io::{self, BufRead as _, BufReader, IsTerminal, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use clap::Args;
use hydra_compile::{
    Compiled, Input, KeptSite, Options,
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
    /// Check again for each line on standard input, until it ends. The result of each check is one line.
    #[arg(long)]
    again: bool,
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
        again: false,
    })
}

/// Checks the crate in a folder again and again. Its process keeps the templates that have not changed.
pub(crate) struct CrateChecker {
    args: CompileArgs,
    process: Option<Process>,
}

/// A process that checks for each line.
struct Process {
    child: Child,
    orders: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl CrateChecker {
    /// For the crate in `folder`. Its build script must be one that [`SitePaths::of_crate`] can read.
    pub(crate) fn new(folder: &Path) -> Self {
        let args = CompileArgs {
            templates: folder.to_owned(),
            is_crate: true,
            contracts: None,
            color: io::stderr().is_terminal(),
            again: true,
        };
        Self { args, process: None }
    }

    /// The plan of the crate, or the report of the errors in its templates.
    pub(crate) fn check(&mut self) -> Result<Checked, String> {
        let process = match self.process.take() {
            Some(process) => Ok(process),
            None => Process::start(&self.args),
        };
        let mut process = match process {
            Ok(process) => process,
            Err(error) => {
                tracing::debug!(%error, "no process for the check of the templates: it runs in this one");
                return here(&self.args, &mut KeptSite::default());
            }
        };
        match process.check() {
            Some(checked) => {
                self.process = Some(process);
                checked
            }
            None => Err(ended_early(process.end())),
        }
    }
}

impl Drop for CrateChecker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end();
        }
    }
}

impl Process {
    fn start(args: &CompileArgs) -> io::Result<Self> {
        let mut command = args.command()?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, results) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        let results = BufReader::new(results);
        Ok(Self {
            child,
            orders,
            results,
        })
    }

    /// `None`: it has ended.
    fn check(&mut self) -> Option<Result<Checked, String>> {
        self.orders.write_all(b"\n").ok()?;
        let mut result = Vec::new();
        self.results.read_until(b'\n', &mut result).ok()?;
        serde_json::from_slice(&result).ok()
    }

    /// Ends it. Returns how it ended.
    fn end(self) -> String {
        let Self {
            mut child,
            orders,
            results,
        } = self;
        // At the end of its input, it ends by itself.
        drop((orders, results));
        match child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

fn compiled_by(args: &CompileArgs) -> Result<Checked, String> {
    match elsewhere(args) {
        Ok(checked) => checked,
        Err(error) => {
            tracing::debug!(%error, "no process for the check of the templates: it runs in this one");
            here(args, &mut KeptSite::default())
        }
    }
}

/// Checks in another process. The error: the process could not be started.
fn elsewhere(args: &CompileArgs) -> io::Result<Result<Checked, String>> {
    let output = args.command()?.stdin(Stdio::null()).output()?;
    let ended_early = |_| Err(ended_early(output.status));
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_else(ended_early))
}

fn ended_early(status: impl fmt::Display) -> String {
    format!("the check of the templates ended early: {status}")
}

impl CompileArgs {
    /// The command for another process.
    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(COMMAND);
        if let Some(contracts) = &self.contracts {
            command.arg("--contracts").arg(contracts);
        }
        let flags = [
            ("--crate", self.is_crate),
            ("--color", self.color),
            ("--again", self.again),
        ];
        for (flag, is_set) in flags {
            if is_set {
                command.arg(flag);
            }
        }
        // The folder's name may begin with a dash.
        command.arg("--").arg(&self.templates);
        command.stderr(Stdio::inherit());
        Ok(command)
    }
}

/// Checks, and writes the result to standard output: once, or for each line that is read.
pub(crate) fn run(args: &CompileArgs) -> Result<(), Stop> {
    let mut site = KeptSite::default();
    let mut write = || {
        let mut text = serde_json::to_vec(&here(args, &mut site)).map_err(io::Error::from)?;
        text.push(b'\n');
        let mut output = io::stdout().lock();
        output.write_all(&text)?;
        output.flush()
    };
    let written = match args.again {
        true => io::stdin()
            .lines()
            .try_for_each(|line| line.and_then(|_| write())),
        false => write(),
    };
    written.map_err(|error| Stop(error.to_string()))
}

/// Checks in this process.
fn here(args: &CompileArgs, site: &mut KeptSite) -> Result<Checked, String> {
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
    let Compiled {
        problems,
        site: checked,
    } = site.compile(input);
    let input = site.input();
    let report = |problems: &[Problem]| rendered(problems, input, args.color);
    let Some(site) = checked else {
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
