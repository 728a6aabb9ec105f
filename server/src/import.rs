//! What happened elsewhere, read from files that other programs wrote.
//!
//! A format's module turns bytes into observations with a stable key. It leaves to the caller which
//! observation becomes which event, and to the ledger that a key is taken only once.

pub mod syslog;
