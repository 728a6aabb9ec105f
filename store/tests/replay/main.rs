//! Asking the past of ledgers whose histories are random, against the plain fold of their events.
#![allow(clippy::indexing_slicing, reason = "a test that reaches beyond fails")]

mod bisect;
mod diff;
mod explain;
mod fixture;
mod fixture_file;
mod histories;
mod past;
mod postings;
mod step;
mod what_if;
