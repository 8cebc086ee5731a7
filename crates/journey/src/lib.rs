//! The operators: pure functions on timelines.
//!
//! Place: L1, on `event` alone.
//! Must not know: files, sockets, clocks, threads, randomness without a seed, DataFusion.

pub mod answer;
pub mod derive;
pub mod ops;
pub mod seam;
pub mod stats;

pub use ops::OPERATORS;
pub use seam::{About, AnyOperator, AskError, Catalog, Cell, Context, Groups, Operator, Panel, View};
