//! The journal's queue: what is told is on the medium, in order, once; and everybody who waits hears.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use passbook_journal::{
    AppendError, FileJournal, Group, Journal, JournalError, Observer, Options, Payload, RecordRef,
    SeededEntropy, VerifyOptions,
    sim::{Fault, SimVfs, Times},
    verify,
};
use passbook_schedules::check;
use shuttle::{sync, thread};

const FOLDER: &str = "/ledger";

/// What the journal's observer heard.
struct Ears {
    disk: SimVfs,
    /// Whether it is being told right now.
    busy: AtomicBool,
    heard: sync::Mutex<Heard>,
    news: sync::Condvar,
}

#[derive(Default)]
struct Heard {
    through: u64,
    has_failed: bool,
}

impl Ears {
    fn new(disk: SimVfs) -> Self {
        let (heard, news) = (sync::Mutex::default(), sync::Condvar::new());
        Self { disk, busy: AtomicBool::new(false), heard, news }
    }

    fn tell(&self, change: impl FnOnce(&mut Heard)) {
        assert!(!self.busy.swap(true, Ordering::Relaxed), "told by two at once");
        thread::yield_now();
        let mut heard = self.heard.lock().expect("no panic under it");
        assert!(!heard.has_failed, "told something after the failure");
        change(&mut heard);
        self.news.notify_all();
        drop(heard);
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Waits until all through that sequence is durable; `false`: the journal failed first.
    fn wait_for(&self, through: u64) -> bool {
        let mut heard = self.heard.lock().expect("no panic under it");
        while heard.through < through && !heard.has_failed {
            heard = self.news.wait(heard).expect("no panic under it");
        }
        heard.through >= through
    }

    fn through(&self) -> u64 {
        self.heard.lock().expect("no panic under it").through
    }
}

impl Observer for Ears {
    fn durable(&self, through: u64) {
        let kept = on_the_medium(&self.disk);
        assert!(kept >= through, "told of @{through}, and a power cut leaves @{kept}");
        self.tell(|heard| {
            assert!(through > heard.through, "told of @{through} after @{}", heard.through);
            heard.through = through;
        });
    }

    fn failed(&self, _error: &Arc<JournalError>) {
        self.tell(|heard| heard.has_failed = true);
    }
}

/// The last record that is there if the power fails now and takes all that it may.
fn on_the_medium(disk: &SimVfs) -> u64 {
    let image = disk.crash_images(1, 0).next().expect("at least one state");
    let options = VerifyOptions { jobs: 1, ..VerifyOptions::default() };
    let report = verify(Path::new(FOLDER), Arc::new(image), &options).expect("it is a ledger");
    assert!(report.damages.is_empty(), "{:?}", report.damages);
    report.sequence_last()
}

struct Stage {
    disk: SimVfs,
    journal: FileJournal,
    ears: Arc<Ears>,
    /// Groups that were taken, by the sequence of their record.
    taken: Mutex<BTreeSet<u64>>,
}

impl Stage {
    fn new(sync_depth: usize, segment_bytes: u64) -> Self {
        let disk = SimVfs::new();
        let options = Options {
            vfs: Arc::new(disk.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
            segment_bytes,
            sync_depth,
            ..Options::default()
        };
        let (journal, _) =
            FileJournal::open(Path::new(FOLDER), options, &mut |_: RecordRef<'_>| Ok(()))
                .expect("an empty disk opens");
        let ears = Arc::new(Ears::new(disk.clone()));
        journal.observe(Arc::<Ears>::clone(&ears));
        Self { disk, journal, ears, taken: Mutex::default() }
    }

    /// Appends a group of one record behind whatever is there, and waits for it as told; `false`: the
    /// journal takes no more.
    fn append(&self, bytes: usize, committer: Committer) -> bool {
        let payload = vec![7; bytes];
        let group = Group { time_ms: 1, payloads: &[Payload::new(&payload)] };
        let mut expected = self.journal.head();
        let taken = loop {
            let taken = match committer {
                Committer::Journal => self.journal.append(expected, &group),
                Committer::Caller | Committer::Nobody => {
                    self.journal.append_quietly(expected, &group)
                }
            };
            match taken {
                Ok(sequence) => break sequence,
                Err(AppendError::Conflict { actual, .. }) => expected = actual,
                Err(AppendError::Closed | AppendError::Unavailable(_)) => return false,
                Err(error) => panic!("{error}"),
            }
        };
        let is_new = self.taken.lock().expect("no panic under it").insert(taken);
        assert!(is_new, "@{taken} was given twice");
        match committer {
            Committer::Journal => {}
            Committer::Caller => self.journal.commit_here(taken),
            Committer::Nobody => self.journal.commit_elsewhere(),
        }
        self.ears.wait_for(taken)
    }

    /// All that was taken is durable and told.
    fn check_closed(&self) {
        self.journal.close().expect("the disk is fine");
        let last = self.taken.lock().expect("no panic under it").last().copied();
        let last = last.unwrap_or_default();
        assert_eq!(self.journal.head(), last);
        assert_eq!((self.journal.durable(), self.ears.through()), (last, last));
        assert_eq!(on_the_medium(&self.disk), last);
    }
}

/// Who commits a group.
#[derive(Clone, Copy)]
enum Committer {
    /// The journal's threads, woken by the append.
    Journal,
    /// The thread that appended.
    Caller,
    /// The journal's threads, told afterwards.
    Nobody,
}

/// Runs these in threads of their own, and ends when all have.
fn together(stage: &Arc<Stage>, acts: impl IntoIterator<Item = fn(&Stage)>) {
    let start = |act: fn(&Stage)| {
        let stage = Arc::clone(stage);
        thread::spawn(move || act(&stage))
    };
    let threads: Vec<_> = acts.into_iter().map(start).collect();
    for thread in threads {
        thread.join().expect("it did not panic");
    }
}

#[test]
fn callers_and_threads_commit_and_everybody_hears_in_order() {
    check("queue", 2_000, |number| {
        let depth = if number % 2 == 0 { 1 } else { 3 };
        let stage = Arc::new(Stage::new(depth, 64 << 10));
        let acts: [fn(&Stage); 3] = [
            |stage| {
                assert!(stage.append(10, Committer::Caller));
                assert!(stage.append(10, Committer::Caller));
            },
            |stage| {
                assert!(stage.append(10, Committer::Journal));
                assert!(stage.append(10, Committer::Nobody));
            },
            |stage| assert!(stage.append(6_000, Committer::Caller)),
        ];
        together(&stage, acts);
        stage.check_closed();
    });
}

#[test]
fn callers_wait_for_segments_and_go_on() {
    check("rotation", 1_000, |_| {
        let stage = Arc::new(Stage::new(2, 16 << 10));
        let acts: [fn(&Stage); 2] = [
            |stage| (0..3).for_each(|_| assert!(stage.append(3_000, Committer::Caller))),
            |stage| (0..3).for_each(|_| assert!(stage.append(5_000, Committer::Journal))),
        ];
        together(&stage, acts);
        stage.check_closed();
    });
}

#[test]
fn a_failing_disk_is_told_to_all_who_wait_and_once() {
    check("failure", 2_000, |number| {
        let stage = Arc::new(Stage::new(2, 64 << 10));
        let call = stage.disk.calls() + 1 + number % 12;
        stage.disk.fail_at(call, Fault::Error(ErrorKind::Other), Times::Once);
        let acts: [fn(&Stage); 3] = [
            |stage| (0..2).for_each(|_| _ = stage.append(10, Committer::Caller)),
            |stage| (0..2).for_each(|_| _ = stage.append(10, Committer::Journal)),
            |stage| _ = stage.append(10, Committer::Nobody),
        ];
        together(&stage, acts);
        assert!(on_the_medium(&stage.disk) >= stage.ears.through());
        _ = stage.journal.close();
    });
}

#[test]
fn a_close_beside_appends_drains_what_was_taken() {
    check("close", 2_000, |_| {
        let stage = Arc::new(Stage::new(2, 64 << 10));
        let acts: [fn(&Stage); 3] = [
            |stage| (0..2).for_each(|_| _ = stage.append(10, Committer::Caller)),
            |stage| (0..2).for_each(|_| _ = stage.append(10, Committer::Journal)),
            |stage| stage.journal.close().expect("the disk is fine"),
        ];
        together(&stage, acts);
        stage.check_closed();
    });
}
