//! Defects that are planted on purpose, one at a time, to see that a suite catches each.
//!
//! Whoever could make such a mistake asks here, in one line at the place of the mistake. Without the
//! feature `planted` the answer is a constant `false`, so that nothing of it is left in a build.

#[cfg(feature = "planted")]
use std::sync::atomic::{AtomicU8, Ordering};

/// The number of the bug that is planted, from 1; 0 = none.
#[cfg(feature = "planted")]
static PLANTED: AtomicU8 = AtomicU8::new(0);

macro_rules! bugs {
    ($($(#[$what:meta])* $name:ident,)+) => {
        /// A defect, by what it does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$what])* $name,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

bugs! {
    // The order of what goes to the disk.
    /// A segment is put to use and its folder is not synced.
    SegmentUnnamed,
    /// A segment gets its name before its header is synced.
    SegmentHeaderUnsynced,
    /// The manifest gets its name before its bytes are synced.
    ManifestUnsynced,
    /// The manifest is renamed and its folder is not synced.
    ManifestUnnamed,
    /// A snapshot gets its name before its bytes are synced.
    SnapshotUnsynced,
    /// A snapshot is renamed and its folder is not synced.
    SnapshotUnnamed,
    /// An archive gets its name before its bytes are synced.
    ArchiveUnsynced,
    /// An archive replaces its segment before its folder is synced.
    ArchiveUnnamed,
    /// A segment is removed before the manifest says that its archive replaces it.
    DeletedBeforeManifest,
    /// Old archives are removed and no stub keeps their links.
    RetainedWithoutStub,
    // What is promised, and when.
    /// A batch is acknowledged without a sync.
    AnsweredBeforeSync,
    /// Who is answered first takes along all that are still under way.
    AnsweredOutOfOrder,
    /// The watermark says one record more than is durable.
    WatermarkAhead,
    /// A batch's header says that what was written before it is durable.
    HeaderAhead,
    /// What an opening found in the cache is not written again.
    TailNotRewritten,
    /// What an opening found in the cache is not synced.
    TailNotSynced,
    // What a failing disk is believed.
    /// A sync that failed is tried again, and the second one is believed.
    SecondSyncBelieved,
    /// A full disk is no reason to fail a write.
    FullDiskSwallowed,
    /// An interrupted sync counts as done.
    InterruptionSwallowed,
    /// A write that took half of the bytes counts as done.
    ShortWriteBelieved,
    /// A journal that failed takes groups again.
    PoisonForgotten,
    // What is taken for good.
    /// The checksums of batches don't depend on their segment's salt.
    NoSalt,
    /// A batch counts although a record's checksum differs.
    TornBatchTaken,
    /// What the watermark says counts for nothing at the end of the journal.
    WatermarkUnheard,
    /// What a later batch says counts for nothing at the end of the journal.
    LaterBatchUnheard,
    /// A torn end is zeroed without a copy of it.
    TailNotQuarantined,
    /// A snapshot's section is not held against its checksum.
    SectionUnchecked,
    /// An archive's frame is not held against its checksum.
    FrameUnchecked,
    /// Verification does not compute the chain from the payloads.
    ChainUnchecked,
    // Rules.
    /// A spent token is taken for a race however long ago it was spent.
    ReuseIsARace,
    /// The most recently active session goes when there are too many.
    NewestEvicted,
    /// A session may be extended past its absolute timeout.
    AbsoluteTimeoutIgnored,
    // State, and who sees it when.
    /// Readers see what is not durable yet.
    AppliedBeforeDurable,
    /// A replay ends sessions by the time of the event that it is at.
    ReplayExpires,
    /// Readers see a group before the decider has folded it over what is in flight.
    AppliedBeforeFolded,
    /// A command does not see that one before it ended a session.
    RevokeMissesFlight,
    /// To end all sessions of a user misses the login that is in flight.
    RevokeAllMissesFlight,
    /// A clock that steps back is believed.
    ClockBelieved,
    /// The archive keeps no more than the leaf of a session's end.
    EndNotArchived,
    /// The archive keeps no more than the leaf of a login.
    LoginNotArchived,
    /// A token that was changed for another is forgotten at once.
    SpentForgotten,
    /// A guest who becomes a user is found under the guest's name.
    UserNotRelinked,
    /// Sessions that come from a snapshot don't expire.
    ExpiryNotLoaded,
    /// What an idempotency key came to is forgotten once it is durable.
    KeyForgotten,
    /// A sweep ends what expires within a minute too.
    LiveSessionSwept,
}

impl Bug {
    /// Whether this bug is planted.
    #[cfg(feature = "planted")]
    #[inline]
    pub fn is_planted(self) -> bool {
        PLANTED.load(Ordering::Relaxed) == self.number()
    }

    /// Whether this bug is planted: never.
    #[cfg(not(feature = "planted"))]
    #[inline]
    pub const fn is_planted(self) -> bool {
        false
    }

    #[cfg(feature = "planted")]
    #[expect(clippy::as_conversions, reason = "the number of a variant without fields")]
    const fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// Does a step, unless the bug of leaving it out is planted.
///
/// # Errors
/// The step's.
#[inline]
pub fn unless<E>(bug: Bug, step: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    if bug.is_planted() { Ok(()) } else { step() }
}

/// Plants a bug in this process, in place of the one that was; `None` takes it out.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, Bug::number), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "planted"))]
    #[test]
    fn no_bug_is_planted() {
        assert!(Bug::ALL.iter().all(|bug| !bug.is_planted()));
        assert_eq!(unless(Bug::NoSalt, || Err(())), Err(()), "the step is done");
    }

    #[cfg(feature = "planted")]
    #[test]
    fn one_bug_is_planted_at_a_time() {
        assert!(Bug::ALL.iter().all(|bug| !bug.is_planted()), "none by itself");
        for bug in Bug::ALL {
            plant(Some(*bug));
            let planted = Bug::ALL.iter().filter(|bug| bug.is_planted());
            assert_eq!(planted.collect::<Vec<_>>(), [bug]);
            assert_eq!(unless(*bug, || Err(())), Ok(()), "the step is left out");
        }
        plant(None);
        assert!(Bug::ALL.iter().all(|bug| !bug.is_planted()));
    }
}
