//! Reading while somebody compacts, in this process or in another.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    CompactError, FileJournal, Journal, OpenError, OpenMode, ReadError, Vfs, VfsFile,
};

use crate::compaction::ledger;
use crate::ledger::DIR;
use crate::shelved::{append, check_kept, compact, numbers, open, retain, time_ms};

/// A disk that another process writes to: with each look at the segments it is a step further.
#[derive(Debug)]
struct Moving {
    steps: Vec<SimVfs>,
    looks: AtomicUsize,
}

impl Moving {
    /// As many compactions, one after another.
    fn new(compactions: u64) -> Arc<Self> {
        let sim = SimVfs::new();
        let (journal, _) = open(&sim).expect("an empty disk");
        append(&journal, 6);
        let mut steps = vec![sim.fork()];
        for number in 1..=compactions {
            append(&journal, 2);
            compact(&journal, 2 * number).expect("compacts");
            steps.push(sim.fork());
        }
        Arc::new(Self { steps, looks: AtomicUsize::new(0) })
    }

    fn now(&self) -> &SimVfs {
        let looks = self.looks.load(Ordering::Relaxed);
        self.steps.get(looks).unwrap_or_else(|| self.steps.last().expect("it begins with one"))
    }
}

impl Vfs for Moving {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn VfsFile>> {
        self.now().open(path, mode)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        if dir.ends_with("journal") {
            self.looks.fetch_add(1, Ordering::Relaxed);
        }
        self.now().list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.now().create_dir(dir)
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.now().rename(source, target)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.now().unlink(path)
    }

    fn hard_link(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.now().hard_link(source, target)
    }

    fn fsync_dir(&self, dir: &Path) -> io::Result<()> {
        self.now().fsync_dir(dir)
    }
}

#[test]
fn a_compaction_between_two_looks_is_looked_for_anew() {
    for compactions in [1, 3, 6] {
        let disk = Moving::new(compactions);
        let journal = FileJournal::open_read_only(Path::new(DIR), disk.clone());
        let journal = journal.unwrap_or_else(|error| panic!("{compactions}: {error}"));
        assert_eq!(journal.durable(), 6 + 2 * compactions);
        assert_eq!(journal.extent().sequence_first, 2 * compactions + 1);
    }
}

#[test]
fn who_never_sees_the_same_twice_gives_up() {
    let disk = Moving::new(12);
    let refused = FileJournal::open_read_only(Path::new(DIR), disk.clone());
    assert!(matches!(refused, Err(OpenError::Corrupt(_))), "{refused:?}");
    assert!(disk.looks.load(Ordering::Relaxed) < 12);
}

#[test]
fn readers_that_are_open_go_on_or_say_what_was_dropped() {
    let (sim, journal) = ledger();
    let beside = FileJournal::open_read_only(Path::new(DIR), Arc::new(sim)).unwrap();
    let mut live = journal.read(1).unwrap();
    assert_eq!(live.next().unwrap().unwrap().sequence, 1);
    let mut kept = journal.read_kept(1).unwrap();
    assert_eq!(kept.next().unwrap().unwrap().sequence, 1);
    let done = compact(&journal, 9).unwrap();
    let first = done.sequence_first;
    // The segment that it has open is still there; the next one is not.
    let rest: Vec<_> = live.collect();
    assert!(matches!(rest.last(), Some(Err(ReadError::Trimmed { first: at })) if *at == first));
    let rest = numbers(kept.map(Result::unwrap));
    assert!(rest.contains(&2) && rest.ends_with(&[first, first + 1]) || rest.contains(&14));
    assert!((first..=14).all(|sequence| rest.contains(&sequence)));
    // One in another process, opened before.
    assert!(matches!(beside.read(1).unwrap().next(), Some(Err(ReadError::Trimmed { .. }))));
    check_kept(&beside, "beside");
    assert!(matches!(compact(&beside, 9), Err(CompactError::ReadOnly)));
    // A reader in an archive that retention takes.
    let mut kept = journal.read_kept(1).unwrap();
    assert_eq!(kept.next().unwrap().unwrap().sequence, 1);
    retain(&journal, time_ms(7)).unwrap();
    assert!(matches!(kept.last(), Some(Err(ReadError::Trimmed { .. }))));
}
