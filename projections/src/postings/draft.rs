//! The block that is not complete, in memory.

use passbook_core::Event;

use super::{
    BLOCK_EVENTS_MAX, TIMES_EVERY, begin_for,
    block::{Header, Tie},
    key::{Key, keys_of},
    page::{self, Entry, PAGE_ENTRIES},
};

/// A block in the making: at most two entries of eight bytes an event, 1 MiB in all, and up to as
/// much again as its list grows.
///
/// ```
/// use passbook_core::{Actor, Event, Fact, Origin, SessionId};
/// use passbook_projections::postings::{Draft, Key};
/// # let fact = Fact::Compacted { effective_now_ms: 7, ended: 0, policy_version: 0 };
/// # let (actor, origin) = (Actor::System, Origin::default());
/// # let event = Event { at_ms: 7, occurred_at_ms: None, actor, origin, note: None, key: None, fact };
/// let mut draft = Draft::new(1);
/// draft.add(3, 7, &event); // which is a compaction
/// assert_eq!((draft.through(), draft.sequences(&[Key::Sweep])), (3, vec![3]));
/// assert!(draft.sequences(&[Key::Policy]).is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Draft {
    first: u64,
    through: u64,
    time_last_ms: u64,
    times: Vec<u64>,
    tie: Option<Tie>,
    happened_from_ms: u64,
    entries: Vec<Entry>,
}

impl Draft {
    /// Nothing yet, from `first` on.
    pub fn new(first: u64) -> Self {
        let through = first.saturating_sub(1);
        Self {
            first,
            through,
            time_last_ms: 0,
            times: vec![0],
            tie: None,
            happened_from_ms: u64::MAX,
            entries: Vec::new(),
        }
    }

    /// The first sequence.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// All up to here is in; one less than the first = nothing.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// When the last of its records was recorded, in Unix milliseconds; 0 = there is none.
    pub fn time_last_ms(&self) -> u64 {
        self.time_last_ms
    }

    /// As [`Block::happened_from_ms`](super::Block::happened_from_ms).
    pub fn happened_from_ms(&self) -> u64 {
        self.happened_from_ms
    }

    /// Adds the next event, recorded at that time in Unix milliseconds. Sequences may leave some out:
    /// those of which only the leaf is kept.
    ///
    /// # Panics
    /// If the sequence is not behind the last one, or too far behind the first: the caller's mistake.
    pub fn add(&mut self, sequence: u64, time_ms: u64, event: &Event) {
        assert!(sequence > self.through, "events come in order");
        let ordinal = self.ordinal(sequence);
        self.note_times(sequence);
        self.time_last_ms = self.time_last_ms.max(time_ms);
        self.through = sequence;
        if event.happened_at_ms() < time_ms {
            self.happened_from_ms = self.happened_from_ms.min(event.happened_at_ms());
        }
        for key in keys_of(event).into_iter().flatten() {
            self.entries.push((key.hash(), ordinal));
        }
    }

    /// Of what is up to `through`, nothing more is kept.
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub fn pass_to(&mut self, through: u64) {
        if through > self.through {
            self.ordinal(through);
            self.note_times(through);
            self.through = through;
        }
    }

    /// Ties it to that record, one of those that are in: see [above](super#whose-events-they-are).
    pub fn tie_to(&mut self, tie: Tie) {
        self.tie = Some(tie);
    }

    /// The sequences at which any of the keys may be found, rising.
    pub fn sequences(&self, keys: &[Key<'_>]) -> Vec<u64> {
        let hashes: Vec<u32> = keys.iter().map(Key::hash).collect();
        let found = self.entries.iter().filter(|(hash, _)| hashes.contains(hash));
        let mut found: Vec<u64> =
            found.map(|(_, ordinal)| self.first + u64::from(*ordinal)).collect();
        found.dedup();
        found
    }

    /// Where to begin so that no record of that time or later is missed, in Unix milliseconds.
    pub fn begin_for(&self, time_ms: u64) -> u64 {
        begin_for(self.first, &self.times, time_ms)
    }

    /// The bytes of a complete block, of the ledger of that id, behind the block with that tie. `None`
    /// if there is nothing to tie it to: not one of its records is kept whole.
    pub fn encode(&self, store: [u8; 16], before: Option<Tie>) -> Option<Vec<u8>> {
        let tie = self.tie?;
        let mut entries = self.entries.clone();
        entries.sort_unstable();
        let pages = || entries.chunks(PAGE_ENTRIES);
        let header = Header {
            store,
            first: self.first,
            last: self.through,
            time_last_ms: self.time_last_ms,
            entries: u32::try_from(entries.len()).ok()?,
            tie,
            before,
            happened_from_ms: self.happened_from_ms,
            times: self.times.clone(),
            fence: pages().filter_map(|page| page.first()).map(|(hash, _)| *hash).collect(),
        };
        let (mut bytes, checksum) = header.encode();
        for (number, page) in pages().enumerate() {
            bytes.extend_from_slice(&page::encode(checksum, number, page));
        }
        Some(bytes)
    }

    fn ordinal(&self, sequence: u64) -> u16 {
        let ordinal = sequence - self.first;
        assert!(ordinal < BLOCK_EVENTS_MAX, "a block has so many events");
        u16::try_from(ordinal).expect("fewer than 65,536")
    }

    /// Notes the times that are due before this sequence.
    fn note_times(&mut self, sequence: u64) {
        let steps = usize::try_from((sequence - self.first) / TIMES_EVERY).unwrap_or_default();
        if self.times.len() <= steps {
            self.times.resize(steps + 1, self.time_last_ms);
        }
    }
}
