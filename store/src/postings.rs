//! Where the events about a session, a user or a token are, so that a question about one session
//! reads those and no others.
//!
//! The postings are derived and disposable: plain files in a folder beside the history's index, each
//! of so many consecutive events, and one in memory for the events behind them. What they have not,
//! or have in a file that does not verify, is read event by event: an answer is the same with them
//! and without. The bytes are in `passbook_projections::postings`, the files in `postings/files.rs`,
//! the thread that makes them in `postings/feeder.rs`.

mod feeder;
mod files;
mod stretch;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use passbook_core::{Event, codec};
use passbook_journal::{Journal, Keep, ReadError, Record};
use passbook_projections::postings::{BLOCK_EVENTS_MAX, BadBlock, Block, Draft, Tie};

pub(crate) use self::{feeder::Poster, stretch::Stretch};
use self::{files::Files, stretch::Known};
use crate::{compaction::keep, error::LedgerError};

/// Events that are added in one go.
const ROUND_EVENTS: u64 = 4_096;

/// Where the events about a session are, by which [`Replay`](crate::Replay) finds them: a file for
/// each 65,536 events, and in memory what is behind the last one, 2 MiB at most. A ledger in a
/// folder keeps them with its history's index, and asks them on its own; for a folder that is only
/// read there is [`of_ledger`](Self::of_ledger), also while another process has the ledger open.
///
/// They hold no name, no token and no address: 32 bits of a hash of each session, token and user, and
/// at which events. What retention has removed is in them no more, a moment after a ledger that keeps
/// them was opened or has removed it.
#[derive(Debug)]
pub struct Postings {
    files: Files,
    block_events: u64,
    /// Held by the one that adds, also while it reads and writes files. `state` is not: who asks waits
    /// for no disk but for the first look at the folder.
    adding: Mutex<()>,
    /// All up to here is in, as the one that adds left it.
    through: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_loaded: bool,
    /// Those that can be used, in order.
    blocks: Vec<Arc<Block>>,
    /// The one that is being made.
    draft: Option<Draft>,
    /// First sequences of files that can't be used.
    bad: Vec<u64>,
    /// First and last sequence of what no block can be made of.
    untied: Vec<(u64, u64)>,
}

impl Postings {
    /// The postings in that folder, of the ledger of that id. Nothing is read before they are asked.
    pub fn in_folder(folder: impl Into<PathBuf>, store: [u8; 16]) -> Self {
        let files = Files::new(folder.into(), store);
        Self {
            files,
            block_events: BLOCK_EVENTS_MAX,
            adding: Mutex::default(),
            through: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// The postings that a ledger keeps in its own folder.
    pub fn of_ledger(ledger: &Path, store: [u8; 16]) -> Self {
        Self::beside_index(&ledger.join("idx"), store)
    }

    /// Those beside the history's index in that folder.
    pub(crate) fn beside_index(index: &Path, store: [u8; 16]) -> Self {
        Self::in_folder(index.join("postings"), store)
    }

    /// How many events a new file has, at most [`BLOCK_EVENTS_MAX`], which it is if not said. Files
    /// that are there stay as they are.
    #[must_use]
    pub fn with_block_events(mut self, events: u64) -> Self {
        self.block_events = events.clamp(1, BLOCK_EVENTS_MAX);
        self
    }

    /// Adds what is missing of the journal's durable events up to `through`, and removes what does not
    /// belong there. Only whoever has the ledger open for writing may do that.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use passbook::{Postings, Replay, journal::{Journal, MemoryJournal}};
    /// let journal = std::sync::Arc::new(MemoryJournal::new());
    /// let ledger = passbook::Ledger::builder().journal(journal.clone()).open().await?;
    /// let login = ledger.create("ann").await?;
    /// let folder = tempfile::tempdir()?;
    /// let postings = Postings::in_folder(folder.path(), [7; 16]);
    /// postings.fill(&*journal, journal.durable())?;
    /// let replay = Replay::over(&*journal, ledger.now_ms()).with_postings(&postings);
    /// assert!(replay.explain(login.id)?.is_alive());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`]; [`LedgerError::Internal`] if the folder can't
    /// be written to.
    pub fn fill(&self, journal: &dyn Journal, through: u64) -> Result<(), LedgerError> {
        let through = through.min(journal.durable());
        while self.add(journal, through)? < through {}
        Ok(())
    }

    /// The event up to which nothing was missing after the last round; 0 before the first.
    pub fn through(&self) -> u64 {
        self.through.load(Ordering::Relaxed)
    }

    /// Splits `from..=through` where what is known begins and ends.
    pub(crate) fn stretches(
        &self,
        journal: &dyn Journal,
        (from, through): (u64, u64),
    ) -> Vec<Stretch<'_>> {
        let mut state = self.state.lock();
        self.load(&mut state, journal);
        let blocks = state
            .blocks
            .iter()
            .map(|block| (block.first(), block.last(), Known::Block(Arc::clone(block))));
        let draft = state.draft.iter().map(|draft| {
            let known = Known::Draft {
                first: draft.first(),
                time_last_ms: draft.time_last_ms(),
                happened_from_ms: draft.happened_from_ms(),
            };
            (draft.first(), draft.through(), known)
        });
        let mut known: Vec<_> = blocks.chain(draft).collect();
        known.sort_by_key(|(first, ..)| *first);
        let (mut stretches, mut next) = (Vec::new(), from);
        for (first, last, known) in known {
            if last < next || first > through {
                continue;
            }
            if first > next {
                stretches.push(Stretch { first: next, last: first - 1, known: None });
            }
            let (first, last) = (first.max(next), last.min(through));
            stretches.push(Stretch { first, last, known: Some((self, known)) });
            next = last + 1;
        }
        if next <= through {
            stretches.push(Stretch { first: next, last: through, known: None });
        }
        stretches
    }

    /// Reads what files there are, once.
    fn load(&self, state: &mut State, journal: &dyn Journal) {
        if state.is_loaded {
            return;
        }
        state.is_loaded = true;
        let (blocks, bad) = self.files.load();
        state.bad = bad;
        // From the newest on: each vouches for the one before.
        let mut vouched: Option<(u64, Tie)> = None;
        for block in blocks.into_iter().rev() {
            let overlaps = state.blocks.last().is_some_and(|later| later.first() <= block.last());
            let is_vouched = vouched == Some((block.last() + 1, block.tie()));
            let is_good = block.last() <= journal.durable()
                && !overlaps
                && (is_vouched || is_recorded(journal, block.tie()));
            if is_good {
                vouched = block.before().map(|before| (block.first(), before));
                state.blocks.push(Arc::new(block));
            } else {
                state.bad.push(block.first());
            }
        }
        state.blocks.reverse();
    }

    /// Adds a round of events up to `through`, which is durable: up to where nothing is missing now.
    fn add(&self, journal: &dyn Journal, through: u64) -> Result<u64, LedgerError> {
        let _adding = self.adding.lock();
        let added = self.add_round(journal, through)?;
        self.through.store(added, Ordering::Relaxed);
        Ok(added)
    }

    fn add_round(&self, journal: &dyn Journal, through: u64) -> Result<u64, LedgerError> {
        let kept_first = journal.extent().kept_first.max(1);
        self.tidy(journal, kept_first)?;
        let (from, end) = {
            let mut state = self.state.lock();
            let missing = state.missing_from(kept_first);
            if missing > through {
                return Ok(through);
            }
            let draft = state.draft.get_or_insert_with(|| Draft::new(missing));
            (draft.through() + 1, self.end_of(missing, &state.blocks))
        };
        let until = through.min(end).min(from.saturating_add(ROUND_EVENTS - 1));
        if from <= until {
            match read(journal, from, until) {
                Ok(read) => self.take(read, until),
                // The retention was faster: the next round begins behind it.
                Err(LedgerError::Read(ReadError::Trimmed { .. })) => return Ok(from - 1),
                Err(error) => return Err(error),
            }
        }
        if until == end { self.complete() } else { Ok(until) }
    }

    /// Removes what is not to be there: what does not verify, and what is of before that event.
    fn tidy(&self, journal: &dyn Journal, kept_first: u64) -> Result<(), LedgerError> {
        let removed = {
            let mut state = self.state.lock();
            self.load(&mut state, journal);
            let has_fallen = |block: &Arc<Block>| block.first() < kept_first;
            let fallen: Vec<_> = state.blocks.extract_if(.., |block| has_fallen(block)).collect();
            let missing = state.missing_from(kept_first);
            state.draft.take_if(|draft| draft.first() != missing);
            let fallen = fallen.iter().map(|block| block.first());
            fallen.chain(std::mem::take(&mut state.bad)).collect::<Vec<_>>()
        };
        removed.into_iter().try_for_each(|first| self.files.remove(first))
    }

    /// The last event of a block that begins there.
    fn end_of(&self, first: u64, blocks: &[Arc<Block>]) -> u64 {
        let end = first.div_ceil(self.block_events).saturating_mul(self.block_events);
        let later = blocks.iter().map(|block| block.first()).find(|later| *later > first);
        later.map_or(end, |later| end.min(later - 1))
    }

    /// Takes events into the draft, which then has all up to `until`.
    fn take(&self, read: Vec<(Record, Event)>, until: u64) {
        let mut state = self.state.lock();
        let Some(draft) = &mut state.draft else { return };
        for (record, event) in read {
            draft.add(record.sequence, record.time_ms, &event);
            if keep(&event.fact) == Keep::Whole {
                draft.tie_to(Tie::of(record.sequence, record.time_ms, &record.payload));
            }
        }
        draft.pass_to(until);
    }

    /// Makes a file of the draft, which has all that it is to have and serves until then.
    fn complete(&self) -> Result<u64, LedgerError> {
        let (draft, before) = {
            let state = self.state.lock();
            let Some(draft) = state.draft.clone() else { return Ok(0) };
            let before = state.blocks.iter().find(|block| block.last() + 1 == draft.first());
            let before = before.map(|block| block.tie());
            (draft, before)
        };
        let (first, last) = (draft.first(), draft.through());
        let bytes = draft.encode(self.files.store, before);
        let block = bytes.map(|bytes| self.files.write(first, &bytes)).transpose()?;
        let mut state = self.state.lock();
        match block {
            Some(block) => {
                let place = state.blocks.partition_point(|other| other.first() < first);
                state.blocks.insert(place, Arc::new(block));
            }
            None => state.untied.push((first, last)),
        }
        state.draft = None;
        Ok(last)
    }

    /// A block does not verify: it is read no more, and made again.
    fn doubt(&self, block: &Block, why: BadBlock) {
        tracing::warn!(first = block.first(), %why, "postings can't be used");
        let mut state = self.state.lock();
        let before = state.blocks.len();
        state.blocks.retain(|other| **other != *block);
        // Else somebody else was faster, and it may have been made again.
        if state.blocks.len() < before {
            state.bad.push(block.first());
        }
    }
}

impl State {
    /// The first event from `from` on that is in no block.
    fn missing_from(&self, from: u64) -> u64 {
        let mut covered: Vec<_> =
            self.blocks.iter().map(|block| (block.first(), block.last())).collect();
        covered.extend(&self.untied);
        covered.sort_unstable();
        covered.into_iter().fold(
            from,
            |next, (first, last)| {
                if first <= next { next.max(last + 1) } else { next }
            },
        )
    }
}

/// Whether the journal has that very record.
fn is_recorded(journal: &dyn Journal, tie: Tie) -> bool {
    let record = journal.read_kept(tie.sequence).ok().and_then(|mut records| records.next());
    matches!(
        record,
        Some(Ok(record)) if Tie::of(record.sequence, record.time_ms, &record.payload) == tie
    )
}

/// The events of `from..=until`, with their records.
fn read(journal: &dyn Journal, from: u64, until: u64) -> Result<Vec<(Record, Event)>, LedgerError> {
    let mut read = Vec::new();
    for record in journal.read_kept(from)? {
        let record = record?;
        if record.sequence > until {
            break;
        }
        let sequence = record.sequence;
        let event = codec::decode(&record.payload)
            .map_err(|cause| LedgerError::Event { sequence, cause: Arc::new(cause) })?;
        read.push((record, event));
        if sequence == until {
            break;
        }
    }
    Ok(read)
}
