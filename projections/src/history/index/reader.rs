//! Reading the index, from any thread, beside the one that adds to it.

use std::{ops::Bound, sync::Arc};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use passbook_core::Text;

use super::{
    codec::Reader,
    error::{HistoryError, doubt},
    keys::{self, Key},
    lines::{self, LINES_PER_CHUNK, Span},
    meta::Meta,
    tree::{Changes, Order, Tree},
    user::User,
};
use crate::history::{
    entry::HistoryEntry,
    query::{HistoryQuery, Page, Picker},
};

/// What the index holds as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// The last event that is in; 0 = none.
    pub checkpoint: u64,
    /// Users with a history.
    pub users: u64,
    /// Lines told since the beginning, of all users; forgotten ones included.
    pub entries: u64,
    /// Events since the beginning, once for each user under whom the archive files them (see
    /// [`filed_under`](crate::history::filed_under)).
    pub events: u64,
    /// Those of all names, and what was passed over: as many postings as an archive of all events
    /// up to the checkpoint has. `None` if nobody counted what was passed over.
    pub postings: Option<u64>,
    /// Lines recorded before this moment, in Unix milliseconds, are forgotten; 0 = none are.
    pub forgotten_before_ms: u64,
}

/// What readers and the one who adds share.
pub(super) struct Shared {
    tree: Tree,
    /// Held to read by whoever reads several records, to write while a batch is applied.
    meta: RwLock<Meta>,
    /// Why nothing is answered any more.
    doubt: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new(tree: Tree, meta: Meta) -> Self {
        Self { tree, meta: RwLock::new(meta), doubt: Mutex::new(None) }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn meta(&self) -> Meta {
        self.meta.read().clone()
    }

    /// Runs it unless there is a doubt already; a doubt that comes out of it stays.
    pub(super) fn guarded<T>(
        &self,
        run: impl FnOnce() -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        if let Some(why) = self.doubt.lock().clone() {
            return Err(HistoryError::Doubt { why });
        }
        run().inspect_err(|error| {
            if let HistoryError::Doubt { why } = error {
                self.doubt.lock().get_or_insert_with(|| why.clone());
            }
        })
    }

    pub(super) fn apply(&self, changes: Changes, after: Meta) -> Result<(), HistoryError> {
        let mut meta = self.meta.write();
        self.tree.apply(changes)?;
        *meta = after;
        Ok(())
    }

    fn head(&self, name: &str) -> Result<Option<User>, HistoryError> {
        let head = self.tree.get(&keys::head(name))?;
        head.map(|row| User::decode(&row.value, row.crc)).transpose()
    }
}

/// Answers from the index. A clone is another handle; all see what the last batch left.
#[derive(Clone)]
pub struct HistoryReader {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryReader").field("covered", &self.covered()).finish_non_exhaustive()
    }
}

impl HistoryReader {
    /// What the index holds as a whole.
    pub fn covered(&self) -> Covered {
        let meta = self.shared.meta();
        let postings = meta.postings();
        let Meta { checkpoint, users, entries, events, forgotten_before_ms, .. } = meta;
        Covered { checkpoint, users, entries, events, postings, forgotten_before_ms }
    }

    /// The lines of that user that the query asks for, newest first; none if nothing is known of
    /// the user. Costs the page, and for what filters and the cursor pass over a look at each chunk
    /// of lines.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn page(&self, user: &str, query: &HistoryQuery) -> Result<Page, HistoryError> {
        self.shared.guarded(|| {
            let meta = self.shared.meta.read();
            self.pick(user, query, &meta)
        })
    }

    fn pick(
        &self,
        name: &str,
        query: &HistoryQuery,
        meta: &RwLockReadGuard<'_, Meta>,
    ) -> Result<Page, HistoryError> {
        let Some(user) = self.shared.head(name)? else { return Ok(Page::default()) };
        let mut picker = Picker::new(query);
        let is_kept = |line: &HistoryEntry| line.last_recorded_at_ms() >= meta.forgotten_before_ms;
        let (spilled, dropped, latest_ms) = (user.spilled, user.dropped, user.latest_ms);
        user.tail.into_iter().filter(is_kept).for_each(|line| picker.offer(line));
        if spilled <= dropped || !picker.wants(0, latest_ms) {
            return Ok(picker.finish());
        }
        let mut expected = spilled;
        let missing = |number| doubt(format!("line {number} of `{name}` is missing"));
        let (first, end) = (keys::lines(name, 0), keys::lines(name, u64::MAX));
        self.shared.tree.scan((&first, Bound::Included(&end)), Order::Falling, &mut |row| {
            let Some(Key::Lines(_, first)) = keys::parse(&row.key) else {
                return Err(missing(expected));
            };
            let mut reader = Reader::new(&row.value);
            let span = Span::decode(&mut reader)?;
            let kept_from = first.max(dropped.saturating_add(1));
            let is_whole = span.count == LINES_PER_CHUNK || first <= dropped;
            let last = kept_from.saturating_add(span.count).saturating_sub(1);
            if last != expected || !is_whole {
                return Err(missing(expected));
            }
            expected = first.saturating_sub(1);
            if picker.wants(span.first_ms, span.last_ms) {
                let lines = lines::decode(&span, reader)?;
                lines.into_iter().filter(is_kept).for_each(|line| picker.offer(line));
            }
            Ok(expected > dropped && picker.wants(0, span.latest_ms))
        })?;
        // Either the walk was over early, or it came to the first line that must be there.
        if expected == spilled { Err(missing(expected)) } else { Ok(picker.finish()) }
    }

    /// The user's newest login that is not forgotten. One look, however long the history is. A
    /// guest who became the user did not log in as such.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn last_login(&self, user: &str) -> Result<Option<HistoryEntry>, HistoryError> {
        self.shared.guarded(|| {
            let meta = self.shared.meta.read();
            let login = self.shared.head(user)?.and_then(|user| user.last_login);
            Ok(login.filter(|login| login.last_recorded_at_ms() >= meta.forgotten_before_ms))
        })
    }

    /// How many events that are filed under the user are in, since the beginning.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn events_of(&self, user: &str) -> Result<u64, HistoryError> {
        self.shared.guarded(|| Ok(self.shared.head(user)?.map_or(0, |user| user.events)))
    }

    /// How many lines were told of the user since the beginning; forgotten ones included.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn entries_of(&self, user: &str) -> Result<u64, HistoryError> {
        self.shared.guarded(|| Ok(self.shared.head(user)?.map_or(0, |user| user.entries())))
    }

    /// Bytes that the index takes on disk.
    ///
    /// # Errors
    /// [`HistoryError::Doubt`].
    pub fn bytes_on_disk(&self) -> Result<u64, HistoryError> {
        self.shared.guarded(|| self.shared.tree.bytes_on_disk())
    }

    /// The next user at or behind that key, with the key to go on from.
    pub(super) fn next_user(&self, from: &[u8]) -> Result<Option<(Text, Vec<u8>)>, HistoryError> {
        let mut found = None;
        self.shared.tree.scan((from, Bound::Unbounded), Order::Rising, &mut |row| {
            if let Some(Key::Head(name)) = keys::parse(&row.key) {
                let mut behind = row.key.clone();
                behind.pop();
                behind.push(u8::MAX);
                found = Some((Text::from(name), behind));
            }
            Ok(false)
        })?;
        Ok(found)
    }
}
