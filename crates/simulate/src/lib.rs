//! The simulated businesses, with exact truth, and the load generator for measurements.
//!
//! Place: ships in the binary for `diptych demo` and `diptych simulate`.
//! Must not know: the store, the engine, or how any answer is counted there; the truth is counted here a second time, naively.
//!
//! Everything is a function of its options: the seed is an argument, there is no clock, and logarithms are computed here,
//! so that one seed gives the same rows on every machine.
//!
//! A further business is a module like [`bakery`]: it makes rows, hands them to `rows::put_in_file_order` and counts with [`truth`].

pub mod accounts_truth;
pub mod bakery;
pub mod calendar;
mod export;
pub mod load;
pub mod random;
mod rows;
pub mod saas;
pub mod streaming;
pub mod truth;

pub use accounts_truth::BusinessTruth;
pub use bakery::{BAKERY_SPEC, BakeryOptions, Effects, write_bakery};
pub use load::{LoadOptions, LoadTruth, write_load};
pub use saas::{SAAS_SPEC, SaasFriction, SaasOptions, write_saas};
pub use streaming::{STREAMING_SPEC, StreamingFriction, StreamingOptions, write_streaming};
pub use truth::Truth;
