//! The arguments of the command line.

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use hydra_compile::{
    Options,
    graph::GraphFormat,
    read::{self, InputPaths},
    report::{Format, ReportStyle},
};

use super::output::{self, Color};

/// Checks the templates of a Hydra site.
#[derive(Debug, Parser)]
#[command(name = "hydra-compile", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hydra-compile check templates --contracts contracts
  hydra-compile check --format short templates/checkout.html
  hydra-compile explain export-conflict
  hydra-compile graph templates --format dot | dot -Tsvg > site.svg
  hydra-compile diff contracts/orders.json new/orders.json templates

Exit status: 0 clean, 1 errors in templates, 2 wrong usage or unreadable input.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report all problems of templates
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Explain a problem's code, or list all codes
    #[command(after_help = "Examples:\n  hydra-compile explain\n  hydra-compile explain import-cycle")]
    Explain(ExplainArgs),
    /// Show which page embeds which fragment of which service, and the data that flows
    #[command(
        after_help = "Examples:\n  hydra-compile graph templates\n  hydra-compile graph --format json templates"
    )]
    Graph(GraphArgs),
    /// Print what this service offers, as JSON for the services that use it
    #[command(after_help = "Example:\n  hydra-compile contract --service shop templates > shop.json")]
    Contract(SiteArgs),
    /// Print a first contract of a service without templates of Hydra, as these pages use it
    #[command(
        after_help = "Example:\n  hydra-compile draft-contract orderService templates > contracts/orderService.json"
    )]
    DraftContract(DraftArgs),
    /// Say what a changed contract breaks, and for which pages
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Print the text of a template as it reaches Tera
    #[command(
        after_help = "Examples:\n  hydra-compile lower templates/checkout.html\n  hydra-compile lower - < page.html"
    )]
    Lower(LowerArgs),
    /// Answer an editor over standard input and output, as a language server
    #[command(after_help = LSP_NOTES)]
    Lsp,
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  hydra-compile completions bash > /etc/bash_completion.d/hydra-compile"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  hydra-compile man > hydra-compile.1")]
    Man,
}

const LSP_NOTES: &str = "\
Editors start this command, and speak the Language Server Protocol with it.
It finds the sites in their folders by itself: the folder that `Build::new` in a build.rs names, and
folders `templates` with Hydra's tags.

Exit status: 0 after `shutdown` and `exit`, 1 if the editor goes away without them.";

const CHECK_EXAMPLES: &str = "\
Examples:
  hydra-compile check templates
  hydra-compile check --contracts contracts --watch templates
  hydra-compile check --format sarif templates > problems.sarif
  hydra-compile check - < page.html";

const DIFF_EXAMPLES: &str = "\
Examples:
  hydra-compile diff old.json new.json
  hydra-compile diff old.json new.json templates

The exit status is 1 if a change can break some page or, with templates, if it breaks one of their pages.
Pages that may ask for the fragment, since they compute the service or the ref, are listed and do not change the status.";

/// Where a site is, and what the application adds to Tera.
#[derive(Clone, Debug, Arguments)]
pub(crate) struct SiteArgs {
    /// Template folders, templates, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// What is known beside the templates.
#[derive(Clone, Debug, Default, Arguments)]
pub(crate) struct OptionArgs {
    /// The folder with the contracts of other services, one JSON file each
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
    /// The folder with the Rust files of the application [default: src beside the templates]
    #[arg(long, value_name = "DIR")]
    rust: Option<PathBuf>,
    /// The name of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Tera functions that the application adds
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    functions: Vec<String>,
    /// Tera filters that the application adds
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    filters: Vec<String>,
    /// Tera tests that the application adds
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tests: Vec<String>,
}

#[derive(Clone, Debug, Arguments)]
pub(crate) struct DraftArgs {
    /// The service whose contract is drafted, as tags write it
    #[arg(value_name = "OWNER")]
    pub(crate) owner: String,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
}

impl SiteArgs {
    /// The same site without contracts of other services.
    pub(crate) fn without_contracts(mut self) -> Self {
        self.options.contracts = None;
        self
    }
}

/// How reports look.
#[derive(Clone, Debug, Arguments)]
pub(crate) struct StyleArgs {
    /// Whether reports have colours
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) color: Color,
    /// How wide a report may be, in columns
    #[arg(
        long,
        value_name = "COLUMNS",
        env = "COLUMNS",
        hide_env = true,
        default_value_t = 80
    )]
    width: usize,
}

#[derive(Clone, Debug, Arguments)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    /// The form of the report
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: ReportForm,
    /// Check again whenever a file changes
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) style: StyleArgs,
}

#[derive(Debug, Arguments)]
pub(crate) struct ExplainArgs {
    /// The code, such as export-conflict
    pub(crate) code: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    /// The form of the graph
    #[arg(long, value_enum, default_value = "mermaid")]
    pub(crate) format: GraphForm,
}

#[derive(Debug, Arguments)]
pub(crate) struct DiffArgs {
    /// The contract as it was
    pub(crate) old: PathBuf,
    /// The contract as it will be
    pub(crate) new: PathBuf,
    /// Template folders or templates whose tags the new contract may break
    pub(crate) templates: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct LowerArgs {
    /// The template, or - for standard input
    pub(crate) file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// For people
    Human,
    /// One line a problem
    Short,
    /// For scripts
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphForm {
    Mermaid,
    Dot,
    Json,
}

impl SiteArgs {
    /// These templates with nothing else said.
    pub(crate) fn of(paths: Vec<PathBuf>) -> Self {
        Self {
            paths,
            options: OptionArgs::default(),
        }
    }

    /// Where the files are.
    pub(crate) fn places(&self) -> InputPaths {
        let rust = self.options.rust.clone().or_else(|| self.rust_beside());
        InputPaths {
            templates: self.paths.clone(),
            contracts: self.options.contracts.clone(),
            rust,
        }
    }

    /// `src` beside the first template folder, where that folder is part of a crate.
    fn rust_beside(&self) -> Option<PathBuf> {
        let folder = self.paths.first().filter(|path| path.is_dir())?;
        let source = read::beside(folder, "src");
        let is_crate = read::beside(folder, "Cargo.toml").is_file() && source.is_dir();
        is_crate.then_some(source)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            service: self.options.service.clone(),
            functions: self.options.functions.clone(),
            filters: self.options.filters.clone(),
            tests: self.options.tests.clone(),
        }
    }
}

impl StyleArgs {
    /// The look on standard output.
    pub(crate) fn style(&self) -> ReportStyle {
        ReportStyle {
            width: self.width,
            color: output::is_colored(self.color),
            unicode: output::is_unicode(),
        }
    }
}

impl From<ReportForm> for Format {
    fn from(form: ReportForm) -> Self {
        match form {
            ReportForm::Human => Format::Human,
            ReportForm::Short => Format::Short,
            ReportForm::Json => Format::Json,
            ReportForm::Sarif => Format::Sarif,
        }
    }
}

impl From<GraphForm> for GraphFormat {
    fn from(form: GraphForm) -> Self {
        match form {
            GraphForm::Mermaid => GraphFormat::Mermaid,
            GraphForm::Dot => GraphFormat::Dot,
            GraphForm::Json => GraphFormat::Json,
        }
    }
}
