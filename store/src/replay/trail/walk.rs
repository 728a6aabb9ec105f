//! Which events a session's way is looked for in.
//!
//! Where the postings know where anything is, these are read: the events about the session, those
//! that end all sessions of its user, and the policies. A sweep names nobody, and there may be one
//! for every minute; but it ends nothing before its time has come, so only those that were recorded
//! since the session's expiry, with no event about it before, can have ended it. Everywhere else
//! every event is looked at.

use std::collections::BTreeSet;

use passbook_core::{Text, session::NEVER_MS};
use passbook_journal::{Journal, Record};
use passbook_projections::postings::Key;

use super::fold::Fold;
use crate::{
    error::LedgerError,
    postings::Stretch,
    replay::{
        Replay,
        moment::{At, Belongs, belongs},
        picker::Picker,
    },
};

/// Events back that are looked at first for the last one that is kept.
const LAST_EVENTS: u64 = 64;

/// A walk up to a moment.
pub(super) struct Walk<'a, 'r> {
    replay: &'a Replay<'r>,
    journal: &'r dyn Journal,
    picker: Picker<'r>,
    at: At,
}

impl<'a, 'r> Walk<'a, 'r> {
    pub(super) fn new(replay: &'a Replay<'r>, at: At) -> Self {
        Self { replay, journal: replay.journal, picker: Picker::new(replay.journal), at }
    }

    /// Goes on from the event `from` to the end of the session, or to the moment.
    pub(super) fn follow(mut self, mut fold: Fold, from: u64) -> Result<Fold, LedgerError> {
        let last = match self.at {
            At::Sequence(last) => last,
            At::Time(_) => self.journal.durable(),
        };
        let mut were_all_read = true;
        for stretch in self.replay.stretches(from, last) {
            let rest = if stretch.is_known() {
                were_all_read = false;
                self.pick(&stretch, &mut fold)?
            } else {
                Some(stretch.first)
            };
            if let Some(rest) = rest {
                self.read_all(&mut fold, (rest, stretch.last))?;
            }
            if fold.end.is_some() {
                self.find_the_evictor(&mut fold)?;
                return Ok(fold);
            }
        }
        if !were_all_read {
            let recorded_ms = self.last_recorded_ms(from, last)?;
            fold.last_at_ms = fold.last_at_ms.max(recorded_ms);
        }
        Ok(fold)
    }

    /// Looks at all of these events, up to the session's end.
    fn read_all(&self, fold: &mut Fold, (from, until): (u64, u64)) -> Result<(), LedgerError> {
        for record in self.journal.read_kept(from)? {
            let record = record?;
            if record.sequence > until {
                break;
            }
            self.take(fold, &record)?;
            if fold.end.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn take(&self, fold: &mut Fold, record: &Record) -> Result<(), LedgerError> {
        match belongs(record, self.at)? {
            Belongs::Yes => fold.take(record),
            Belongs::No | Belongs::NorWhatFollows => Ok(()),
        }
    }

    /// Looks at those events of the stretch that can concern the session. If the postings fail, gives
    /// from where on all are to be looked at.
    fn pick(&mut self, stretch: &Stretch<'_>, fold: &mut Fold) -> Result<Option<u64>, LedgerError> {
        let mut next = stretch.first;
        let mut user = user_of(fold);
        let mut keys = vec![Key::Session(fold.id), Key::Policy];
        keys.extend(user.iter().map(|user| Key::AllOf(user)));
        let Some(found) = stretch.find(&keys) else { return Ok(Some(next)) };
        let mut wanted: BTreeSet<u64> = found.into_iter().collect();
        loop {
            // From its login on, and again when a guest becomes a user.
            if let Some(now) = user_of(fold).filter(|now| user.as_ref() != Some(now)) {
                let Some(found) = stretch.find(&[Key::AllOf(&now)]) else { return Ok(Some(next)) };
                wanted.extend(found);
                user = Some(now);
            }
            let picked = wanted.range(next..).next().copied();
            let record = picked.map(|sequence| self.picker.pick(sequence)).transpose()?.flatten();
            let (until, time_ms) = match (picked, &record) {
                (Some(picked), Some(record)) => (picked, record.time_ms),
                (Some(picked), None) => (picked, stretch.time_last_ms()),
                (None, _) => (stretch.last + 1, stretch.time_last_ms()),
            };
            if !self.sweeps(stretch, fold, (next, until, time_ms))? {
                return Ok(Some(next));
            }
            let Some(picked) = picked.filter(|_| fold.end.is_none()) else { return Ok(None) };
            if let Some(record) = record {
                self.take(fold, &record)?;
            }
            if fold.end.is_some() {
                return Ok(None);
            }
            next = picked + 1;
        }
    }

    /// Looks at the sweeps of `from..until` that can have ended the session; nothing there was
    /// recorded behind `time_ms`. Whether it is known which there are.
    fn sweeps(
        &mut self,
        stretch: &Stretch<'_>,
        fold: &mut Fold,
        (from, until, time_ms): (u64, u64, u64),
    ) -> Result<bool, LedgerError> {
        let Some(state) = fold.session() else { return Ok(true) };
        let expires_at_ms = state.session.expires_at_ms;
        // A sweep ends what had expired when it was recorded.
        if from >= until || expires_at_ms == NEVER_MS || time_ms < expires_at_ms {
            return Ok(true);
        }
        let Some(found) = stretch.find(&[Key::Sweep]) else { return Ok(false) };
        let begin = stretch.begin_for(expires_at_ms).max(from);
        // What went before is picked up behind, so it needs a place of its own.
        let mut picker = Picker::new(self.journal);
        for sequence in found.into_iter().filter(|found| (begin..until).contains(found)) {
            let Some(record) = picker.pick(sequence)? else { continue };
            // No sweep is an import.
            if matches!(self.at, At::Time(last_ms) if record.time_ms > last_ms) {
                break;
            }
            self.take(fold, &record)?;
            if fold.end.is_some() {
                break;
            }
        }
        Ok(true)
    }

    /// The login that the session had to make room for stands behind its end, in the same group.
    fn find_the_evictor(&self, fold: &mut Fold) -> Result<(), LedgerError> {
        let Some(end) = fold.end.as_ref().filter(|_| fold.looks_for_the_evictor()) else {
            return Ok(());
        };
        for record in self.journal.read_kept(end.recorded.sequence + 1)? {
            let record = record?;
            if record.group_first || matches!(self.at, At::Sequence(last) if record.sequence > last)
            {
                break;
            }
            self.take(fold, &record)?;
            if !fold.looks_for_the_evictor() {
                break;
            }
        }
        Ok(())
    }

    /// When the last event of these was recorded of which more than the leaf is kept, in Unix
    /// milliseconds; 0 = there is none.
    fn last_recorded_ms(&self, from: u64, last: u64) -> Result<u64, LedgerError> {
        let mut back = LAST_EVENTS;
        loop {
            let first = last.saturating_sub(back).max(from);
            let mut found = None;
            for record in self.journal.read_kept(first)? {
                let record = record?;
                if record.sequence > last {
                    break;
                }
                found = Some(record.time_ms);
            }
            if found.is_some() || first == from {
                return Ok(found.unwrap_or_default());
            }
            back = back.saturating_mul(LAST_EVENTS);
        }
    }
}

/// Whose it is now.
fn user_of(fold: &Fold) -> Option<Text> {
    fold.session().map(|state| state.session.user_id)
}
