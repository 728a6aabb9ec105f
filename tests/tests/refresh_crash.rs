//! Rotation and its kin under power cuts: after any cut, the state before or the state after, and of
//! a lineage exactly one live token (invariants I2, I4, I9).

#![expect(clippy::print_stdout, reason = "a suite prints its counts")]

use std::sync::Arc;

use passbook::{
    SessionId, SessionStore, SimClock,
    core::{Act, Command, NewSession, SessionRef, Transport, UserId},
    journal::{Step, sim::SimVfs},
};
use passbook_tests::{
    model::LOGOUT,
    op::token,
    rig::{Rig, START_MS},
};

const IMAGES_MAX: usize = 1 << 10;
const SEED: u64 = 0x5eed;

fn id(number: u128) -> SessionId {
    SessionId::from_parts(START_MS, number)
}

fn create(number: u64, user: &str, is_guest: bool) -> NewSession {
    NewSession {
        id: id(number.into()),
        digest: Some(token(number).digest()),
        user: UserId::new(user).expect("short"),
        is_guest,
        device: None,
        tenant: None,
        transport: Transport::Token,
        lifetime_ms: None,
        absolute_timeout_ms: None,
        data: std::collections::BTreeMap::new(),
        replaces: None,
        sessions_per_user_max: None,
    }
}

fn refresh(from: u64, to: u64) -> Act {
    Act::Refresh {
        presented: token(from).digest(),
        successor: token(to).digest(),
        lifetime_ms: None,
    }
}

/// Which of the tokens 1 to 9 open a session.
fn live(rig: &Rig) -> Vec<u64> {
    (1..10).filter(|number| rig.ledger.session(&token(*number)).is_some()).collect()
}

/// Does `setup`, durably, and then `act` with the power cut at every call of it; after the cut,
/// exactly the tokens of `before` or those of `after` are live, and those of `after` if it was
/// acknowledged.
#[track_caller]
fn check(name: &str, setup: &[Act], act: &Act, before: &[u64], after: &[u64]) {
    let (mut cuts, mut images, mut acknowledged) = (0, 0, 0);
    for cut in 1.. {
        let rig = Rig::fresh();
        for act in setup {
            let pending = rig.ledger.submit(&Command::new(act.clone())).expect("room");
            rig.journal.pump();
            pending.wait().expect("durable");
        }
        assert_eq!(live(&rig), before, "{name}: before");
        rig.vfs.cut_at(rig.vfs.calls() + cut);
        let pending = rig.ledger.submit(&Command::new(act.clone())).expect("room");
        rig.journal.pump();
        let done = !rig.vfs.is_off();
        let acked = rig.ledger.sequence() == rig.journal_head();
        let answered = (done || acked).then(|| pending.wait().expect("durable"));
        cuts += 1;
        acknowledged += u64::from(answered.is_some());
        for image in rig.vfs.crash_images(IMAGES_MAX, SEED) {
            images += 1;
            let found = live(&reopen(image));
            let whole = found == after || (answered.is_none() && found == before);
            assert!(whole, "{name}: cut at call {cut}: {found:?} (seed {SEED})");
        }
        if done {
            break;
        }
    }
    println!(
        "{name}: {cuts} cuts, {images} states of the disk, {acknowledged} acknowledged, all whole"
    );
}

fn reopen(image: SimVfs) -> Rig {
    Rig::open(image, Arc::new(SimClock::at_ms(START_MS))).expect("a legal power cut is not refused")
}

trait Head {
    fn journal_head(&self) -> u64;
}

impl Head for Rig {
    fn journal_head(&self) -> u64 {
        passbook::journal::Journal::head(&*self.journal)
    }
}

#[test]
fn a_cut_in_a_refresh_leaves_one_live_token() {
    check("refresh", &[Act::Create(create(1, "ann", false))], &refresh(1, 2), &[1], &[2]);
}

#[test]
fn a_cut_in_an_upgrade_with_rotation_leaves_one_live_token() {
    let upgrade = Act::Upgrade {
        session: SessionRef::Token(token(1).digest()),
        user: UserId::new("ann").expect("short"),
        successor: Some(token(2).digest()),
    };
    check("upgrade", &[Act::Create(create(1, "guest_1", true))], &upgrade, &[1], &[2]);
}

#[test]
fn a_cut_in_a_revoke_leaves_the_session_whole_or_gone() {
    let revoke = Act::Revoke { session: SessionRef::Id(id(1)), reason: LOGOUT };
    check("revoke", &[Act::Create(create(1, "ann", false))], &revoke, &[1], &[]);
}

#[test]
fn a_cut_in_revoke_all_ends_all_or_none() {
    let setup: Vec<_> = (1..4).map(|number| Act::Create(create(number, "ann", false))).collect();
    let user = UserId::new("ann").expect("short");
    let revoke = Act::RevokeUser { user, except: Some(id(2)), reason: LOGOUT };
    check("revoke all but one", &setup, &revoke, &[1, 2, 3], &[2]);
}

#[test]
fn a_cut_in_a_login_that_evicts_never_leaves_too_many_or_too_few() {
    let setup: Vec<_> = (1..3).map(|number| Act::Create(create(number, "ann", false))).collect();
    let login = NewSession { sessions_per_user_max: Some(2), ..create(3, "ann", false) };
    check("login with eviction", &setup, &Act::Create(login), &[1, 2], &[2, 3]);
}

#[test]
fn a_cut_in_a_login_that_replaces_leaves_one_of_the_two() {
    let login = NewSession { replaces: Some(id(1)), ..create(2, "ann", false) };
    let setup = [Act::Create(create(1, "ann", false))];
    check("login in place of another", &setup, &Act::Create(login), &[1], &[2]);
}

#[test]
fn two_refreshes_in_flight_leave_one_live_token_in_any_order_of_syncs() {
    let mut images = 0;
    for syncs in [[Step::Sync, Step::Sync], [Step::SyncNewest, Step::Sync]] {
        for steps in 0..=syncs.len() {
            let rig = Rig::fresh();
            for act in [Act::Create(create(1, "ann", false)), refresh(1, 2), refresh(2, 3)] {
                let _in_flight = rig.ledger.submit(&Command::new(act)).expect("room");
                rig.journal.step(Step::Write);
            }
            syncs.iter().take(steps).for_each(|step| {
                rig.journal.step(*step);
            });
            rig.journal.step(Step::Complete);
            let seen = live(&rig);
            assert!(seen.len() <= 1, "{seen:?}");
            for image in rig.vfs.crash_images(IMAGES_MAX, SEED) {
                images += 1;
                let found = live(&reopen(image));
                assert!(found.len() <= 1 && found >= seen, "{seen:?} acknowledged, {found:?}");
            }
        }
    }
    println!("two refreshes in flight: {images} states of the disk, never two live tokens");
}

#[test]
fn of_64_callers_that_refresh_one_token_on_the_disk_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SessionStore::open(folder.path()).expect("a ledger");
    for round in 0..20 {
        let first = store.create(format!("user{round}")).token.expose();
        let winners: Vec<_> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..64).map(|_| scope.spawn(|| store.refresh(&first))).collect();
            callers.into_iter().filter_map(|caller| caller.join().expect("no panic")).collect()
        });
        let [winner] = &*winners else { panic!("{} winners", winners.len()) };
        assert!(store.get(&first).is_none());
        assert_eq!(store.get(&winner.token.expose()).expect("live").id, winner.id);
    }
}
