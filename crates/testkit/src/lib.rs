//! Journey notation and generated worlds for tests.
//!
//! Place: L1, on `event` alone; only tests use it.
//! Must not know: operators, files, storage, DataFusion.

mod condition;
mod generate;
mod hinge_world;
mod notation;
mod world;

pub use generate::{Options, Passive, Random, Ties, generate, generate_accounts};
pub use hinge_world::{HINGE_SIGNALS, HINGE_SPEC, HingeOptions, HingeWorld, hinge_world};
pub use notation::{parse_events, parse_moment};
pub use world::{CodeOrder, OwnedShard, Row, START_US, World};
