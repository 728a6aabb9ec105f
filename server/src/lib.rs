//! The parts of the `passbook` command that are pure: text in, facts or text out.
//!
//! Nothing here opens a file, reads a clock or knows the ledger; the binary does that and passes
//! readers, times and facts in. So every module can be tested and fuzzed alone.

pub mod at;
pub mod filter;
pub mod import;
pub mod render;
