//! The terminal: commands, exit codes, progress bars.
//!
//! Place: L4, on everything.
//! Exit codes: 0 done, 1 failed, 2 wrong usage.

mod command;
mod demo;
mod params;
mod progress;
mod render;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    let matches = command::cli().get_matches();
    match run::run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Tells whether the reader of our output went away, as `| head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
