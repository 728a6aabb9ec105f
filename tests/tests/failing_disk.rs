//! A disk that fails or hangs: nothing that is not durable is seen or answered, reads go on
//! (invariants I1, I2).

use std::{io, sync::Arc};

use passbook::{
    SimClock,
    core::{Act, Command, NewSession, Transport, UserId},
    journal::{
        Step,
        sim::{Fault, Times},
    },
};
use passbook_tests::{
    op::token,
    rig::{Rig, START_MS},
};

fn login(number: u64) -> Command {
    Command::new(Act::Create(NewSession {
        id: passbook::SessionId::from_parts(START_MS, number.into()),
        digest: Some(token(number).digest()),
        user: UserId::new("ann").expect("short"),
        is_guest: false,
        device: None,
        tenant: None,
        transport: Transport::Token,
        lifetime_ms: None,
        absolute_timeout_ms: None,
        data: std::collections::BTreeMap::new(),
        replaces: None,
        sessions_per_user_max: None,
    }))
}

fn is_live(rig: &Rig, number: u64) -> bool {
    rig.ledger.session(&token(number)).is_some()
}

/// A ledger with one durable login.
fn rig() -> Rig {
    let rig = Rig::fresh();
    let pending = rig.ledger.submit(&login(1)).expect("room");
    rig.journal.pump();
    pending.wait().expect("durable");
    rig
}

#[test]
fn nothing_is_seen_before_its_sync_has_returned() {
    let rig = rig();
    let _pending = rig.ledger.submit(&login(2)).expect("room");
    for step in [Step::Write, Step::Sync] {
        assert!(!is_live(&rig, 2) && rig.ledger.list_for_user("ann").len() == 1, "before {step:?}");
        rig.journal.step(step);
    }
    assert!(is_live(&rig, 1), "reads go on meanwhile");
    rig.journal.step(Step::Complete);
    assert!(is_live(&rig, 2));
}

#[test]
fn a_failed_write_or_sync_poisons_the_writer_for_ever_and_reads_go_on() {
    for (steps, fault) in [
        (vec![], Fault::Error(io::ErrorKind::Other)),
        (vec![], Fault::ShortWrite),
        (vec![Step::Write], Fault::Error(io::ErrorKind::Other)),
        (vec![Step::Write], Fault::LosePages),
    ] {
        let rig = rig();
        let in_flight = [2, 3].map(|number| rig.ledger.submit(&login(number)).expect("room"));
        for step in &steps {
            rig.journal.step(*step);
        }
        rig.vfs.fail_at(rig.vfs.calls() + 1, fault, Times::Once);
        rig.journal.pump();
        for pending in in_flight {
            let error = pending.wait().expect_err("the disk failed");
            assert_eq!(error.code(), "ledger:commit_indeterminate", "{fault:?}");
        }
        for _ in 0..2 {
            let error = rig.ledger.submit(&login(4)).expect_err("poisoned");
            assert_eq!(error.code(), "ledger:unavailable", "{fault:?}");
        }
        assert!(is_live(&rig, 1) && !is_live(&rig, 2) && !is_live(&rig, 3) && !is_live(&rig, 4));
        assert!(!rig.ledger.health().is_writable());
        for image in rig.vfs.crash_images(64, 1) {
            let clock = Arc::new(SimClock::at_ms(START_MS));
            let after = Rig::open(image, clock).expect("a failed disk is a legal crash");
            assert!(is_live(&after, 1) && !is_live(&after, 4), "{fault:?}");
            assert!(is_live(&after, 2) || !is_live(&after, 3), "a prefix: {fault:?}");
        }
    }
}
