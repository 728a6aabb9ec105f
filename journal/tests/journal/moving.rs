//! Opening to read while another process compacts.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use passbook_journal::sim::SimVfs;
use passbook_journal::{FileJournal, Journal, OpenError, OpenMode, Vfs, VfsFile};

use crate::ledger::DIR;
use crate::shelved::{append, compact, open};

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
