//! Which suite catches which planted bug: the proof of the proof. Each bug is one line in the
//! product, behind a switch that only this package turns on (see `passbook_planted`).

use std::{
    panic::{set_hook, take_hook},
    sync::Mutex,
};

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
    caught(Bug::SegmentUnnamed, "crash", 100),
    caught(Bug::SegmentHeaderUnsynced, "crash", 100),
    caught(Bug::ManifestUnsynced, "crash", 100),
    caught(Bug::ManifestUnnamed, "crash", 100),
    caught(Bug::SnapshotUnsynced, "crash", 100),
    caught(Bug::SnapshotUnnamed, "crash", 100),
    caught(Bug::ArchiveUnsynced, "crash", 100),
    caught(Bug::ArchiveUnnamed, "crash", 100),
    caught(Bug::DeletedBeforeManifest, "crash", 100),
    caught(Bug::RetainedWithoutStub, "crash", 100),
    caught(Bug::AnsweredBeforeSync, "crash", 100),
    caught(Bug::AnsweredOutOfOrder, "model", 500),
    caught(Bug::WatermarkAhead, "crash", 100),
    caught(Bug::HeaderAhead, "crash", 300),
    caught(Bug::TailNotSynced, "crash", 100),
    caught(Bug::TailNotQuarantined, "crash", 100),
    caught(Bug::TornBatchTaken, "crash", 100),
    caught(Bug::TailNotRewritten, "faults", 100),
    caught(Bug::SecondSyncBelieved, "faults", 100),
    caught(Bug::FullDiskSwallowed, "faults", 100),
    caught(Bug::InterruptionSwallowed, "faults", 100),
    caught(Bug::ShortWriteBelieved, "faults", 100),
    caught(Bug::PoisonForgotten, "faults", 100),
    caught(Bug::WatermarkUnheard, "blocks", 200),
    caught(Bug::LaterBatchUnheard, "blocks", 200),
    caught(Bug::SectionUnchecked, "flip", 100),
    caught(Bug::FrameUnchecked, "flip", 100),
    caught(Bug::NoSalt, "blocks", 200),
    caught(Bug::ChainUnchecked, "blocks", 200),
    caught(Bug::ReuseIsARace, "model", 200),
    caught(Bug::NewestEvicted, "model", 200),
    caught(Bug::AbsoluteTimeoutIgnored, "model", 1_000),
    caught(Bug::AppliedBeforeDurable, "model", 200),
    caught(Bug::ReplayExpires, "model", 200),
    caught(Bug::RevokeMissesFlight, "model", 200),
    caught(Bug::RevokeAllMissesFlight, "model", 200),
    caught(Bug::ClockBelieved, "model", 200),
    caught(Bug::SpentForgotten, "model", 200),
    caught(Bug::UserNotRelinked, "model", 200),
    caught(Bug::ExpiryNotLoaded, "model", 200),
    caught(Bug::KeyForgotten, "model", 200),
    caught(Bug::LiveSessionSwept, "model", 200),
    caught(Bug::AppliedBeforeFolded, "linear", 4_000),
    caught(Bug::LoginNotArchived, "kill", 20),
    caught(Bug::EndNotArchived, "simulation", 20),
];

/// One bug at a time in a process, whoever runs the suites.
static GROUND: Mutex<()> = Mutex::new(());

impl Planted {
    /// Runs the suite with the bug in place, one case after another.
    ///
    /// # Errors
    /// The case that caught it: that is what is wanted.
    pub fn run(&self) -> Result<Report, Failure> {
        let suite = SUITES.iter().find(|suite| suite.name == self.suite);
        let suite = suite.expect("the table names suites that there are");
        let plan = Plan { threads: 1, shrinks_max: 0, ..Plan::of_cases(self.cases) };
        let _alone = GROUND.lock().expect("a suite catches its panics");
        // A case that fails panics, and here it must: that is no news.
        let told = take_hook();
        set_hook(Box::new(|_| {}));
        plant(Some(self.bug));
        let outcome = (suite.run)(&plan);
        plant(None);
        set_hook(told);
        outcome
    }
}
