//! The durable log in Delta, the timelines derived from it, and the index that finds duplicates.
//!
//! Place: L1, on `event` and Arrow.
//! Must not know: operators, SQL, what a file format is.
//!
//! Layout of a workspace folder (docs/store.md):
//!
//! ```text
//! diptych.yaml        the spec
//! data/               the person's files
//! store/workspace.json   version of the format, number of shards
//! store/lock          held by the one process that writes
//! store/log/          the Delta table: the only thing that cannot be rebuilt
//! store/timelines/    derived, rebuildable
//! store/accounts/     derived, rebuildable: timelines of accounts
//! store/ids/          derived, rebuildable
//! ```

mod error;
pub mod hash;
pub mod identity;
pub mod ids;
pub mod log;
pub mod relations;
pub mod timelines;
pub mod undeclared;
mod workspace;

pub use error::StoreError;
pub use workspace::{FORMAT, Workspace, WriteLock};
