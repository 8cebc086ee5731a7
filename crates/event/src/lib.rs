//! The words and the columns of Diptych: what every other crate means by an event, a timeline, a day and a spec.
//!
//! Place: L0, below everything.
//! Must not know: files, sockets, clocks, threads, operators, storage.

pub mod account;
pub mod actors;
pub mod index;
pub mod log;
pub mod names;
pub mod spec;
pub mod suggest;
pub mod time;
pub mod timeline;

pub use names::Names;
pub use spec::Spec;
pub use timeline::{Column, Shard, Values};
