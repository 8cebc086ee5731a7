//! Account timelines: what the customer panel and the hinge read.
//!
//! An account's timeline holds its own rows (events that name no user), those rows of its members that the spec names in
//! stages, tasks, surveys, or that carry money, and what was derived from its members' clicks: sessions, task attempts,
//! friction episodes. Derived rows have names of their own, so that they can stand in any question:
//!
//! | name | at | `from_us` | `until_us` |
//! |---|---|---|---|
//! | `session:started` | its first row | start | last user activity |
//! | `task:NAME:started` | the start event | start | end of the attempt |
//! | `task:NAME:succeeded`, `:failed`, `:abandoned`, `:open` | the last event of the attempt | start | the same |
//! | `friction:NAME` | the event that completes it | its first event | the same |
//!
//! Columns are those of the user timelines, filled from the row that the derived row stands at, and the ones named here.

/// Text column: the member who did it; empty for the account's own rows.
pub const MEMBER: &str = "member";
/// Text column: the member's role at that time; empty without a membership.
pub const ROLE: &str = "role";
/// Text column: the channel of the row where the row is a touchpoint: the first row of a session with a channel (then the
/// `session:started` row carries it), or any row that is not user activity or names no user.
pub const TOUCHPOINT: &str = "touchpoint";
/// Integer column: money in minor units of the workspace's currency; refunds are negative.
pub const REVENUE_CENTS: &str = "revenue_cents";
/// Integer column: margin in minor units of the workspace's currency, where the spec says what it is.
pub const MARGIN_CENTS: &str = "margin_cents";
/// Integer column: first instant of a derived row in microseconds.
pub const FROM_US: &str = "from_us";
/// Integer column: last instant of a derived row in microseconds.
pub const UNTIL_US: &str = "until_us";
/// Integer column: errors during a task attempt.
pub const N_ERRORS: &str = "n_errors";

/// Name of the rows at which sessions start.
pub const SESSION_STARTED: &str = "session:started";

/// How a task attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The goal was reached.
    Succeeded,
    /// A failure event, or a success after the time limit.
    Failed,
    /// An abort, or no more activity until the timeout.
    Abandoned,
    /// Observation ended first; neither success nor failure.
    Open,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 4] = [Outcome::Succeeded, Outcome::Failed, Outcome::Abandoned, Outcome::Open];

    /// Returns the word in names of rows and cells.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Abandoned => "abandoned",
            Outcome::Open => "open",
        }
    }
}

/// Returns the name of the rows at which attempts of a task start.
pub fn task_started(task: &str) -> String {
    format!("task:{task}:started")
}

/// Returns the name of the rows at which attempts of a task end.
pub fn task_ended(task: &str, outcome: Outcome) -> String {
    format!("task:{task}:{}", outcome.word())
}

/// Returns the name of the rows of a friction's episodes.
pub fn friction(friction: &str) -> String {
    format!("friction:{friction}")
}

/// Tells whether a name is that of derived rows; an event of such a name is kept as `event:NAME` in account timelines.
pub fn is_derived(name: &str) -> bool {
    name == SESSION_STARTED || name.starts_with("task:") || name.starts_with("friction:")
}
