//! Writes to standard output and standard error.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;

use super::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where the output is a terminal
    Auto,
    Always,
    Never,
}

/// Writes to standard output. A reader that closes it early, as `head` does, is not a failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure(format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints to standard error the reason why the command did nothing. An error of the write is ignored, because nothing is left to
/// print it to.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "hydra-compile: {message}");
}

/// Whether standard output gets colours.
pub(crate) fn is_colored(when: Color) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => is_screen(),
    }
}

/// Whether standard output is a terminal that understands more than lines.
pub(crate) fn is_screen() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether the locale says UTF-8, or nothing at all.
pub(crate) fn is_unicode() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
