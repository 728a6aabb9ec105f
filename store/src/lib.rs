//! Passbook: an event-sourced session ledger that embeds in a Rust server.
//!
//! Who is logged in, where and since when; ending that at once; and proving later what happened.
//! Every create, refresh, upgrade and revoke is an event in an append-only, checksummed journal; the
//! indexes that reads are answered from are a replay of it.
//!
//! - [`Ledger`] is the async API, [`SessionStore`] the blocking one; both are faces of one ledger.
//! - An `Ok` means that the change is on the medium.
//! - Reads are answered from memory and never wait for a disk.
//! - Tokens are handed out once; the ledger keeps their SHA-256 and nothing else.
//!
//! Start with [`Ledger::open`] or [`SessionStore::open`]. Times are Unix milliseconds where a name
//! ends in `_ms`, else Unix seconds.

mod as_of;
mod auth_context;
mod background;
mod backup;
mod compaction;
mod error;
mod execute;
mod health;
mod history;
mod inflight;
mod ledger;
mod overlay;
mod ports;
mod postings;
mod rebuild;
mod replay;
mod replay_window;
mod rows;
mod salvage;
mod session_store;
mod snapshot;
mod subscribe;
mod sweeper;
mod sync;
mod upkeep;

pub use as_of::{DataOfSessions, View, as_of};
pub use auth_context::AuthContext;
pub use backup::{CopyPhase, CopyProgress, backup, backup_with, restore, restore_with};
pub use compaction::{CompactionPolicy, CompactionReport, OnProgress};
pub use error::LedgerError;
pub use execute::Reply;
pub use health::Health;
pub use history::{CompleteFrom, HistoryPage, history_of};
pub use inflight::Pending;
pub use ledger::{Builder, Context, DEFAULT_SWEEP_INTERVAL, IssuedSession, Ledger, Login, Opened};
pub use passbook_core as core;
pub use passbook_core::{
    Actor, EndReason, Event, Fact, FailureReason, OnReuse, Policy, Session, SessionId, Token,
    Transport,
};
pub use passbook_journal as journal;
pub use passbook_projections::history::{
    self as login_history, Cursor, HistoryEntry, HistoryFold, HistoryKind, HistoryQuery,
    HistoryWhat, Page, Recorded, expiry_reason,
};
#[cfg(feature = "sqlite")]
pub use passbook_projections::rows::SqliteSessionBackend;
pub use passbook_projections::rows::{
    BackendError, Checkpoint, MirrorBackend, RowBatch, SessionBackend, SessionRow,
};
#[cfg(feature = "postgres")]
pub use passbook_projections::rows::{
    PostgresReader, PostgresRow, PostgresSessionBackend, PostgresValue,
};
pub use ports::{Clock, Entropy, EntropyError, OsEntropy, SeededEntropy, SimClock, SystemClock};
pub use postings::Postings;
pub use replay::{
    At, Bisection, Breakpoint, Cause, Diff, Difference, EndOf, Ended, Ending, Explanation,
    FieldChange, Fixture, FixtureError, Lineage, LineageToken, Moment, Moved, Names, Outlook,
    Presented, Replay, SessionChange, Shift, Slice, Standing, Step, Stepper, TokenEnd, Use, WhatIf,
    Why, fixture,
};
pub use rows::{MirrorHealth, RowCheck, RowDifference, RowDifferenceKind, RowMirror};
pub use salvage::{SalvageOutcome, SalvagePhase, SalvageProgress, salvage, salvage_with};
pub use session_store::SessionStore;
pub use snapshot::SnapshotProgress;
pub use subscribe::Subscription;

#[cfg(doctest)]
#[doc = include_str!("../../docs/move/from-pylon.md")]
struct MoveFromPylon;
