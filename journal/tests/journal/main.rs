//! The journal's suites, through its public interface: one binary, so that they link once.

mod crash;
mod fault;
mod flip;
mod ledger;
