//! The program `hydra-compile` (design section 3.5).

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
