//! Outside judges: the clients that people have, `curl` and Chromium, against the example's own
//! program on a real port.
//!
//! What they need is installed by `./check`; without it they fail.

#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]

mod browser;
mod chromium;
mod curl;
mod server;
mod terminal;
