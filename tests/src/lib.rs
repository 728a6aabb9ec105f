//! Support for the cross-crate suites.
