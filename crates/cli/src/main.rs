//! The terminal: commands, exit codes, progress bars.
//!
//! Place: L5, on everything.
//! Exit codes: 0 done, 1 failed, 2 wrong usage.

mod business;
mod command;
mod demo;
mod params;
mod processor;
mod progress;
mod render;
mod run;
mod serve;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Keeps memory for the next question instead of handing it back, and gives each thread its own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    if let Some(feature) = processor::lacks() {
        eprintln!(
            "error: this processor has no {feature}, which this binary was built for; build diptych on it with RUSTFLAGS=\"-C target-cpu=native\""
        );
        return ExitCode::from(1);
    }
    let matches = command::cli().get_matches();
    match run::run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", whole(&error));
            ExitCode::from(1)
        }
    }
}

/// Writes an error and its causes; a cause that is told already is not told twice.
fn whole(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        told if told.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

/// Tells whether the reader of our output went away, as `| head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
