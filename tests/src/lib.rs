//! What the cross-crate suites share: the simplest possible model, and a ledger on a simulated disk
//! and a simulated clock, driven step by step.

pub mod model;
pub mod op;
pub mod rig;
