//! Filling an empty table from the sections of a snapshot, on several threads.
//!
//! Each thread takes the next section, claims slots for its sessions, writes the rows shard by shard
//! and adds to each index what falls to each of its shards, all at once: a lock is taken for many
//! entries, not for one.

mod batch;

use std::{
    error::Error,
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use parking_lot::Mutex;
use passbook_core::{
    FingerprintSum, SessionId,
    snapshot::{Head, SECTION_SESSIONS_MAX, Section, SectionError, Sessions, decode},
};
use thiserror::Error;

use self::batch::Batch;
use super::{Captured, Live, shards::SHARDS, slot::Slot};

/// More threads than this wait for each other.
const THREADS_MAX: usize = 8;

/// So many shards behind the one where the section before began, this one begins: of eight sections
/// in a row no two begin nearer to each other than eight shards.
const APART: u32 = 24;

/// What is to be loaded.
#[derive(Debug, Clone, Copy)]
pub struct LoadPlan {
    /// How many sections there are.
    pub sections: u32,
    /// How many sessions they are said to have: a hint, for which room is made.
    pub sessions: u64,
    /// How many threads load; `None` = as many as the machine runs at once, at most 8.
    pub threads: Option<NonZeroUsize>,
}

/// Sections that can't be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A section can't be read.
    #[error("section {section} of the snapshot can't be read")]
    Read {
        /// Which, counted from 0.
        section: u32,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A section was read and is none.
    #[error("section {section} of the snapshot")]
    Section {
        /// Which, counted from 0.
        section: u32,
        /// What is wrong with it.
        source: SectionError,
    },
    /// No section is a head: what was read is no whole snapshot.
    #[error("the snapshot has no head")]
    NoHead,
    /// The table has sessions already.
    #[error("the table to be loaded is not empty")]
    NotEmpty,
}

impl Live {
    /// Fills an empty table from sections; `read` gives each by its number, counted from 0, and is
    /// called from several threads at once.
    ///
    /// Says how many sessions were there and what the fingerprint of the state is: the caller
    /// compares both with what the capture said. Each token is taken to belong to one session, as
    /// it does in any ledger that drew its tokens itself.
    ///
    /// # Errors
    /// [`LoadError`]; unless it is [`NotEmpty`](LoadError::NotEmpty), the table is half full and of
    /// no more use.
    pub fn load<R>(&self, plan: &LoadPlan, read: R) -> Result<Captured, LoadError>
    where
        R: Fn(u32) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Sync,
    {
        let mut slots = self.slots.lock();
        if !self.is_empty() || slots.highest() > 0 {
            return Err(LoadError::NotEmpty);
        }
        self.reserve(plan);
        let loading = Loading::new(self, plan, &read);
        let threads = plan.threads.map_or_else(default_threads, NonZeroUsize::get);
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| loading.work());
            }
            loading.work();
        });
        let Loading { next_slot, result, .. } = loading;
        let mut parts = result.into_inner();
        if let Some(error) = parts.error {
            return Err(error);
        }
        parts.free.extend((1..SHARDS).filter_map(Slot::of_number));
        slots.take_all(next_slot.into_inner() - 1, parts.free, parts.greatest_id);
        parts.heads.sort_by_key(|(section, _)| *section);
        let (_, Head { policy, last_at_ms, .. }) = parts.heads.first().ok_or(LoadError::NoHead)?;
        let captured =
            Captured { sessions: parts.sessions, digest: parts.sum.finish(policy, *last_at_ms) };
        self.set_head(parts.heads.into_iter().map(|(_, head)| head));
        Ok(captured)
    }

    /// Room for as many sessions as there are said to be and can be.
    fn reserve(&self, plan: &LoadPlan) {
        let possible = super::shards::index(plan.sections).saturating_mul(SECTION_SESSIONS_MAX);
        let sessions = usize::try_from(plan.sessions).unwrap_or(usize::MAX).min(possible);
        // Most of it is the time that the system takes to give the memory.
        thread::scope(|scope| {
            scope.spawn(|| self.tokens.reserve(sessions));
            self.ids.reserve(sessions);
        });
    }

    fn set_head(&self, heads: impl Iterator<Item = Head>) {
        let mut own = self.head.write();
        for head in heads {
            own.policy = head.policy;
            own.last_at_ms = head.last_at_ms;
            for (key, completed) in head.completed {
                own.completed.add(key, completed);
            }
        }
    }
}

fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX)
}

/// What the threads share.
struct Loading<'a, R> {
    live: &'a Live,
    sections: u32,
    read: &'a R,
    next_section: AtomicU32,
    next_slot: AtomicU32,
    has_failed: AtomicBool,
    result: Mutex<Parts>,
}

/// What the threads bring together.
#[derive(Default)]
struct Parts {
    sum: FingerprintSum,
    sessions: u64,
    heads: Vec<(u32, Head)>,
    /// Slots claimed and not used.
    free: Vec<Slot>,
    greatest_id: Option<SessionId>,
    /// The first that came.
    error: Option<LoadError>,
}

impl<'a, R> Loading<'a, R>
where
    R: Fn(u32) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Sync,
{
    fn new(live: &'a Live, plan: &LoadPlan, read: &'a R) -> Self {
        Self {
            live,
            sections: plan.sections,
            read,
            next_section: AtomicU32::new(0),
            // There is no slot 0, and a claim begins at the first shard.
            next_slot: AtomicU32::new(SHARDS),
            has_failed: AtomicBool::new(false),
            result: Mutex::default(),
        }
    }

    /// One thread's part: section after section, until there is none or one failed.
    fn work(&self) {
        let mut batch = Batch::new(self.live);
        let mut parts = Parts::default();
        while !self.has_failed.load(Ordering::Relaxed) {
            let section = self.next_section.fetch_add(1, Ordering::Relaxed);
            if section >= self.sections {
                break;
            }
            if let Err(error) = self.load(section, &mut batch, &mut parts) {
                self.has_failed.store(true, Ordering::Relaxed);
                parts.error = Some(error);
            }
        }
        let mut all = self.result.lock();
        all.sum.merge(&parts.sum);
        all.sessions += parts.sessions;
        all.heads.append(&mut parts.heads);
        all.free.append(&mut parts.free);
        all.greatest_id = all.greatest_id.max(batch.greatest_id());
        all.error = all.error.take().or(parts.error);
    }

    fn load(
        &self,
        section: u32,
        batch: &mut Batch<'_>,
        parts: &mut Parts,
    ) -> Result<(), LoadError> {
        let bytes = (self.read)(section).map_err(|source| LoadError::Read { section, source })?;
        let read = decode(&bytes).map_err(|source| LoadError::Section { section, source })?;
        match read {
            Section::Head(head) => parts.heads.push((section, head)),
            Section::Sessions(sessions) => self.fill(section, *sessions, batch, parts),
        }
        Ok(())
    }

    fn fill(
        &self,
        section: u32,
        mut sessions: Sessions<'_>,
        batch: &mut Batch<'_>,
        parts: &mut Parts,
    ) {
        // Before the rows are locked, for users come before rows.
        sessions.replace_users(|user| (!user.is_in_place()).then(|| self.live.users.shared(user)));
        let len = u32::try_from(sessions.len()).expect("a section is small");
        let first = self.claim(len);
        let rounds = len.div_ceil(SHARDS);
        for number in 0..SHARDS {
            // Those who begin at the same time begin far from each other.
            let shard = (number + section % SHARDS * APART) % SHARDS;
            let slots = (0..rounds).filter_map(|round| {
                Slot::of_number(first + round * SHARDS + shard)
                    .filter(|_| round * SHARDS + shard < len)
            });
            batch.rows(shard, slots, &mut sessions, &mut parts.sum);
        }
        let unused = (first + len..first + rounds * SHARDS).filter_map(Slot::of_number);
        parts.free.extend(unused);
        parts.sessions += u64::from(len);
        batch.flush();
    }

    /// The first of so many slots, rounded up to go round all shards.
    fn claim(&self, len: u32) -> u32 {
        let len = len.div_ceil(SHARDS) * SHARDS;
        let first = self.next_slot.fetch_add(len, Ordering::Relaxed);
        assert!(first.checked_add(len).is_some(), "2^32 rows are 512 GiB");
        first
    }
}
