//! What the cross-crate suites share: the simplest possible model, and a ledger on a simulated disk
//! and a simulated clock, driven step by step.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a suite fails")]

pub mod model;
pub mod op;
pub mod rig;
