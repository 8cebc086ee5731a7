//! The operators: pure functions on timelines.
//!
//! Place: L1, on `event` alone.
//! Must not know: files, sockets, clocks, threads, randomness without a seed, DataFusion.

// The tests of operators ask through tests/common, which names the crate as tests outside of it do.
#[cfg(test)]
extern crate self as diptych_journey;

pub mod derive;
pub mod ops;
pub mod seam;
pub mod stats;

pub use ops::OPERATORS;
pub use seam::{About, AnyOperator, AskError, Catalog, Cell, Context, Groups, Operator, Panel, View};
