//! What the cross-crate suites share: the simplest possible model, a ledger on a simulated disk and
//! a simulated clock that is driven step by step, and the suites themselves.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a suite fails")]

pub mod decoder;
pub mod fuzz;
pub mod linear;
pub mod model;
pub mod op;
pub mod oracle;
pub mod plan;
pub mod planted;
pub mod rig;
pub mod run;
pub mod script;
pub mod specimen;
pub mod suites;
