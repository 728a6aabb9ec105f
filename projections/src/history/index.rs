//! The login history of all users on disk: derived, disposable, and never in the way of the truth.
//!
//! Whoever owns the events feeds it from [`checkpoint`](HistoryIndex::checkpoint) on, in order; it
//! folds them as the ledger does, and keeps beside the lines only what it needs to go on: the open
//! sessions. A batch and the checkpoint behind it are written together or not at all, so after a
//! crash it goes on from wherever it is.
//!
//! # When it is right
//! Its store, sled, is not trusted (`index/tree.rs`). What is checked, and when:
//! - *at opening*: every record is read. Checksums, the version, the ledger's id, that the
//!   checkpoint is not beyond what is durable, that each user's lines are dense and sessions all
//!   there, and that the number and the sum of all records are those that the last batch left.
//!   So a head, a chunk or a list that was lost, or is an old one, shows. It costs the size of the
//!   index: let a thread do it, and answer from the events meanwhile.
//! - *at each answer*: the checksums of what is read, and that no number is missing in it.
//!
//! Whatever fails, errors and panics of the store included, is a [`HistoryError::Doubt`]. From then
//! on nothing else is answered, and [`HistoryIndex::open`] makes a new one of it: it removes what
//! it finds doubtful and begins again at checkpoint 0. An index that agrees with itself may still
//! lack events: what the caller compares is its own counts with [`Covered::postings`].
//!
//! # Cost
//! An event that names a user costs one record, and one for several in a batch. Memory is that of a
//! batch and the store's cache, however many sessions are open.

mod check;
mod codec;
mod desk;
mod error;
mod keys;
mod lines;
mod meta;
mod reader;
mod tree;
mod user;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{desk::Desk, error::doubt, meta::Meta, reader::Shared, tree::Tree};
pub use self::{
    error::HistoryError,
    reader::{Covered, HistoryReader},
};
use super::{
    entry::{HistoryEntry, Recorded},
    query::{HistoryQuery, Page},
};

/// Events of one batch at most.
const BATCH_EVENTS_MAX: usize = 65_536;
/// What a batch may take in memory, by its own measure, in bytes.
const BATCH_BYTES_MAX: usize = 48 * 1_024 * 1_024;
/// Users that are looked at in one batch when old lines are forgotten.
const FORGET_USERS: usize = 4_096;

/// What the caller knows of the ledger whose history this is.
#[derive(Debug, Clone, Copy)]
pub struct Expect {
    /// The ledger's id: an index of another one is in doubt.
    pub store: [u8; 16],
    /// The last event that is durable: an index that is further is in doubt.
    pub durable: u64,
    /// How much of the index is kept in memory, in bytes; at least 256 KiB, usually 16 to 64 MiB.
    pub cache_bytes: u64,
}

/// An index that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The index.
    pub index: HistoryIndex,
    /// Why what was there was removed, if it was: the index is empty, at checkpoint 0.
    pub rebuilt: Option<String>,
}

/// The login history of all users, in a folder of its own. One process has it open.
pub struct HistoryIndex {
    folder: PathBuf,
    reader: HistoryReader,
}

impl fmt::Debug for HistoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryIndex").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl HistoryIndex {
    /// Opens the index in that folder and checks all of it, or begins a new one there. What is in
    /// doubt is removed: the store's own files in that folder, and nothing else.
    ///
    /// # Errors
    /// [`HistoryError::Unusable`] if not even an empty index can be opened there: no room, no
    /// right, or another process has it.
    pub fn open(folder: impl Into<PathBuf>, expect: &Expect) -> Result<Opened, HistoryError> {
        let folder = folder.into();
        let why = match Self::open_checked(&folder, expect) {
            Ok(index) => return Ok(Opened { index, rebuilt: None }),
            Err(HistoryError::Doubt { why }) => why,
            Err(unusable @ HistoryError::Unusable { .. }) => return Err(unusable),
        };
        let unusable = |why: String| HistoryError::Unusable { path: folder.clone(), why };
        tree::remove(&folder).map_err(|error| unusable(error.to_string()))?;
        let index =
            Self::open_checked(&folder, expect).map_err(|error| unusable(error.to_string()))?;
        Ok(Opened { index, rebuilt: Some(why) })
    }

    fn open_checked(folder: &Path, expect: &Expect) -> Result<Self, HistoryError> {
        let tree = Tree::open(folder, expect.cache_bytes)?;
        let meta = check::walk(&tree)?.unwrap_or_else(|| Meta::empty(expect.store));
        if meta.store != expect.store {
            return Err(doubt("it is the index of another ledger"));
        }
        if meta.checkpoint > expect.durable {
            return Err(doubt(format!(
                "it is at event {}, and only {} are durable",
                meta.checkpoint, expect.durable
            )));
        }
        let reader = HistoryReader { shared: Arc::new(Shared::new(tree, meta)) };
        Ok(Self { folder: folder.to_owned(), reader })
    }

    /// Removes it: what the caller has counted says that it is not what it should be. Readers must
    /// be gone.
    ///
    /// # Errors
    /// [`HistoryError::Unusable`] if it can't be removed.
    pub fn discard(self) -> Result<(), HistoryError> {
        let Self { folder, reader } = self;
        drop(reader);
        tree::remove(&folder)
            .map_err(|error| HistoryError::Unusable { path: folder, why: error.to_string() })
    }

    /// A handle to read with, from any thread.
    pub fn reader(&self) -> HistoryReader {
        self.reader.clone()
    }

    /// The last event that is in: the next to add is the one behind it. 0 = none.
    pub fn checkpoint(&self) -> u64 {
        self.covered().checkpoint
    }

    /// What the index holds as a whole.
    pub fn covered(&self) -> Covered {
        self.reader.covered()
    }

    /// Adds events, in order, and gives how many it was. Those up to the checkpoint are passed
    /// over; sequences may leave out what is in nobody's history. All of them are seen by readers
    /// when it returns, earlier ones of a long run before.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`], also if the events are not in order.
    pub fn add(&mut self, events: &mut dyn Iterator<Item = Recorded>) -> Result<u64, HistoryError> {
        let shared = &*self.reader.shared;
        shared.guarded(|| {
            let mut added = 0;
            let mut events = events.peekable();
            while events.peek().is_some() {
                added += add_batch(shared, &mut events)?;
            }
            Ok(added)
        })
    }

    /// Passes over the events up to `through`, which are gone, and of which the archive had so many
    /// postings together with all before them; `None` = nobody knows. Nothing if they are in.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`], also if it has more than that already.
    pub fn pass_over(&mut self, through: u64, postings: Option<u64>) -> Result<(), HistoryError> {
        let shared = &*self.reader.shared;
        shared.guarded(|| {
            let meta = shared.meta();
            if through <= meta.checkpoint {
                return Ok(());
            }
            let mut desk = Desk::new(shared.tree(), meta);
            desk.pass_over(through, postings)?;
            let (changes, meta) = desk.finish();
            shared.apply(changes, meta)
        })
    }

    /// The lines of that user that the query asks for: see [`HistoryReader::page`].
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn page(&self, user: &str, query: &HistoryQuery) -> Result<Page, HistoryError> {
        self.reader.page(user, query)
    }

    /// The user's newest login: see [`HistoryReader::last_login`].
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn last_login(&self, user: &str) -> Result<Option<HistoryEntry>, HistoryError> {
        self.reader.last_login(user)
    }

    /// How many events that name the user are in: see [`HistoryReader::events_of`].
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn events_of(&self, user: &str) -> Result<u64, HistoryError> {
        self.reader.events_of(user)
    }

    /// Forgets lines that were recorded before that moment, in Unix milliseconds. From then on none of them
    /// is shown; on disk they are dropped from each user's oldest on, in whole chunks, as far as no
    /// younger line stands in front. Numbers go on. Gives how many were dropped from disk.
    ///
    /// A session that was refreshed last before that moment and again later gets a new line for it.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn forget_before(&mut self, at_ms: u64) -> Result<u64, HistoryError> {
        let shared = &*self.reader.shared;
        shared.guarded(|| {
            let mut forgotten = 0;
            let mut from = Some(keys::first_of_users());
            while let Some(key) = from {
                let mut desk = Desk::new(shared.tree(), shared.meta());
                desk.forget_all_before(at_ms);
                from = Some(key);
                for _ in 0..FORGET_USERS {
                    let key = from.take().unwrap_or_default();
                    let Some((user, behind)) = self.reader.next_user(&key)? else { break };
                    forgotten += desk.forget(&user, at_ms)?;
                    from = Some(behind);
                }
                let (changes, meta) = desk.finish();
                shared.apply(changes, meta)?;
            }
            Ok(forgotten)
        })
    }

    /// Hands everything to the operating system, so that less is told again after a crash.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn flush(&self) -> Result<(), HistoryError> {
        let shared = &self.reader.shared;
        shared.guarded(|| shared.tree().flush())
    }
}

/// Takes a batch from the front of the events; gives how many were new.
fn add_batch(
    shared: &Shared,
    events: &mut dyn Iterator<Item = Recorded>,
) -> Result<u64, HistoryError> {
    let meta = shared.meta();
    let (first, mut last) = (meta.checkpoint, meta.checkpoint);
    let mut desk = Desk::new(shared.tree(), meta);
    let mut added = 0;
    for recorded in events.take(BATCH_EVENTS_MAX) {
        if recorded.sequence <= first {
            continue;
        }
        if recorded.sequence <= last {
            return Err(doubt(format!("event {} came behind {last}", recorded.sequence)));
        }
        last = recorded.sequence;
        desk.step(&recorded)?;
        added += 1;
        if desk.weight() >= BATCH_BYTES_MAX {
            break;
        }
    }
    if added > 0 {
        let (changes, meta) = desk.finish();
        shared.apply(changes, meta)?;
    }
    Ok(added)
}
