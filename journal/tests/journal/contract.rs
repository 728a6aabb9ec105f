//! The contract of `Journal`, for every implementation: positions, limits, times, reads, closing.

use std::sync::Arc;

use parking_lot::Mutex;
use passbook_journal::limits::{GROUP_RECORDS_MAX, group_bytes_max};
use passbook_journal::sim::SimVfs;
use passbook_journal::{
    AppendError, FileJournal, Group, Journal, JournalError, MemoryJournal, Observer, Payload,
    Record, RecordRef, Space, WriterState,
};

use crate::ledger::{SEGMENT_BYTES, open};

/// Either journal in its inline mode.
enum Subject {
    Memory(MemoryJournal),
    File(FileJournal),
}

impl Subject {
    fn each() -> [Self; 2] {
        [Self::Memory(MemoryJournal::inline()), Self::File(open(&SimVfs::new()).unwrap().0)]
    }

    fn journal(&self) -> &dyn Journal {
        match self {
            Self::Memory(journal) => journal,
            Self::File(journal) => journal,
        }
    }

    fn pump(&self) {
        match self {
            Self::Memory(journal) => journal.pump(),
            Self::File(journal) => journal.pump(),
        }
    }

    fn append(&self, expected: u64, time_ms: u64, payloads: &[&[u8]]) -> Result<u64, AppendError> {
        let payloads: Vec<_> = payloads.iter().map(|bytes| Payload::new(bytes)).collect();
        self.journal().append(expected, &Group { time_ms, payloads: &payloads })
    }

    fn read(&self, from: u64) -> Vec<Record> {
        self.journal().read(from).unwrap().map(Result::unwrap).collect()
    }
}

#[test]
fn a_group_is_queued_behind_the_expected_position_only() {
    for subject in Subject::each() {
        assert_eq!(subject.append(0, 1, &[b"a", b"b"]).unwrap(), 2);
        for wrong in [0, 1, 3] {
            let refused = subject.append(wrong, 1, &[b"c"]);
            assert!(
                matches!(refused, Err(AppendError::Conflict { expected, actual: 2 }) if expected == wrong)
            );
        }
        assert_eq!(subject.append(2, 1, &[b"c"]).unwrap(), 3);
        assert_eq!(subject.journal().head(), 3);
    }
}

#[test]
fn only_what_is_durable_is_read() {
    for subject in Subject::each() {
        subject.append(0, 7, &[b"a", b"b"]).unwrap();
        assert_eq!((subject.journal().durable(), subject.read(0).len()), (0, 0));
        subject.pump();
        subject.append(2, 8, &[b"c"]).unwrap();
        assert_eq!(subject.journal().durable(), 2);
        let read = subject.read(1);
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].sequence, read[1].time_ms, read[1].group_first), (2, 7, false));
        assert_eq!((read[0].group_first, read[0].payload.as_slice()), (true, b"a".as_slice()));
        subject.pump();
        assert_eq!(subject.read(3)[0].payload, b"c");
        assert!(subject.read(4).is_empty() && subject.read(u64::MAX).is_empty());
    }
}

#[test]
fn limits_hold_at_the_limit_and_refuse_one_past_it() {
    for subject in Subject::each() {
        let bytes_max = match subject {
            Subject::Memory(_) => passbook_journal::limits::GROUP_BYTES_MAX,
            Subject::File(_) => group_bytes_max(SEGMENT_BYTES),
        };
        let body = vec![1; bytes_max - 16 + 1];
        let refused = subject.append(0, 1, &[&body]);
        assert!(
            matches!(refused, Err(AppendError::TooLarge { what: "bytes", actual, max }) if actual == max + 1)
        );
        assert_eq!(subject.append(0, 1, &[&body[1..]]).unwrap(), 1);
        subject.pump();
        assert_eq!(subject.read(1)[0].payload.len(), bytes_max - 16);
    }
    let memory = Subject::Memory(MemoryJournal::inline());
    let many: Vec<&[u8]> = vec![b""; GROUP_RECORDS_MAX + 1];
    let refused = memory.append(0, 1, &many);
    assert!(matches!(refused, Err(AppendError::TooLarge { what: "records", .. })));
    assert_eq!(memory.append(0, 1, &many[1..]).unwrap(), 16_384);
}

#[test]
fn an_empty_group_and_a_time_that_goes_back_are_refused() {
    for subject in Subject::each() {
        assert!(matches!(subject.append(0, 1, &[]), Err(AppendError::Empty)));
        subject.append(0, 5, &[b"a"]).unwrap();
        let refused = subject.append(1, 4, &[b"b"]);
        assert!(matches!(refused, Err(AppendError::TimeBackwards { time_ms: 4, last_ms: 5 })));
        subject.append(1, 5, &[b"b"]).unwrap();
    }
}

#[test]
fn times_may_lie_an_age_apart() {
    for subject in Subject::each() {
        let times = [0, 1, u64::from(u32::MAX), u64::from(u32::MAX) + 2, u64::MAX - 1, u64::MAX];
        for (head, time_ms) in (0..).zip(times) {
            subject.append(head, time_ms, &[b"x"]).unwrap();
        }
        subject.pump();
        let read: Vec<u64> = subject.read(1).iter().map(|record| record.time_ms).collect();
        assert_eq!(read, times);
    }
}

#[test]
fn closing_makes_everything_durable_and_is_final() {
    for subject in Subject::each() {
        subject.append(0, 1, &[b"a"]).unwrap();
        subject.journal().close().unwrap();
        assert_eq!(subject.journal().durable(), 1);
        assert!(matches!(subject.append(1, 1, &[b"b"]), Err(AppendError::Closed)));
        assert!(matches!(subject.journal().health().writer, WriterState::Closed));
        assert_eq!(subject.read(1).len(), 1, "reads go on");
        subject.journal().close().unwrap();
    }
}

/// A store in miniature: it appends under a lock that its observer takes too.
#[derive(Debug, Default)]
struct Desk {
    head: Mutex<u64>,
    told: Mutex<Vec<u64>>,
    told_more: parking_lot::Condvar,
}

impl Observer for Desk {
    fn durable(&self, through: u64) {
        drop(self.head.lock());
        self.told.lock().push(through);
        self.told_more.notify_all();
    }

    fn failed(&self, _error: &Arc<JournalError>) {
        drop(self.head.lock());
        self.told.lock().push(u64::MAX);
        self.told_more.notify_all();
    }
}

impl Desk {
    fn wait_for(&self, through: u64) {
        let mut told = self.told.lock();
        while told.last().is_none_or(|last| *last < through) {
            self.told_more.wait(&mut told);
        }
        assert!(told.is_sorted(), "in order");
    }
}

#[test]
fn an_observer_may_take_the_lock_that_its_caller_holds() {
    let folder = tempfile::tempdir().unwrap();
    let options = passbook_journal::Options { segment_bytes: 1 << 20, ..Default::default() };
    let file = FileJournal::open(folder.path(), options, &mut |_: RecordRef<'_>| Ok(())).unwrap().0;
    let journals: [Arc<dyn Journal>; 2] = [Arc::new(file), Arc::new(MemoryJournal::new())];
    for journal in journals {
        let desk = Arc::new(Desk::default());
        journal.observe(desk.clone());
        let body = vec![7; 30_000];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..150 {
                        let mut head = desk.head.lock();
                        let group = Group { time_ms: 1, payloads: &[Payload::new(&body)] };
                        *head = journal.append(*head, &group).unwrap();
                    }
                });
            }
        });
        desk.wait_for(600);
        journal.close().unwrap();
        assert_eq!((journal.durable(), journal.read(1).unwrap().count()), (600, 600));
    }
}

#[test]
fn a_memory_journal_fails_on_request() {
    let journal = MemoryJournal::new();
    let desk = Arc::new(Desk::default());
    journal.observe(desk.clone());
    let group = Group { time_ms: 1, payloads: &[Payload::new(b"a")] };
    journal.append(0, &group).unwrap();
    desk.wait_for(1);
    journal.set_space(Space::Full);
    assert!(matches!(journal.append(1, &group), Err(AppendError::ReadOnly(_))));
    journal.set_space(Space::Free);
    journal.append(1, &group).unwrap();
    desk.wait_for(2);
    journal.poison("a test says so");
    desk.wait_for(u64::MAX);
    assert!(matches!(journal.append(2, &group), Err(AppendError::Unavailable(_))));
    assert!(journal.close().is_err());
}
