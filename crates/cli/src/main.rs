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

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Keeps memory for the next question instead of handing it back, and gives each thread its own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The number of mimalloc's option for how long freed memory is kept, in milliseconds.
const PURGE_DELAY: c_int = 15;

/// Longer than mimalloc's second: chunks of an import free what the next ones take, but up to some seconds later, and a fifth
/// of the time went into pages that were handed back meanwhile.
const KEPT_FREED_MS: c_long = 3_000;

// Of mimalloc, whose crate does not offer it.
unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

fn main() -> ExitCode {
    // SAFETY: it sets a number that the allocator reads.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_FREED_MS) };
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

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn mi_option_get(option: c_int) -> c_long;
    }

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: it reads a number; 1,000 is what mimalloc says of this option alone.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, 1_000);
    }
}
