//! JWT sessions, through the public interface: one binary, so that it links once.
#![cfg(feature = "jwt")]
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a test fails by panicking")]

mod admission;
mod app;
mod config;
mod decoder;
mod example;
mod fuzzed;
mod interop;
mod keys;
mod races;
mod refreshes;
mod rows;
mod secrets;
mod socket;
mod times;
#[path = "../cookie/traces.rs"]
mod traces;
mod vectors;
