//! The real binary, from outside: what it prints, what it leaves alone, how it ends.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::format_collect,
    reason = "a test fails by panicking, and says what it left out"
)]

mod backup;
mod bookmark;
mod compaction;
mod debugging;
mod exit_codes;
mod export;
mod fixture;
mod golden;
mod hostile;
mod import;
mod locks;
mod mirror;
mod pipes;
mod postgres_tls;
mod pylon_postgres;
mod questions;
mod replay;
mod revoke;
mod schema;
mod secrets;
#[path = "../../../store/tests/rows/server.rs"]
mod server;
mod sources;
mod step;
mod support;
mod terminal;
mod tour;
mod verify;
mod what_if;
mod witnesses;
