//! A question about stored data: import, modifiers, SQL, threads.
//!
//! Place: L2, on `journey`, `intake` and `store`.
//! Must not know: terminals, HTTP.

pub mod accounts;
pub mod answer;
pub mod ask;
pub mod check;
mod error;
pub mod expressions;
pub mod import;
pub mod init;
pub mod mapping;
mod modifiers;
pub mod numbers;
pub mod quarantine;
pub mod report;
pub mod sql;
pub mod watch;
mod workspace;

pub use answer::Answer;
pub use ask::{Modifiers, Question};
pub use error::EngineError;
pub use watch::Watch;
pub use workspace::{SPEC_FILE, Workbench};

pub use diptych_event::Spec;
pub use diptych_journey::{AnyOperator, OPERATORS, ops, seam};
pub use diptych_store::timelines::ColumnSpec;
