//! Which suite catches which planted bug: the proof of the proof. Each bug is one line in the
//! product, behind a switch that only this package turns on (see `passbook_planted`).

use passbook_planted::{Bug, plant};

use crate::{
    plan::{Failure, Plan, Report},
    suites::SUITES,
};

/// A bug, the suite that must catch it, and within how many cases.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// What is wrong.
    pub bug: Bug,
    /// Who must notice.
    pub suite: &'static str,
    /// Cases of seed 1 that are enough for it.
    pub cases: u64,
}

const fn caught(bug: Bug, suite: &'static str, cases: u64) -> Planted {
    Planted { bug, suite, cases }
}

/// All of them, by suite.
pub const PLANTED: &[Planted] = &[
    caught(Bug::SegmentUnnamed, "crash", 400),
    caught(Bug::SegmentHeaderUnsynced, "crash", 400),
    caught(Bug::ManifestUnsynced, "crash", 400),
    caught(Bug::ManifestUnnamed, "crash", 400),
    caught(Bug::SnapshotUnsynced, "crash", 400),
    caught(Bug::SnapshotUnnamed, "crash", 400),
    caught(Bug::ArchiveUnsynced, "crash", 400),
    caught(Bug::ArchiveUnnamed, "crash", 400),
    caught(Bug::DeletedBeforeManifest, "crash", 400),
    caught(Bug::RetainedWithoutStub, "crash", 400),
    caught(Bug::AnsweredBeforeSync, "crash", 400),
    caught(Bug::AnsweredOutOfOrder, "model", 500),
    caught(Bug::WatermarkAhead, "crash", 400),
    caught(Bug::HeaderAhead, "crash", 400),
    caught(Bug::TailNotSynced, "crash", 400),
    caught(Bug::TailNotQuarantined, "crash", 400),
    caught(Bug::TornBatchTaken, "crash", 400),
    caught(Bug::TailNotRewritten, "faults", 200),
    caught(Bug::SecondSyncBelieved, "faults", 200),
    caught(Bug::FullDiskSwallowed, "faults", 200),
    caught(Bug::InterruptionSwallowed, "faults", 200),
    caught(Bug::ShortWriteBelieved, "faults", 200),
    caught(Bug::PoisonForgotten, "faults", 200),
    caught(Bug::WatermarkUnheard, "blocks", 400),
    caught(Bug::LaterBatchUnheard, "blocks", 400),
    caught(Bug::SectionUnchecked, "flip", 400),
    caught(Bug::FrameUnchecked, "flip", 400),
    caught(Bug::NoSalt, "blocks", 200),
    caught(Bug::ChainUnchecked, "blocks", 200),
    caught(Bug::ReuseIsARace, "model", 500),
    caught(Bug::NewestEvicted, "model", 500),
    caught(Bug::AbsoluteTimeoutIgnored, "model", 500),
    caught(Bug::AppliedBeforeDurable, "model", 500),
    caught(Bug::ReplayExpires, "model", 500),
    caught(Bug::RevokeMissesFlight, "model", 500),
    caught(Bug::RevokeAllMissesFlight, "model", 500),
    caught(Bug::ClockBelieved, "model", 500),
    caught(Bug::SpentForgotten, "model", 500),
    caught(Bug::UserNotRelinked, "model", 500),
    caught(Bug::ExpiryNotLoaded, "model", 500),
    caught(Bug::KeyForgotten, "model", 500),
    caught(Bug::LiveSessionSwept, "model", 500),
    caught(Bug::EndNotArchived, "simulation", 100),
];

impl Planted {
    /// Runs the suite with the bug in place, one case after another.
    ///
    /// # Errors
    /// The case that caught it: that is what is wanted.
    pub fn run(&self) -> Result<Report, Failure> {
        let suite = SUITES.iter().find(|suite| suite.name == self.suite);
        let suite = suite.expect("the table names suites that there are");
        let plan = Plan { threads: 1, shrinks_max: 0, ..Plan::of_cases(self.cases) };
        plant(Some(self.bug));
        let outcome = (suite.run)(&plan);
        plant(None);
        outcome
    }
}
