//! One opening of a disk image, as a process would do it, watched: it may not panic nor take more
//! memory than its input is worth.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use passbook::{
    Ledger, LedgerError, SeededEntropy, SimClock,
    core::codec,
    journal::{FileJournal, Journal as _, OpenError, Options, ReadError, Recovery, sim::SimVfs},
};

use super::{opaque::Follow, truth::Content};
use crate::rig::{FOLDER, options};

/// Memory that an opening may take beyond the bytes of its files.
pub const ALLOCATION_BYTES_MAX: u64 = 64 << 20;

/// Length of the segments that the suites use: the shortest.
pub const SEGMENT_BYTES: u64 = 16 << 10;

/// The journal's settings in the suites.
pub fn small(vfs: &SimVfs) -> Options {
    Options { segment_bytes: SEGMENT_BYTES, ..options(vfs) }
}

/// An opened image.
#[derive(Debug)]
pub enum Life {
    /// Records that are any bytes.
    Journal {
        /// The journal.
        journal: FileJournal,
        /// What the opening found.
        recovery: Box<Recovery>,
        /// What the replay came to.
        followed: Follow,
    },
    /// A ledger as an application opens it.
    Ledger(Ledger),
}

/// A record that was read back: sequence, time, bytes.
pub(super) type Kept = (u64, u64, Vec<u8>);

impl Life {
    /// Opens. The outer error is one that no opening may give.
    ///
    /// # Errors
    /// A panic, or too much memory.
    pub fn open(
        content: Content,
        image: &SimVfs,
        now_ms: u64,
    ) -> Result<Result<Self, Arc<OpenError>>, String> {
        let mut opened = None;
        let taken = allocation_counter::measure(|| {
            opened = Some(catch_unwind(AssertUnwindSafe(|| Self::begin(content, image, now_ms))));
        });
        if taken.bytes_max > ALLOCATION_BYTES_MAX {
            let files = image.files();
            let lengths = files.iter().filter_map(|path| image.read_all(path)).map(|all| all.len());
            let input = u64::try_from(lengths.sum::<usize>()).expect("small");
            if taken.bytes_max > input + ALLOCATION_BYTES_MAX {
                return Err(format!("the opening took {} bytes for {input}", taken.bytes_max));
            }
        }
        match opened {
            Some(Ok(opened)) => opened,
            Some(Err(_)) | None => Err("the opening panicked".to_owned()),
        }
    }

    fn begin(
        content: Content,
        image: &SimVfs,
        now_ms: u64,
    ) -> Result<Result<Self, Arc<OpenError>>, String> {
        if content == Content::Opaque {
            let mut followed = Follow::default();
            let opened = FileJournal::open(Path::new(FOLDER), small(image), &mut followed);
            return Ok(match opened {
                Ok((journal, recovery)) => {
                    Ok(Self::Journal { journal, recovery: Box::new(recovery), followed })
                }
                Err(error) => Err(Arc::new(error)),
            });
        }
        let opened = Ledger::builder()
            .path(FOLDER)
            .journal_options(small(image))
            .clock(Arc::new(SimClock::at_ms(now_ms)))
            .entropy(Arc::new(SeededEntropy::new(7)))
            .sweep_interval(None)
            .compaction(None)
            .open_blocking();
        match opened {
            Ok(ledger) => Ok(Ok(Self::Ledger(ledger))),
            Err(LedgerError::Open(error)) => Ok(Err(error)),
            Err(error) => Err(format!("the opening failed otherwise: {error}")),
        }
    }

    /// Sequence and digest of the state that it serves.
    ///
    /// # Errors
    /// What verified and was wrong all the same.
    pub fn state(&self) -> Result<(u64, [u8; 32]), String> {
        match self {
            Self::Journal { followed: Follow { wrong: Some(wrong), .. }, .. } => Err(wrong.clone()),
            Self::Journal { followed, .. } => Ok((followed.sequence, followed.state)),
            Self::Ledger(ledger) => Ok((ledger.sequence(), ledger.fingerprint())),
        }
    }

    /// What the opening found.
    ///
    /// # Errors
    /// If the ledger does not say.
    pub fn recovery(&self) -> Result<&Recovery, String> {
        match self {
            Self::Journal { recovery, .. } => Ok(recovery),
            Self::Ledger(ledger) => {
                ledger.opened().recovery.as_ref().ok_or_else(|| "no recovery".to_owned())
            }
        }
    }

    /// Every record that is kept, from `from` on.
    ///
    /// # Errors
    /// The journal's.
    pub(super) fn kept(&self, from: u64) -> Result<Result<Vec<Kept>, ReadError>, String> {
        match self {
            Self::Journal { journal, .. } => Ok(journal.read_kept(from).and_then(|records| {
                records
                    .map(|record| record.map(|one| (one.sequence, one.time_ms, one.payload)))
                    .collect()
            })),
            Self::Ledger(ledger) => {
                let events = match ledger.events(from) {
                    Ok(events) => events,
                    Err(LedgerError::Read(error)) => return Ok(Err(error)),
                    Err(error) => return Err(error.to_string()),
                };
                let mut kept = Vec::new();
                for recorded in events {
                    match recorded {
                        Ok(one) => {
                            let bytes = codec::encode(&one.event).map_err(|e| e.to_string())?;
                            kept.push((one.sequence, one.event.at_ms, bytes));
                        }
                        Err(LedgerError::Read(error)) => return Ok(Err(error)),
                        Err(error) => return Err(error.to_string()),
                    }
                }
                Ok(Ok(kept))
            }
        }
    }
}
