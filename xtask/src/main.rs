//! Checks and generators of this repository; the checks are ordinary tests.

mod docs;
#[cfg(test)]
mod tidy;

use std::path::{Path, PathBuf};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["gen"] => docs::write(&root()),
        ["gen", "--check"] => docs::check(&root()),
        _ => anyhow::bail!("usage: cargo run -p xtask -- gen [--check]; the checks run with `cargo test -p xtask`"),
    }
}

/// Returns the folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_owned()
}
