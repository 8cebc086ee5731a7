//! The simulated businesses, with exact truth, and the load generator for measurements.
//!
//! Place: ships in the binary for `diptych demo` and `diptych simulate`.
//! Must not know: the store, the engine, or how any answer is counted there; the truth is counted here a second time, naively.
//!
//! Everything is a function of its options: the seed is an argument, there is no clock, and logarithms are computed here,
//! so that one seed gives the same rows on every machine.
//!
//! A further business is a module like [`bakery`]: it makes rows, hands them to `rows::put_in_file_order` and counts with [`truth`].

pub mod bakery;
pub mod calendar;
pub mod load;
pub mod random;
mod rows;
pub mod truth;

pub use bakery::{BAKERY_SPEC, BakeryOptions, Effects, write_bakery};
pub use load::{LoadOptions, LoadTruth, write_load};
pub use truth::Truth;
