//! Cookie sessions over HTTP: requests through the whole stack of layers, answers as a browser sees
//! them.

#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]

mod browser;
mod guards;
mod originals;
mod races;
mod secrets;
mod table;
mod timeouts;
mod traces;
