//! What happened elsewhere, read from files that other programs wrote.
//!
//! A log's module turns bytes into observations with a stable key, a session store's module its rows
//! into sessions. They leave to the caller what becomes of them, and to the ledger that a key is taken
//! only once.

pub(crate) mod columns;
pub(crate) mod jsonl;
pub(crate) mod modo;
pub(crate) mod postgres;
pub(crate) mod pylon;
pub(crate) mod session;
pub(crate) mod sqlite;
pub mod syslog;
pub(crate) mod tower_sessions;
