//! JWT sessions, through the public interface: one binary, so that it links once.
#![cfg(feature = "jwt")]
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a test fails by panicking")]

mod config;
mod decoder;
mod interop;
mod keys;
mod vectors;
