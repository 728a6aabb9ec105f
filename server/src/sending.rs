//! Commands on their way to the disk: many at a time, so that one sync makes many of them durable.

use std::collections::VecDeque;

use passbook::{Ledger, LedgerError, Pending, Reply, core::Command};

use crate::{answer::count_of, failure::Failure};

/// Commands on their way to the disk at one time.
const WINDOW: usize = 256;

/// Commands that were queued, each with what the caller wants to be told again with its answer.
#[derive(Debug)]
pub(crate) struct Sending<'a, T> {
    ledger: &'a Ledger,
    pending: VecDeque<(Pending<Reply>, T)>,
    pub(crate) written: Written,
}

/// What was written: how many events, the first and the last of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) events: u64,
    pub(crate) sequence_first: Option<u64>,
    pub(crate) sequence_last: Option<u64>,
}

impl<'a, T> Sending<'a, T> {
    pub(crate) fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, pending: VecDeque::new(), written: Written::default() }
    }

    /// Queues a command. What was refused wrote nothing.
    pub(crate) fn send(&mut self, command: &Command, what: T) -> Result<(), LedgerError> {
        self.pending.push_back((self.ledger.submit(command)?, what));
        Ok(())
    }

    /// The next answer, as soon as there are more commands on their way than there should be.
    pub(crate) fn next(&mut self) -> Result<Option<(T, Reply)>, Failure> {
        self.next_beyond(WINDOW)
    }

    /// The next answer, until there is none left.
    pub(crate) fn last(&mut self) -> Result<Option<(T, Reply)>, Failure> {
        self.next_beyond(0)
    }

    fn next_beyond(&mut self, left: usize) -> Result<Option<(T, Reply)>, Failure> {
        if self.pending.len() <= left {
            return Ok(None);
        }
        let Some((pending, what)) = self.pending.pop_front() else { return Ok(None) };
        let reply = pending.wait()?;
        self.written.add(&reply);
        Ok(Some((what, reply)))
    }
}

impl Written {
    fn add(&mut self, reply: &Reply) {
        if reply.events == 0 {
            return;
        }
        let events = count_of(reply.events);
        self.events += events;
        self.sequence_first = self.sequence_first.or(Some(reply.sequence + 1 - events));
        self.sequence_last = Some(reply.sequence);
    }
}
