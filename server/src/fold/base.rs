//! Where a fold begins: at a snapshot, or at the first event that is kept.

use passbook::{
    LedgerError,
    core::{State, snapshot::restore, state_fingerprint},
    journal::{Journal as _, SnapshotError, SnapshotInfo},
};

use super::Depth;
use crate::{
    answer::count_of,
    failure::{Exit, Failure, chain},
    reading::{Book, TRIMMED, Until},
};

/// The state that a snapshot holds.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) info: SnapshotInfo,
    pub(crate) state: State,
}

/// From where to fold.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first event to look at.
    pub(super) from: u64,
    /// The state to begin with, or to go on with from its event on.
    pub(super) base: Option<Base>,
}

pub(super) fn plan(book: &Book, until: Until, depth: Depth) -> Result<Plan, Failure> {
    let since_ms = match depth {
        Depth::State => Some(u64::MAX),
        Depth::Since(since_ms) => Some(since_ms),
        Depth::Kept => None,
    };
    let mut usable = usable(book, until)?;
    if let Some(since_ms) = since_ms {
        let base = first_good(book, usable.iter().filter(|info| info.time_ms < since_ms))?;
        if let Some(base) = base {
            return Ok(Plan { from: base.info.sequence + 1, base: Some(base) });
        }
    }
    if book.journal_first() == 1 {
        return Ok(Plan { from: 1, base: None });
    }
    let from = match depth {
        Depth::State if book.first() > 1 => return Err(not_retained(book, until)),
        Depth::State | Depth::Kept => book.first(),
        Depth::Since(since_ms) => book.near(since_ms)?,
    };
    usable.reverse();
    Ok(Plan { from, base: first_good(book, usable.iter())? })
}

/// The snapshots of no later moment than that, from which the journal leads on, newest first.
fn usable(book: &Book, until: Until) -> Result<Vec<SnapshotInfo>, Failure> {
    let first = book.journal_first();
    let mut infos = book.journal.snapshots().map_err(LedgerError::from)?;
    infos.retain(|info| {
        let is_early = match until {
            Until::Head => true,
            Until::Sequence(last) => info.sequence <= last,
            Until::Time(last_ms) => info.time_ms <= last_ms,
        };
        is_early && info.sequence <= book.head() && info.sequence + 1 >= first
    });
    Ok(infos)
}

/// The first of the snapshots that can be used. What is wrong with others is left to `verify`.
fn first_good<'a>(
    book: &Book,
    infos: impl Iterator<Item = &'a SnapshotInfo>,
) -> Result<Option<Base>, Failure> {
    for info in infos {
        match load(book, info) {
            Ok(state) => return Ok(Some(Base { info: info.clone(), state })),
            Err(Unusable::Gone) => {
                return Err(Failure::new(Exit::Failed, TRIMMED, "a snapshot was dropped"));
            }
            Err(Unusable::Bad(_)) => {}
        }
    }
    Ok(None)
}

/// Why a snapshot is of no use.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Newer ones took its place.
    Gone,
    /// It is damaged, or not what was captured.
    Bad(String),
}

impl From<SnapshotError> for Unusable {
    fn from(error: SnapshotError) -> Self {
        if matches!(error, SnapshotError::Missing { .. }) {
            Self::Gone
        } else {
            Self::Bad(chain(&error))
        }
    }
}

/// Reads the state of a snapshot, and compares it with what was captured.
pub(crate) fn load(book: &Book, info: &SnapshotInfo) -> Result<State, Unusable> {
    let source = book.journal.open_snapshot(info.sequence)?;
    let mut state = State::new();
    for index in 0..info.sections {
        let section = source.section(index)?;
        restore(&mut state, &section).map_err(|error| Unusable::Bad(chain(&error)))?;
    }
    if (count_of(state.len()), state_fingerprint(&state)) == (info.items, info.digest) {
        Ok(state)
    } else {
        Err(Unusable::Bad("the state in it is not the one that was captured".to_owned()))
    }
}

fn not_retained(book: &Book, until: Until) -> Failure {
    let sequence = match until {
        Until::Sequence(sequence) => sequence,
        Until::Head | Until::Time(_) => book.head(),
    };
    LedgerError::NotRetained { sequence, first: book.first() }.into()
}
