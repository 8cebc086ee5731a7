//! A question about stored data: import, modifiers, SQL, threads.
//!
//! Place: L3, on `journey`, `intake`, `store` and `picture`.
//! Must not know: terminals, HTTP.

pub mod accounts;
pub mod answer;
pub mod ask;
pub mod check;
mod crew;
pub mod drawn;
mod error;
pub mod expressions;
pub mod import;
pub mod init;
pub mod inventory;
pub mod map;
pub mod mapping;
mod modifiers;
pub mod numbers;
pub mod overview;
pub mod people;
pub mod quarantine;
mod reading;
pub mod report;
pub mod series;
pub mod sql;
pub mod watch;
mod workspace;

pub use answer::Answer;
pub use ask::{Modifiers, Question};
pub use error::EngineError;
pub use watch::Watch;
pub use workspace::{SPEC_FILE, Workbench};

pub use diptych_event::Spec;
pub use diptych_event::spec::SpecError;
pub use diptych_journey::{AnyOperator, AskError, OPERATORS, ops, seam};
pub use diptych_store::StoreError;
pub use diptych_store::timelines::{ColumnSpec, KeptOpen};

/// Returns a text that tells bytes from other bytes.
pub fn fingerprint(bytes: &[u8]) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes))
}
