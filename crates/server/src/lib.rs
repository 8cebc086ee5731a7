//! The HTTP API and the web app.
//!
//! Place: L4, on `engine`.
//! Must not know: terminals.
//!
//! Every number comes out of the same call that the command line makes; docs/reference/openapi.json lists the addresses.

mod app;
mod ask;
mod data;
mod files;
mod guard;
mod map;
mod openapi;
mod operators;
mod people;
mod problem;
mod report;
mod request;
mod routes;
mod screens;
mod server;
mod sheet;
mod spec;
mod sql;
mod state;
mod stream;
mod workspace;

pub use openapi::openapi;
pub use server::{Options, Running, new_token, start};
