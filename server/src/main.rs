//! The `passbook` binary.
fn main() {}
