//! Who commits: what a store does under its own lock, and who hears that it is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Condvar, Mutex};
use passbook_journal::{FileJournal, Group, Journal, JournalError, Observer, Payload};

use crate::take_one;

const PAYLOAD_BYTES: usize = 150;

/// What a store keeps under its own lock, as the real one does: the head and who waits.
struct Desk {
    head: u64,
    waiting: VecDeque<(u64, usize)>,
}

pub(crate) struct Callers {
    desk: Mutex<Desk>,
    /// Per caller or per driver: what has come back.
    ready: Vec<(Mutex<Vec<usize>>, Condvar)>,
}

impl Observer for Callers {
    fn durable(&self, through: u64) {
        let mut done = Vec::new();
        {
            let mut desk = self.desk.lock();
            while let Some(caller) = desk.waiting.pop_front_if(|(sequence, _)| *sequence <= through)
            {
                done.push(caller.1);
            }
        }
        let mut lists: Vec<Vec<usize>> = self.ready.iter().map(|_| Vec::new()).collect();
        for caller in done {
            if let Some(list) = lists.get_mut(caller % self.ready.len()) {
                list.push(caller);
            }
        }
        for ((ready, signal), list) in self.ready.iter().zip(lists) {
            if !list.is_empty() {
                ready.lock().extend(list);
                signal.notify_one();
            }
        }
    }

    fn failed(&self, error: &Arc<JournalError>) {
        println!("failed: {error}");
    }
}

impl Callers {
    pub(crate) fn new(journal: &FileJournal, lists: usize) -> Arc<Self> {
        let desk = Desk { head: 0, waiting: VecDeque::new() };
        let ready = (0..lists).map(|_| (Mutex::new(Vec::new()), Condvar::new())).collect();
        let callers = Arc::new(Self { desk: Mutex::new(desk), ready });
        journal.observe(callers.clone());
        callers
    }

    fn submit(&self, journal: &FileJournal, caller: usize) {
        let bytes = [u8::try_from(caller % 251).unwrap_or(0); PAYLOAD_BYTES];
        let payloads = [Payload::new(&bytes)];
        let mut desk = self.desk.lock();
        let last = journal
            .append(desk.head, &Group { time_ms: 1, payloads: &payloads })
            .expect("appended");
        desk.head = last;
        desk.waiting.push_back((last, caller));
    }

    fn wait(&self, list: usize) -> Vec<usize> {
        let (ready, signal) = self.ready.get(list).expect("a list for each");
        let mut ready = ready.lock();
        while ready.is_empty() {
            signal.wait(&mut ready);
        }
        std::mem::take(&mut ready)
    }

    /// One caller, which waits for each commit before the next.
    pub(crate) fn commit(&self, journal: &FileJournal, caller: usize, left: &AtomicU64) {
        while take_one(left) {
            self.submit(journal, caller);
            self.wait(caller);
        }
    }

    /// Many callers on one thread: whoever's commit is durable submits the next.
    pub(crate) fn drive(
        &self,
        journal: &FileJournal,
        own: impl Iterator<Item = usize>,
        left: &AtomicU64,
    ) {
        let mut under_way = 0_usize;
        let mut list = None;
        for caller in own {
            list.get_or_insert(caller);
            if take_one(left) {
                self.submit(journal, caller);
                under_way += 1;
            }
        }
        while let Some(list) = list
            && under_way > 0
        {
            for caller in self.wait(list) {
                under_way -= 1;
                if take_one(left) {
                    self.submit(journal, caller);
                    under_way += 1;
                }
            }
        }
    }
}
