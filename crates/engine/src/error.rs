//! Why a command cannot be carried out.

use std::path::PathBuf;
use std::time::Duration;

use diptych_event::spec::SpecError;
use diptych_intake::IntakeError;
use diptych_journey::AskError;
use diptych_store::StoreError;

/// Why a command cannot be carried out; says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The workspace folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// A question is wrong.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The spec is missing or wrong.
    #[error("{}: {source}", path.display())]
    Spec {
        /// The spec's file.
        path: PathBuf,
        /// What is wrong.
        source: SpecError,
    },
    /// A file of the command cannot be read or written.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// An SQL text is wrong.
    #[error("{place}: {what}\n  in: {sql}")]
    Sql {
        /// Which text: `--where`, `SQL`, a step's condition.
        place: String,
        /// The text.
        sql: String,
        /// What is wrong and what is possible.
        what: String,
    },
    /// Something was asked for that the workspace does not have.
    #[error("{0}")]
    Wrong(String),
    /// The asker stopped the question.
    #[error("the question was cancelled")]
    Cancelled,
    /// The answer would need more memory than allowed.
    #[error(
        "this answer needs more than {limit_bytes} bytes of memory; ask for less (fewer groups with --by, a shorter --from/--to) or raise --memory"
    )]
    Memory {
        /// The limit.
        limit_bytes: usize,
    },
    /// The answer would take longer than allowed.
    #[error("this takes longer than {} s; ask for less (a condition, fewer joined tables, a shorter time)", limit.as_secs())]
    Time {
        /// The limit.
        limit: Duration,
    },
}

impl EngineError {
    /// Makes an error about a file.
    pub fn file(path: impl Into<PathBuf>, what: impl std::fmt::Display) -> Self {
        Self::File { path: path.into(), what: what.to_string() }
    }
}
