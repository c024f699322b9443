//! The `elbow` command: parses arguments and dispatches.

mod cli;

use clap::Parser;
use std::process::ExitCode;

/// Runs the command of the arguments; errors and wrong usage go to stderr. The exit code is the error's, 2
/// for wrong usage.
fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Nobody is left to tell when stdout or stderr is closed.
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { 2 } else { 0 });
        }
    };
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::output::note(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
