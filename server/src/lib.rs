//! The `passbook` command.
//!
//! [`cli`] is the command itself: it opens files, reads the clock, knows the ledger, and prints. The
//! other public modules are pure: text in, facts or text out, so that each can be tested and fuzzed
//! alone.

pub mod at;
pub mod cli;
pub mod filter;
pub mod import;
pub mod policy_file;
pub mod render;

mod address;
mod answer;
mod failure;
mod fold;
mod importing;
mod interrupt;
mod moving;
mod output;
mod progress;
mod reading;
mod saving;
mod sending;
mod writing;
