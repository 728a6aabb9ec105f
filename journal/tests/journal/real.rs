//! The real disk and real threads: few, because the simulated one can do more.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use passbook_journal::{
    Durability, FileJournal, Group, Held, Journal, OpenError, Options, Payload, RealVfs, RecordRef,
    VerifyOptions, stat, verify,
};

use crate::ledger::Acks;

fn options() -> Options {
    Options { segment_bytes: 256 * 1024, owner: "the first".to_owned(), ..Options::default() }
}

fn open(dir: &Path, options: Options) -> (FileJournal, usize) {
    let mut count = 0;
    let visit = &mut |_: RecordRef<'_>| {
        count += 1;
        Ok(())
    };
    let (journal, _) = FileJournal::open(dir, options, visit).unwrap();
    (journal, count)
}

fn append_from_threads(journal: &FileJournal, threads: usize, groups: usize) {
    let head = parking_lot::Mutex::new(journal.head());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let head = &head;
            scope.spawn(move || {
                for group in 0..groups {
                    let body = vec![u8::try_from(thread).unwrap(); 100 + group];
                    let payloads = [Payload::new(&body), Payload::new(b"and another")];
                    let mut head = head.lock();
                    let group = Group { time_ms: 1, payloads: &payloads };
                    *head = journal.append(*head, &group).unwrap();
                }
            });
        }
    });
}

/// Nobody but the callers commits: what one of them synced for others must be told all the same.
#[test]
fn callers_that_commit_on_their_own_all_hear_of_it() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let acks = Arc::new(Acks::default());
    let (journal, _) = open(&folder.path().join("ledger"), options());
    journal.observe(acks.clone());
    let head = parking_lot::Mutex::new(journal.head());
    // Nobody comes later whose commit could tell of an earlier one.
    let round = std::sync::Barrier::new(usize::try_from(THREADS).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    round.wait();
                    let mut head = head.lock();
                    let group = Group { time_ms: 1, payloads: &[Payload::new(b"quiet")] };
                    *head = journal.append_quietly(*head, &group).unwrap();
                    let through = *head;
                    drop(head);
                    journal.commit_here(through);
                    while acks.durable.load(Ordering::SeqCst) < through {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
    assert_eq!(acks.durable.load(Ordering::SeqCst), THREADS * ROUNDS);
    journal.close().unwrap();
}

#[test]
fn threads_rotate_close_and_reopen() {
    for durability in [Durability::Synced, Durability::Buffered] {
        for sync_depth in 1..=4 {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path().join("ledger");
            let options = || Options { durability, sync_depth, ..options() };
            let acks = Arc::new(Acks::default());
            let (journal, _) = open(&dir, options());
            journal.observe(acks.clone());
            append_from_threads(&journal, 4, 500);
            journal.close().unwrap();
            assert_eq!(acks.durable.load(Ordering::SeqCst), 4000);
            let health = journal.health();
            assert_eq!((health.records, health.head), (4000, 4000));
            drop(journal);

            let (journal, count) = open(&dir, options());
            assert_eq!(count, 4000);
            assert_eq!(journal.read(3990).unwrap().map(Result::unwrap).count(), 11);
            let vfs = Arc::new(RealVfs);
            let beside = stat(&dir, vfs.clone()).unwrap();
            assert_eq!((beside.held, beside.sequence_last), (Held::ByWriter, 4000));
            assert!(beside.segments.len() >= 2);
            let jobs = VerifyOptions { jobs: 2, progress: None };
            let report = verify(&dir, vfs, &jobs).unwrap();
            assert!(report.is_good() && report.records == 4000, "{report:?}");
        }
    }
}

#[test]
fn a_second_opener_is_told_the_first_ones_process() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, _) = open(folder.path(), options());
    let second = FileJournal::open(folder.path(), options(), &mut |_: RecordRef<'_>| Ok(()));
    match second {
        Err(OpenError::Locked { pid, owner, .. }) => {
            assert_eq!((pid, owner.as_str()), (Some(std::process::id()), "the first"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_belong_to_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    drop(open(&dir, options()));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("MANIFEST"))), (0o700, 0o600));
    assert_eq!(mode(&dir.join("journal/000001-1.seg")), 0o600);
}

#[test]
fn an_observer_may_drop_the_journal() {
    #[derive(Debug)]
    struct Last(parking_lot::Mutex<Option<Arc<FileJournal>>>, std::sync::mpsc::Sender<()>);
    impl passbook_journal::Observer for Last {
        fn durable(&self, _through: u64) {
            drop(self.0.lock().take());
            self.1.send(()).unwrap();
        }
        fn failed(&self, error: &Arc<passbook_journal::JournalError>) {
            panic!("{error}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(folder.path(), options()).0);
    let (sender, receiver) = std::sync::mpsc::channel();
    let last = Arc::new(Last(parking_lot::Mutex::new(None), sender));
    journal.observe(last.clone());
    *last.0.lock() = Some(journal.clone());
    let group = Group { time_ms: 1, payloads: &[Payload::new(b"the only one")] };
    let appended = journal.append(0, &group);
    drop(journal);
    assert_eq!(appended.unwrap(), 1);
    receiver.recv().unwrap();
}
