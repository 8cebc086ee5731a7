//! Timelines as columns: the layout that operators read.
//!
//! A shard holds complete timelines of some actors; rows are sorted by actor, then time, then tie-break
//! (docs/decisions/0003-order.md).

use crate::actors::ActorIds;

/// Code of a missing text value.
pub const NO_CODE: u32 = u32::MAX;

/// Some actors with all their rows.
///
/// Useful for: loops over one actor's rows in time order.
/// Not useful for: looking a row up by its id.
#[derive(Debug, Clone, Copy)]
pub struct Shard<'a> {
    /// Ids of the actors, shape `[actors]`.
    pub actors: ActorIds<'a>,
    /// Row offsets per actor, shape `[actors + 1]`.
    pub offsets: &'a [u64],
    /// Instants in microseconds since 1970-01-01T00:00Z, shape `[rows]`, ascending within an actor.
    pub time_us: &'a [i64],
    /// Codes of event names, shape `[rows]`.
    pub name: &'a [u32],
    /// Codes of `time_us` ties: rows of one actor with the same instant are ordered by `seq`, then by a hash of the
    /// event id (of the content where there is none); shape `[rows]`.
    pub tie: &'a [u64],
    /// False where the row is not user activity (heartbeats, server events); `None` when all are. Shape `[rows]`.
    pub interactive: Option<&'a [u8]>,
    /// The other columns, in the order of the catalog.
    pub columns: &'a [Column<'a>],
}

impl Shard<'_> {
    /// Returns the number of actors.
    pub fn n_actors(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.time_us.len()
    }

    /// Returns the rows of one actor.
    pub fn rows(&self, actor_idx: usize) -> std::ops::Range<usize> {
        self.offsets[actor_idx] as usize..self.offsets[actor_idx + 1] as usize
    }
}

/// One column beside time and name.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The values, shape `[rows]`.
    pub values: Values<'a>,
}

/// The values of a column.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Codes into the column's dictionary; [`NO_CODE`] where the value is missing.
    Text(&'a [u32]),
    /// Whole numbers; `i64::MIN` where the value is missing.
    Integer(&'a [i64]),
    /// Numbers; NaN where the value is missing (NaN is rejected on import).
    Number(&'a [f64]),
}

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Text, kept as codes into a dictionary.
    Text,
    /// Whole numbers; also booleans as 0 and 1, and money in minor units.
    Integer,
    /// Floating-point numbers.
    Number,
}
