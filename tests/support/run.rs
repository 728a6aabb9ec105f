//! A ledger and the simplest model of it, side by side: every answer is the model's, readers see
//! durable state alone, and after any crash the ledger is what the model was after some prefix of
//! the groups, with all that was acknowledged (invariants I1, I2, I5, I9, I10).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use passbook::journal::{Journal, sim::SimVfs};
use passbook::{Clock, LedgerError, Pending, Reply, Session, SessionId, SimClock, core};

use crate::{
    model::{Answer, Deed, Model, Row},
    op::{Names, command, data_of, token},
    oracle::SharedTruth,
    plan::Tally,
    rig::Rig,
};

/// The users whose lists are compared.
const USERS: [&str; 4] = ["user0", "user1", "user2", "user3"];

/// A ledger beside its model.
#[derive(Debug)]
pub struct Run {
    /// The ledger, its disk and its clock.
    pub rig: Rig,
    /// The model after everything that was queued.
    pub model: Model,
    /// The names given out.
    pub names: Names,
    /// Who hears what the journal takes and acknowledges.
    watch: Option<SharedTruth>,
    /// The model after each group that readers don't see yet, and after the last that they see.
    states: BTreeMap<u64, Model>,
    /// Rows after each group: what is surely the end of one.
    ends: BTreeMap<u64, usize>,
    /// Whether this process has written its first event.
    is_opened: bool,
    /// The latest time that the ledger was told.
    floor_ms: u64,
}

/// A command that was taken: the answer is to come, and is known.
#[derive(Debug)]
pub struct Asked {
    pending: Pending<Reply>,
    /// What the model says to it.
    pub expected: Answer,
}

impl Asked {
    /// The answer, if it has come; it is the model's. An error if the medium failed.
    ///
    /// # Errors
    /// What the ledger says instead.
    ///
    /// # Panics
    /// If it answers something else than the model.
    pub fn look(&mut self) -> Poll<Result<Answer, LedgerError>> {
        let pending = std::pin::Pin::new(&mut self.pending);
        pending.poll(&mut Context::from_waker(Waker::noop())).map_ok(|reply| {
            let answer = Answer::of(reply.outcome);
            assert_eq!(answer, self.expected, "the model says otherwise");
            answer
        })
    }
}

impl Run {
    /// A ledger on an empty disk.
    pub fn new() -> Self {
        Self::on(Rig::fresh())
    }

    /// A ledger that has no event yet.
    pub fn on(rig: Rig) -> Self {
        Self {
            rig,
            model: Model::default(),
            names: Names::default(),
            watch: None,
            states: BTreeMap::from([(0, Model::default())]),
            ends: BTreeMap::new(),
            is_opened: false,
            floor_ms: 0,
        }
    }

    /// The same, where each process's journal is watched.
    #[must_use]
    pub fn watched_by(self, truth: &SharedTruth) -> Self {
        Self { watch: Some(Arc::clone(truth)), ..self }
    }

    /// The time that sessions are judged by: what the clock says, and never less than before. The
    /// ledger is asked too, for what the two know of the clock must be the same.
    ///
    /// # Panics
    /// If the ledger judges by another.
    pub fn now_ms(&mut self) -> u64 {
        self.floor_ms = self.floor_ms.max(self.rig.clock.now_ms());
        assert_eq!(self.rig.ledger.now_ms(), self.floor_ms, "the ledger's time");
        self.floor_ms
    }

    /// Gives the deed to both.
    ///
    /// # Errors
    /// What the ledger refuses it with: then the model did not do it either.
    ///
    /// # Panics
    /// If one wrote and the other did not.
    pub fn act(&mut self, deed: &Deed, key: Option<u8>) -> Result<Asked, LedgerError> {
        let now_ms = self.now_ms();
        let head = self.rig.journal.head();
        let submitted = self.rig.ledger.submit(&command(deed, key));
        let moved = self.rig.journal.head() > head;
        let pending = match submitted {
            Ok(pending) => pending,
            Err(error) => {
                // At most the note that this process opened the ledger.
                if moved {
                    assert!(!self.is_opened, "{deed:?} was refused and wrote");
                    self.note(head);
                }
                return Err(error);
            }
        };
        let before = self.model.clone();
        let expected = self.model.act(deed, key, now_ms);
        assert_eq!(moved, expected.wrote(), "{deed:?} wrote, or did not: {expected:?}");
        if moved {
            self.opened_before(head, before);
            self.note(head);
        }
        Ok(Asked { pending, expected })
    }

    /// In front of a process's first event is the note that it opened the ledger.
    fn opened_before(&mut self, head: u64, before: Model) {
        if !self.is_opened {
            self.states.insert(head + 1, before);
        }
    }

    /// The journal has gone on from `head`.
    fn note(&mut self, head: u64) {
        let after = self.rig.journal.head();
        assert!(after > head, "nothing was written");
        self.is_opened = true;
        self.states.insert(after, self.model.clone());
        self.ends.insert(after, self.model.rows.len());
        // What readers have left behind, no crash brings back.
        let applied = self.rig.ledger.sequence();
        if let Some(kept) = self.states.range(..=applied).next_back().map(|(at, _)| *at) {
            self.states = self.states.split_off(&kept);
        }
    }

    /// Of what readers see, whatever is in flight.
    ///
    /// # Errors
    /// What the disk did to it.
    ///
    /// # Panics
    /// If it is a snapshot of something else.
    pub fn snapshot(&mut self, tally: &mut Tally) -> Result<(), LedgerError> {
        if self.rig.ledger.sequence() == 0 {
            return Ok(());
        }
        // It says when it was made, and no time that the ledger told is taken back: whether it gets
        // as far as that or not, both know of this moment.
        self.now_ms();
        let info = self.rig.ledger.snapshot()?;
        assert_eq!(info.digest, self.rig.ledger.fingerprint(), "a snapshot of something else");
        tally.add("snapshots", 1);
        Ok(())
    }

    /// Makes everything durable on its way.
    ///
    /// # Errors
    /// What the disk did to it: its event may be there.
    ///
    /// # Panics
    /// If it ended other sessions than the model.
    pub fn compact(&mut self, tally: &mut Tally) -> Result<(), LedgerError> {
        if self.rig.ledger.sequence() == 0 {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let head = self.rig.journal.head();
        let report = self.rig.ledger.compact();
        let written = self.rig.journal.head() - head;
        if written == 1 && !self.is_opened {
            assert!(report.is_err(), "there is no event of the compaction");
            self.note(head);
        } else if written > 0 {
            let before = self.model.clone();
            let expected = self.model.act(&Deed::Compact, None, now_ms);
            self.opened_before(head, before);
            self.note(head);
            if let Ok(report) = &report {
                let ended = usize::try_from(report.ended).expect("small");
                assert_eq!(Answer::Compacted(ended), expected);
            }
        }
        let report = report?;
        tally.add("compactions", 1);
        tally.add("segments dropped", report.files.segments);
        tally.add("archives removed", report.files.archives_removed);
        Ok(())
    }

    /// The process stops in order and starts again.
    ///
    /// # Panics
    /// If that changes anything.
    pub fn reopen(&mut self, tally: &mut Tally) {
        self.rig.journal.pump();
        self.rig.ledger.close().expect("everything is durable");
        let head = self.rig.journal.head();
        let fingerprint = self.rig.ledger.fingerprint();
        self.start(self.rig.vfs.fork());
        assert!(self.rig.recovery.closed_cleanly);
        assert_eq!(self.rig.ledger.sequence(), head, "opening changes nothing");
        assert_eq!(self.rig.ledger.fingerprint(), fingerprint, "replay is live");
        tally.add("reopens", 1);
    }

    /// The process dies and the medium is left as `image`: it opens, with all that was
    /// acknowledged and nothing that was not asked for.
    ///
    /// # Panics
    /// If it does not.
    pub fn crash(&mut self, image: SimVfs, tally: &mut Tally) {
        let acknowledged = self.rig.ledger.sequence();
        let submitted = self.rig.journal.head();
        // The journal that is dropped with this life would drain itself, and be heard.
        self.rig.vfs.cut_at(1);
        self.start(image);
        let recovered = self.rig.ledger.sequence();
        assert!(acknowledged <= recovered, "acked @{acknowledged}, recovered @{recovered}");
        assert!(recovered <= submitted, "recovered @{recovered}, submitted @{submitted}");
        assert!(self.states.contains_key(&recovered), "@{recovered} is in the middle of a group");
        self.states.split_off(&(recovered + 1));
        self.ends.split_off(&(recovered + 1));
        self.model = self.state().clone();
        tally.add("crashes", 1);
        tally.add("events in flight gone", submitted - recovered);
    }

    fn start(&mut self, vfs: SimVfs) {
        let clock = Arc::<SimClock>::clone(&self.rig.clock);
        let opened = match &self.watch {
            Some(truth) => Rig::watched(vfs, clock, truth),
            None => Rig::open(vfs, clock),
        };
        self.rig = opened.expect("a legal state of the disk is never refused");
        self.floor_ms = self.state().last_ms;
        self.is_opened = false;
    }

    /// The model as of what readers see.
    pub fn state(&self) -> &Model {
        let applied = self.rig.ledger.sequence();
        self.states.range(..=applied).next_back().expect("the last that they saw is kept").1
    }

    /// Readers see of this token what the model knows of it.
    ///
    /// # Panics
    /// If they see something else.
    pub fn check_token(&mut self, number: u64) {
        let now_ms = self.now_ms();
        let state = self.state();
        let expected = state.rows.iter().find(|row| row.token == number && row.lives(now_ms));
        let found = self.rig.ledger.session(&token(number));
        assert_eq!(found.as_ref().map(seen), expected.map(wanted), "token {number}");
    }

    /// A user's list is the model's.
    ///
    /// # Panics
    /// If it is not.
    pub fn check_list(&mut self, user: &str) {
        let now_ms = self.now_ms();
        let rows = self.state().rows.iter().filter(|row| row.user == user && row.lives(now_ms));
        let mut expected: Vec<(u64, SessionId)> =
            rows.map(|row| (row.created_ms, row.id)).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let found = self.rig.ledger.list_for_user(user);
        let found: Vec<_> = found.iter().map(|s| (s.created_at_ms, s.id)).collect();
        assert_eq!(found, expected, "{user}");
    }

    /// Readers see the model, all of it.
    ///
    /// # Panics
    /// If they see anything else.
    pub fn check(&mut self) {
        let now_ms = self.now_ms();
        for number in 0..=self.names.tokens {
            self.check_token(number);
        }
        for user in USERS {
            self.check_list(user);
        }
        let (ledger, state) = (&self.rig.ledger, self.state());
        for row in state.rows.iter().filter(|row| row.lives(now_ms)) {
            for (key, value) in data_of(&row.data) {
                let key = core::DataKey::new(key).expect("short");
                let found = ledger.data(row.id, &key);
                assert_eq!(found.as_deref(), Some(&*value), "{key:?} of {}", row.id);
            }
        }
        assert_eq!(ledger.len(), state.rows.len());
    }

    /// Everything is durable now: the fold of the journal is the state, and the past is the model's.
    ///
    /// # Panics
    /// If it is not.
    pub fn finish(&mut self) {
        self.rig.journal.pump();
        self.check();
        let ledger = &self.rig.ledger;
        let view = ledger.as_of(ledger.sequence()).expect("kept");
        assert_eq!(view.fingerprint(), ledger.fingerprint());
        self.check_the_past();
        if self.rig.journal.extent().sequence_first > 1 {
            return;
        }
        let mut replayed = core::State::new();
        for recorded in ledger.events(0).expect("readable") {
            let recorded = recorded.expect("readable");
            core::apply(&mut replayed, recorded.sequence, &recorded.event);
        }
        assert_eq!(core::state_fingerprint(&replayed), ledger.fingerprint());
    }

    /// The state at some events that are kept is the model's.
    fn check_the_past(&self) {
        let step = (self.ends.len() / 10).max(10);
        for (sequence, rows) in self.ends.iter().step_by(step) {
            match self.rig.ledger.as_of(*sequence) {
                Ok(view) => assert_eq!(view.len(), *rows, "as of @{sequence}"),
                Err(error) => assert_eq!(error.code(), "ledger:not_retained"),
            }
        }
    }

    /// Tokens that open something now, as far as the model knows.
    pub fn live_tokens(&mut self) -> BTreeSet<u64> {
        let now_ms = self.now_ms();
        let rows = self.state().rows.iter().filter(|row| row.lives(now_ms));
        rows.map(|row| row.token).collect()
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}

type Seen<'a> = (SessionId, &'a str, bool, Option<&'a str>, Option<&'a str>, [u64; 3]);

fn seen(session: &Session) -> Seen<'_> {
    (
        session.id,
        &session.user_id,
        session.is_guest,
        session.device.as_deref(),
        session.tenant_id.as_deref(),
        [session.created_at_ms, session.last_active_at_ms, session.expires_at_ms],
    )
}

fn wanted(row: &Row) -> Seen<'_> {
    (
        row.id,
        &row.user,
        row.is_guest,
        row.device.as_deref(),
        row.tenant.as_deref(),
        [row.created_ms, row.active_ms, row.expires_ms.unwrap_or(u64::MAX)],
    )
}
