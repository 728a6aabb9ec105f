//! An exact picture of one moment, taken while events go on.
//!
//! A capture begins between two events. From then on the writer sets a row aside before it changes
//! one that the capture has not copied; rows that come into slots later are no part of the picture.
//! So the writer never waits for the walk but for the copy of a few rows of one shard.
//!
//! Outcomes of commands by idempotency key are not set aside: those that the writer forgets during
//! the capture, because their window has passed, may be missing. Nobody could ask for them any more.

use std::{fmt, mem, ops::Range, sync::atomic::Ordering};

use passbook_core::{
    FingerprintSum, PolicyInForce,
    snapshot::{Head, SECTION_SESSIONS_MAX, SessionRecord, encode_head, encode_sessions},
};
use thiserror::Error;

use super::{Live, shards::SHARDS};

/// Sessions in a section, where nobody asks for another number; the last may have fewer. What a
/// thread makes of them when it loads them stays in the cache next to its processor.
const SECTION_SESSIONS_DEFAULT: usize = 4_096;
/// More sections than this are not made, but larger ones: a snapshot has at most 65,536.
const SECTIONS_MAX: usize = 32_768;
/// Remembered commands in a section; the last may have fewer.
const SECTION_COMMANDS: u64 = 16_384;
/// Rows copied under one lock: some 20 us.
const STEP_ROWS: usize = 256;
/// Remembered commands copied under one lock.
const STEP_COMMANDS: u64 = 256;

/// Another capture of the same table runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the table is being captured already")]
pub struct CaptureRunning;

/// What a capture came to, once all of its sections were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// How many sessions were there.
    pub sessions: u64,
    /// The fingerprint of the state at that moment.
    pub digest: [u8; 32],
}

/// A running capture: gives sections until there are no more. Dropped before, it leaves nothing
/// behind.
///
/// Memory: one section, and every session that changed before it was copied.
pub struct Capture<'a> {
    live: &'a Live,
    policy: PolicyInForce,
    last_at_ms: u64,
    /// Commands not given yet; `None` once the last head was given.
    commands: Option<Range<u64>>,
    /// `None` once every row was copied.
    walk: Option<Walk>,
    /// Copied and not given.
    records: Vec<SessionRecord>,
    section_sessions: usize,
    sum: FingerprintSum,
    form: Vec<u8>,
    sessions: u64,
}

/// How far the copy is: so many rows of every shard, and of those before `shard` a step more. Slots
/// go round the shards, so sessions of a section were opened at about the same time.
#[derive(Debug, Clone, Copy, Default)]
struct Walk {
    from: usize,
    shard: u32,
    has_more: bool,
}

impl<'a> Capture<'a> {
    /// Begins; the caller is the one writer, between two events.
    pub(super) fn begin(live: &'a Live, highest: u32) -> Result<Self, CaptureRunning> {
        if live.is_captured.swap(true, Ordering::Acquire) {
            return Err(CaptureRunning);
        }
        live.rows.begin_capture(highest);
        let head = live.head.read();
        Ok(Self {
            live,
            policy: head.policy,
            last_at_ms: head.last_at_ms,
            commands: Some(head.completed.places()),
            walk: Some(Walk::default()),
            records: Vec::new(),
            section_sessions: default_sessions(live.len()),
            sum: FingerprintSum::new(),
            form: Vec::new(),
            sessions: 0,
        })
    }

    /// Makes sections of so many sessions, at least 1 and at most
    /// [`SECTION_SESSIONS_MAX`]; without this they have 4,096, and more beyond 134 million sessions.
    #[must_use]
    pub fn sections_of(mut self, sessions: usize) -> Self {
        self.section_sessions = sessions.clamp(1, SECTION_SESSIONS_MAX);
        self
    }

    /// The next section; `None` after the last. The first are heads.
    pub fn section(&mut self) -> Option<Vec<u8>> {
        self.head_section().or_else(|| self.session_section())
    }

    /// How many sessions were given so far.
    pub fn given(&self) -> u64 {
        self.sessions
    }

    /// What it came to; `None` before the last section was given.
    pub fn captured(&self) -> Option<Captured> {
        let is_done = self.commands.is_none() && self.walk.is_none() && self.records.is_empty();
        is_done.then(|| Captured {
            sessions: self.sessions,
            digest: self.sum.finish(&self.policy, self.last_at_ms),
        })
    }

    fn head_section(&mut self) -> Option<Vec<u8>> {
        let left = self.commands.take()?;
        let end = left.end.min(left.start.saturating_add(SECTION_COMMANDS));
        let mut completed = Vec::new();
        let mut from = left.start;
        while from < end {
            let to = end.min(from + STEP_COMMANDS);
            let head = self.live.head.read();
            let listed = head.completed.listed(from..to);
            completed.extend(listed.map(|(key, completed)| (key.clone(), completed)));
            from = to;
        }
        self.commands = (end < left.end).then_some(end..left.end);
        Some(encode_head(&Head { policy: self.policy, last_at_ms: self.last_at_ms, completed }))
    }

    fn session_section(&mut self) -> Option<Vec<u8>> {
        while self.records.len() < self.section_sessions && self.step() {}
        let rest = self.records.split_off(self.records.len().min(self.section_sessions));
        let mut records = mem::replace(&mut self.records, rest);
        if records.is_empty() {
            return None;
        }
        records.sort_by_cached_key(|(state, _)| state.id());
        for (state, spent) in &records {
            self.sum.add_through(&mut self.form, state, spent);
            self.sessions += 1;
        }
        Some(encode_sessions(&records))
    }

    /// Copies a few rows; whether there may be more.
    fn step(&mut self) -> bool {
        let Some(Walk { from, shard, has_more }) = self.walk else { return false };
        // Room for them now: under the lock they are only copied.
        self.records.reserve(STEP_ROWS);
        let copied = self.live.rows.copy(shard, from, STEP_ROWS, &mut self.records);
        let copied = copied.expect("the shards remember the capture until its end");
        self.records.extend(copied.set_aside);
        let has_more = has_more || copied.has_more;
        let next = if shard + 1 < SHARDS {
            Some(Walk { from, shard: shard + 1, has_more })
        } else {
            has_more.then(|| Walk { from: from + STEP_ROWS, ..Walk::default() })
        };
        self.walk = next;
        if self.walk.is_none() {
            self.end();
        }
        self.walk.is_some()
    }

    fn end(&self) {
        self.live.rows.end_capture();
        self.live.is_captured.store(false, Ordering::Release);
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if self.walk.is_some() {
            self.end();
        }
    }
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("sessions", &self.sessions)
            .field("commands", &self.commands)
            .field("walk", &self.walk)
            .finish_non_exhaustive()
    }
}

fn default_sessions(live: usize) -> usize {
    (live / SECTIONS_MAX).clamp(SECTION_SESSIONS_DEFAULT, SECTION_SESSIONS_MAX)
}
