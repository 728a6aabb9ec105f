//! Random runs beside the simplest possible model: every answer is the model's, readers see durable
//! state alone, and after any crash the ledger is what the model was after some prefix of the
//! groups, with all that was acknowledged (invariants I1, I2, I5, I9, I10).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use passbook::journal::{Journal, Step, sim::SimVfs};
use passbook::{Clock, Pending, Reply, Session, SessionId, SimClock, core};
use passbook_tests::{
    model::{Answer, Deed, Model, Row},
    op::{ActOp, Names, Op, command, data_of, token},
    rig::Rig,
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    test_runner::{Config, TestRunner},
};

/// A run, with the model's state after every group that was queued.
struct Run {
    rig: Rig,
    model: Model,
    names: Names,
    states: BTreeMap<u64, Model>,
    /// Those of them that are surely the end of a group.
    ends: BTreeSet<u64>,
    pending: Vec<(Pending<Reply>, Answer)>,
    /// The latest time that the ledger was told.
    floor_ms: u64,
}

#[derive(Default)]
struct Counts {
    commands: AtomicU64,
    reopens: AtomicU64,
    crashes: AtomicU64,
    snapshots: AtomicU64,
    compactions: AtomicU64,
    dropped: AtomicU64,
    lost_in_flight: AtomicU64,
}

impl Run {
    fn new() -> Self {
        Self {
            rig: Rig::fresh(),
            model: Model::default(),
            names: Names::default(),
            states: BTreeMap::from([(0, Model::default())]),
            ends: BTreeSet::new(),
            pending: Vec::new(),
            floor_ms: 0,
        }
    }

    fn now_ms(&mut self) -> u64 {
        self.floor_ms = self.floor_ms.max(self.rig.clock.now_ms());
        self.floor_ms
    }

    fn take(&mut self, op: &Op, counts: &Counts) {
        match op {
            Op::Act(act, key) => {
                counts.commands.fetch_add(1, Ordering::Relaxed);
                self.act(*act, *key);
            }
            Op::Advance(step_ms) => self.rig.clock.advance_ms(*step_ms),
            Op::StepBack(step_ms) => {
                self.rig.clock.set_ms(self.rig.clock.now_ms().saturating_sub(*step_ms));
            }
            Op::Pump => self.rig.journal.pump(),
            Op::Step(step) => {
                self.rig.journal.step(*step);
            }
            Op::Reopen => {
                counts.reopens.fetch_add(1, Ordering::Relaxed);
                self.reopen();
            }
            Op::Snapshot => self.snapshot(counts),
            Op::Compact => self.compact(counts),
            Op::Crash(seed) => {
                counts.crashes.fetch_add(1, Ordering::Relaxed);
                self.crash(*seed, counts);
            }
        }
        self.check();
    }

    fn act(&mut self, act: ActOp, key: Option<u8>) {
        let now_ms = self.now_ms();
        let deed = self.names.deed(act, now_ms);
        let head = self.rig.journal.head();
        let before = self.model.clone();
        let expected = self.model.act(&deed, key, now_ms);
        let pending = self.rig.ledger.submit(&command(&deed, key)).expect("nothing is refused");
        let after = self.rig.journal.head();
        assert_eq!(after > head, expected.wrote(), "{deed:?} wrote, or did not");
        if after > head && !self.states.contains_key(&(head + 1)) {
            // What may stand between: the note that this process opened the ledger.
            self.states.insert(head + 1, before);
        }
        self.states.insert(after, self.model.clone());
        if after > head {
            self.ends.insert(after);
        }
        self.pending.push((pending, expected));
    }

    /// Of what readers see, whatever is in flight.
    fn snapshot(&mut self, counts: &Counts) {
        if self.rig.ledger.sequence() > 0 {
            counts.snapshots.fetch_add(1, Ordering::Relaxed);
            let info = self.rig.ledger.snapshot().expect("a snapshot");
            assert_eq!(info.digest, self.rig.ledger.fingerprint());
        }
    }

    /// Makes everything durable on its way.
    fn compact(&mut self, counts: &Counts) {
        if self.rig.ledger.sequence() == 0 {
            return;
        }
        let now_ms = self.now_ms();
        let head = self.rig.journal.head();
        let before = self.model.clone();
        let expected = self.model.act(&Deed::Compact, None, now_ms);
        let report = self.rig.ledger.compact().expect("compacts");
        counts.compactions.fetch_add(1, Ordering::Relaxed);
        counts.dropped.fetch_add(report.files.segments, Ordering::Relaxed);
        let ended = usize::try_from(report.ended).expect("small");
        assert_eq!(Answer::Compacted(ended), expected);
        // What may stand between: the note that this process opened the ledger.
        self.states.entry(head + 1).or_insert(before);
        self.states.insert(self.rig.journal.head(), self.model.clone());
        self.ends.insert(self.rig.journal.head());
        self.settle();
    }

    /// Those whose answer has come must have the model's; the others must still be waiting.
    fn settle(&mut self) {
        for (pending, expected) in self.pending.drain(..) {
            let reply = pending.wait().expect("durable");
            assert_eq!(Answer::of(reply.outcome), expected);
        }
    }

    fn reopen(&mut self) {
        self.rig.journal.pump();
        self.settle();
        self.rig.ledger.close().expect("everything is durable");
        let head = self.rig.journal.head();
        let fingerprint = self.rig.ledger.fingerprint();
        self.start(self.rig.vfs.fork());
        assert!(self.rig.recovery.closed_cleanly);
        assert_eq!(self.rig.ledger.sequence(), head, "opening changes nothing");
        assert_eq!(self.rig.ledger.fingerprint(), fingerprint, "replay is live");
    }

    fn crash(&mut self, seed: u64, counts: &Counts) {
        let acknowledged = self.rig.ledger.sequence();
        let submitted = self.rig.journal.head();
        let mut images = self.rig.vfs.crash_images(8, seed);
        let pick = usize::try_from(seed % 8).expect("small");
        let image = images.by_ref().take(pick + 1).last().expect("at least one state");
        self.pending.clear();
        self.start(image);
        let recovered = self.rig.ledger.sequence();
        assert!(acknowledged <= recovered, "acked @{acknowledged}, recovered @{recovered}");
        assert!(recovered <= submitted, "recovered @{recovered}, submitted @{submitted}");
        assert!(self.states.contains_key(&recovered), "@{recovered} is in the middle of a group");
        self.states.split_off(&(recovered + 1));
        self.ends.split_off(&(recovered + 1));
        self.model = self.state().clone();
        counts.lost_in_flight.fetch_add(submitted - recovered, Ordering::Relaxed);
    }

    fn start(&mut self, vfs: SimVfs) {
        let clock = Arc::<SimClock>::clone(&self.rig.clock);
        self.rig = Rig::open(vfs, clock).expect("a legal state of the disk is never refused");
        self.floor_ms = self.state().last_ms;
    }

    /// The model as of what readers see.
    fn state(&self) -> &Model {
        let applied = self.rig.ledger.sequence();
        self.states.range(..=applied).next_back().expect("there is a first").1
    }

    fn check(&mut self) {
        let now_ms = self.now_ms();
        let (ledger, state) = (&self.rig.ledger, self.state());
        let live = |row: &&Row| row.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms);
        for number in 0..=self.names.tokens {
            let expected = state.rows.iter().find(|row| row.token == number && live(row));
            let found = ledger.session(&token(number));
            assert_eq!(found.as_ref().map(seen), expected.map(wanted), "token {number}");
        }
        for row in &state.rows {
            let data = row.data.iter().find_map(|(key, value)| {
                let key = core::DataKey::new(format!("k{key}")).expect("short");
                let found = ledger.data(row.id, &key);
                (found.as_deref() != Some(&value.to_string())).then_some(found)
            });
            assert!(!live(&row) || data.is_none(), "{:?} of {:?}", data, data_of(&row.data));
        }
        for user in ["user0", "user1", "user2", "user3"] {
            let mut expected: Vec<(u64, SessionId)> = state
                .rows
                .iter()
                .filter(|row| row.user == user && live(row))
                .map(|row| (row.created_ms, row.id))
                .collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            let found = ledger.list_for_user(user);
            let found: Vec<_> = found.iter().map(|s| (s.created_at_ms, s.id)).collect();
            assert_eq!(found, expected, "{user}");
        }
        assert_eq!(ledger.len(), state.rows.len());
    }

    fn finish(mut self) {
        self.rig.journal.pump();
        self.settle();
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

    /// The state at every tenth event that is kept is the model's.
    fn check_the_past(&self) {
        for sequence in self.ends.iter().step_by(10) {
            let model = self.states.get(sequence).expect("every end has its state");
            match self.rig.ledger.as_of(*sequence) {
                Ok(view) => assert_eq!(view.len(), model.rows.len(), "as of @{sequence}"),
                Err(error) => assert_eq!(error.code(), "ledger:not_retained"),
            }
        }
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

fn acts() -> impl Strategy<Value = ActOp> {
    let pick = any::<u8>;
    prop_oneof![
        6 => (pick(), prop::bool::weighted(0.2), option::of(0..3_u8), option::of(pick()), option::of(pick()))
            .prop_map(|(user, guest, device, limit, replaces)| ActOp::Create {
                user, guest, device, limit, replaces
            }),
        6 => pick().prop_map(ActOp::Refresh),
        2 => (pick(), pick(), any::<bool>()).prop_map(|(t, u, r)| ActOp::Upgrade(t, u, r)),
        2 => pick().prop_map(ActOp::Revoke),
        1 => pick().prop_map(ActOp::RevokeId),
        1 => (pick(), option::of(pick())).prop_map(|(u, e)| ActOp::RevokeUser(u, e)),
        2 => pick().prop_map(ActOp::Touch),
        1 => (pick(), pick()).prop_map(|(t, d)| ActOp::SetDevice(t, d)),
        1 => (pick(), option::of(pick())).prop_map(|(t, n)| ActOp::SetTenant(t, n)),
        1 => (pick(), pick(), pick()).prop_map(|(t, k, v)| ActOp::SetData(t, k, v)),
        1 => (pick(), pick()).prop_map(|(t, k)| ActOp::RemoveData(t, k)),
        1 => Just(ActOp::Sweep),
        1 => option::of(pick()).prop_map(ActOp::Fail),
        1 => pick().prop_map(ActOp::SetPolicy),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let step_ms = || prop::sample::select(vec![1, 5_000, 10_000, 10_001, 60_000, 86_400_001]);
    let steps = vec![Step::Write, Step::Sync, Step::SyncNewest, Step::Complete, Step::Prepare];
    prop_oneof![
        60 => (acts(), option::weighted(0.1, 0..6_u8)).prop_map(|(act, key)| Op::Act(act, key)),
        8 => step_ms().prop_map(Op::Advance),
        2 => step_ms().prop_map(Op::StepBack),
        12 => Just(Op::Pump),
        14 => prop::sample::select(steps).prop_map(Op::Step),
        2 => Just(Op::Snapshot),
        1 => Just(Op::Compact),
        2 => Just(Op::Reopen),
        2 => any::<u64>().prop_map(Op::Crash),
    ]
}

#[test]
fn any_run_is_the_models_run() {
    const CASES: u32 = 1_000;
    let counts = Counts::default();
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec(ops(), 1..200), |ops| {
        let mut run = Run::new();
        for op in &ops {
            run.take(op, &counts);
        }
        run.finish();
        Ok(())
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "model: {CASES} runs, {} commands, {} reopens, {} crashes ({} events in flight gone, none \
         acknowledged), {} snapshots, {} compactions ({} segments dropped)",
        count(&counts.commands),
        count(&counts.reopens),
        count(&counts.crashes),
        count(&counts.lost_in_flight),
        count(&counts.snapshots),
        count(&counts.compactions),
        count(&counts.dropped),
    );
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
