//! The state at any moment: by sequence, by time, with imports in between, after compactions.

use passbook::{
    At, DataOfSessions, EndReason, LedgerError, Replay, SessionId,
    core::{Act, DataKey, SessionRef, WholeState as _, state_fingerprint},
    journal::{FileJournal, RealVfs},
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, Model, START_MS, user, wishes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_state_at_every_sequence_is_the_fold_of_the_events_up_to_it(wishes in wishes(40)) {
        let mut life = Life::after(&wishes);
        life.ledger.snapshot().expect("a snapshot");
        life.live(&wishes);
        let (replay, mut model) = (life.ledger.replay(), Model::default());
        for recorded in life.events() {
            model.add(&recorded);
            let view = replay.as_of(At::Sequence(recorded.sequence)).expect("kept");
            prop_assert_eq!(view.fingerprint(), state_fingerprint(&model.state));
            prop_assert_eq!((view.sequence(), view.at_ms()), (recorded.sequence, recorded.event.at_ms));
        }
        let head = replay.as_of(At::Sequence(replay.head())).expect("kept");
        prop_assert_eq!(head.fingerprint(), life.ledger.fingerprint(), "at the head");
    }

    #[test]
    fn the_state_at_a_time_is_the_fold_of_what_had_happened_by_then(
        wishes in wishes(40), minutes in 0..400_u64
    ) {
        let mut life = Life::after(&wishes);
        life.ledger.snapshot().expect("a snapshot");
        life.live(&wishes);
        let time_ms = START_MS.saturating_sub(30 * MINUTE_MS) + minutes * MINUTE_MS;
        let view = life.ledger.replay().as_of(At::Time(time_ms)).expect("kept");
        let mut happened = life.events();
        happened.retain(|recorded| recorded.event.had_happened_by(time_ms));
        let model = Model::of(&happened);
        prop_assert_eq!(view.fingerprint(), state_fingerprint(&model.state));
        prop_assert_eq!(view.at_ms(), time_ms);
        let mut live = model.state.ids();
        live.retain(|id| view.find(*id).is_some());
        let found: Vec<_> = view.list_live().iter().map(|session| session.id).collect();
        prop_assert_eq!(&found, &live);
        let expired = model.state.iter().filter(|state| state.session.is_expired(time_ms));
        prop_assert!(expired.into_iter().all(|state| !found.contains(&state.id())));
    }
}

#[test]
fn an_import_in_the_middle_of_a_ledger_is_in_the_past_by_time_and_not_by_sequence() {
    let mut life = Life::in_memory();
    let early = life.create(user(0), None, None);
    let before_import = life.ledger.sequence();
    life.clock.advance_ms(10 * MINUTE_MS);
    life.ledger.snapshot().expect("a snapshot");
    let imported = life.create(user(1), None, Some(START_MS + MINUTE_MS));
    let (session, reason) = (SessionRef::Id(imported), EndReason::Imported);
    life.submit(Act::Revoke { session, reason }, 0, Some(START_MS + 3 * MINUTE_MS));
    let late = life.create(user(2), None, None);
    let replay = life.ledger.replay();
    let ids = |at| {
        let view = replay.as_of(at).expect("kept");
        view.list_live().into_iter().map(|session| session.id).collect::<Vec<SessionId>>()
    };
    assert_eq!(ids(At::Time(START_MS)), [early]);
    assert_eq!(ids(At::Time(START_MS + MINUTE_MS - 1)), [early]);
    assert_eq!(ids(At::Time(START_MS + MINUTE_MS)), [early, imported]);
    assert_eq!(ids(At::Time(START_MS + 3 * MINUTE_MS)), [early]);
    assert_eq!(ids(At::Time(START_MS + 10 * MINUTE_MS)), [early, late]);
    assert_eq!(ids(At::Sequence(before_import)), [early]);
    assert_eq!(ids(At::Sequence(before_import + 1)), [early, imported]);
}

#[test]
fn a_log_with_a_fast_clock_has_happened_when_it_was_recorded() {
    let mut life = Life::in_memory();
    let ahead = life.create(user(0), None, Some(START_MS + 60 * MINUTE_MS));
    let view = life.ledger.replay().as_of(At::Time(START_MS)).expect("kept");
    assert!(view.find(ahead).is_some());
    let before = life.ledger.replay().as_of(At::Time(START_MS - 1)).expect("kept");
    assert!(before.is_empty());
}

/// Two compactions of a ledger in a folder; the first events are in the archive then.
fn compacted(folder: &std::path::Path) -> (Life, Vec<passbook::Recorded>) {
    let mut life = Life::in_folder(folder);
    for number in 0..600_u16 {
        let id = life.create(user(u8::try_from(number % 3).expect("small")), None, None);
        life.clock.advance_ms(1_000);
        if !number.is_multiple_of(4) {
            let (session, reason) = (SessionRef::Id(id), EndReason::Logout);
            life.submit(Act::Revoke { session, reason }, 1, None);
        }
    }
    let events = life.events();
    life.ledger.compact().expect("compacts");
    life.ledger.compact().expect("compacts");
    assert!(life.ledger.snapshots().expect("readable").iter().all(|info| info.sequence > 600));
    (life, events)
}

#[test]
fn what_was_compacted_away_is_told_from_the_archive_without_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let (life, events) = compacted(folder.path());
    let replay = life.ledger.replay();
    let model = Model::of(&events[..300]);
    let view = replay.as_of(At::Sequence(events[299].sequence)).expect("archived");
    assert_eq!(view.data_of_sessions(), DataOfSessions::NotKept);
    assert_eq!(view.fingerprint(), state_fingerprint(&model.state), "no session had data");
    let by_time = replay.as_of(At::Time(events[299].event.at_ms)).expect("archived");
    assert_eq!(
        by_time.len(),
        Model::of(
            events.iter().filter(|recorded| { recorded.event.at_ms <= events[299].event.at_ms })
        )
        .state
        .len()
    );
    let head = replay.as_of(At::Sequence(replay.head())).expect("kept");
    assert_eq!(head.data_of_sessions(), DataOfSessions::Kept);
    assert_eq!(head.fingerprint(), life.ledger.fingerprint());
}

#[test]
fn an_older_snapshot_makes_what_was_compacted_away_near_and_its_own_moment_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut life = Life::in_folder(folder.path());
    let mut moments = Vec::new();
    for number in 0..400_u16 {
        let id = life.create(user(u8::try_from(number % 3).expect("small")), None, None);
        let (session, reason) = (SessionRef::Id(id), EndReason::Logout);
        life.submit(Act::Revoke { session, reason }, 1, None);
        if number.is_multiple_of(100) {
            let kept = life.create(user(3), None, None);
            let (session, key) = (SessionRef::Id(kept), DataKey::new("seat").expect("short"));
            let changes = vec![(key, Some("\"9A\"".into()))];
            life.submit(Act::ChangeData { session, changes }, 1, None);
            moments.push((life.ledger.snapshot().expect("one").sequence, kept));
        }
    }
    let events = life.events();
    life.ledger.compact().expect("compacts");
    life.ledger.compact().expect("compacts");
    let (replay, older) = (life.ledger.replay(), moments[1]);
    let infos = life.ledger.snapshots().expect("readable");
    assert!(infos.iter().any(|info| info.sequence == older.0), "{infos:?}");
    for (behind, data) in [(0, DataOfSessions::Kept), (30, DataOfSessions::NotKept)] {
        let at = older.0 + behind;
        let view = replay.as_of(At::Sequence(at)).expect("kept");
        let until = events.iter().position(|recorded| recorded.sequence > at).expect("some");
        let model = Model::of(&events[..until]);
        assert_eq!(view.data_of_sessions(), data, "{behind} behind");
        assert_eq!(view.fingerprint(), state_fingerprint(&model.state), "{behind} behind");
    }
}

#[test]
fn a_folder_that_is_only_read_tells_the_same_past() {
    let folder = tempfile::tempdir().expect("a folder");
    let (life, events) = compacted(folder.path());
    life.ledger.close().expect("all is durable");
    let journal = FileJournal::open_read_only(folder.path(), std::sync::Arc::new(RealVfs));
    let journal = journal.expect("readable");
    let (replay, live) = (Replay::over(&journal, life.ledger.now_ms()), life.ledger.replay());
    assert_eq!(replay.head(), live.head());
    for at in [At::Sequence(events[10].sequence), At::Sequence(replay.head()), At::Time(START_MS)] {
        let told = |replay: &Replay<'_>| replay.as_of(at).expect("kept").fingerprint();
        assert_eq!(told(&replay), told(&live), "{at:?}");
    }
    for id in [life.sessions[0], life.sessions[1]] {
        assert_eq!(replay.explain(id).expect("kept"), live.explain(id).expect("kept"));
    }
}

#[test]
fn before_retention_the_past_says_from_where_on_it_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (life, _) = compacted(folder.path());
    let sessions = life.sessions.clone();
    drop(life);
    let clock = std::sync::Arc::new(passbook::SimClock::at_ms(START_MS + 100 * 86_400_000));
    let retention = Some(std::time::Duration::from_hours(24));
    let policy = passbook::CompactionPolicy {
        retention,
        interval: std::time::Duration::from_hours(1),
        ..passbook::CompactionPolicy::default()
    };
    let builder = passbook::Ledger::builder().path(folder.path()).clock(clock);
    let builder = builder.sweep_interval(None).compaction(Some(policy)).history_index(false);
    let ledger = builder.open_blocking().expect("a ledger");
    assert!(ledger.compact().expect("compacts").files.archives_removed > 0);
    let replay = ledger.replay();
    let oldest = ledger.snapshots().expect("readable").pop().expect("some");
    let error = replay.as_of(At::Sequence(5)).expect_err("removed");
    assert!(
        matches!(error, LedgerError::NotRetained { sequence: 5, first } if first == oldest.sequence),
        "{error:?}"
    );
    let error = replay.as_of(At::Time(START_MS)).expect_err("removed");
    let LedgerError::TimeNotRetained { at_ms, first, first_ms } = error else {
        panic!("{error:?}")
    };
    assert_eq!((at_ms, first, first_ms), (START_MS, oldest.sequence, Some(oldest.time_ms)));
    assert!(replay.explain(sessions[0]).expect("it is in the snapshot").ending().is_some());
    let error = replay.explain(sessions[1]).expect_err("removed");
    let last = replay.head();
    assert!(matches!(error, LedgerError::NoTrace { first, last: l } if first > 1 && l == last));
    let beyond = replay.as_of(At::Sequence(last + 1)).expect_err("not there yet");
    assert_eq!(beyond.code(), "ledger:not_retained");
    assert!(replay.as_of(At::Sequence(oldest.sequence)).is_ok());
}
