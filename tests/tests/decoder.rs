//! The product beside a second decoder that was written from the documents alone: both read the same
//! from any ledger, and call the same bytes good.

#![expect(clippy::print_stdout, reason = "a suite prints its counts")]
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::{path::Path, sync::Arc};

use passbook::journal::{Journal as _, VerifyOptions, verify};
use passbook_tests::{
    decoder::{self, folder, sessions},
    fuzz::{TARGETS, specimen},
    op::{command, policy},
    plan::{Plan, Tally},
    rig::{FOLDER, Rig},
};
use rand::{Rng, RngExt as _, rngs::SmallRng};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Random deeds with snapshots, compactions and years of retention between them.
fn random_ledger(rng: &mut SmallRng) -> Rig {
    use passbook_tests::op::{ActOp, Names};
    let rig = Rig::with_policy(policy(rng.random()));
    let mut names = Names::default();
    let rounds = rng.random_range(1..4);
    for _ in 0..rounds {
        for _ in 0..rng.random_range(0..60) {
            let (pick, other) = (rng.random(), rng.random());
            let act = match rng.random_range(0..12) {
                0..4 => ActOp::Create {
                    user: pick,
                    guest: other % 5 == 0,
                    device: Some(other % 3),
                    limit: None,
                    replaces: (other % 7 == 0).then_some(pick),
                },
                4 | 5 => ActOp::Refresh(pick),
                6 => ActOp::Revoke(pick),
                7 => ActOp::SetData(pick, other, pick),
                8 => ActOp::RevokeUser(pick, Some(other)),
                9 => ActOp::Upgrade(pick, other, pick % 2 == 0),
                10 => ActOp::SetTenant(pick, Some(other)),
                _ => ActOp::Sweep,
            };
            let deed = names.deed(act, rig.clock.now_ms());
            let pending = rig.ledger.submit(&command(&deed, None)).expect("room");
            // Not always: so that groups share batches.
            if rng.random_range(0..3) > 0 {
                rig.journal.pump();
                pending.wait().expect("durable");
            }
            rig.clock.advance_ms(rng.random_range(0..20_000));
        }
        rig.journal.pump();
        match rng.random_range(0..4) {
            0 => drop(rig.ledger.snapshot().expect("a snapshot")),
            1 => drop(rig.ledger.compact().expect("compacts")),
            2 => {
                drop(rig.ledger.compact().expect("compacts"));
                rig.clock.advance_ms(500 * DAY_MS);
                drop(rig.ledger.compact().expect("compacts"));
            }
            _ => {}
        }
    }
    rig
}

use passbook::Clock as _;

/// Reads the ledger by both, and compares what they say.
fn check_ledger(rig: &Rig, tally: &mut Tally) {
    let files = folder::Files::of(&rig.vfs, Path::new(FOLDER));
    let reading = folder::read(&files).expect("it is a ledger");
    let first = rig.journal.extent().kept_first;
    let kept = rig.journal.read_kept(first).expect("readable");
    let product: Vec<_> = kept
        .map(|record| record.expect("readable"))
        .map(|record| (record.sequence, record.time_ms, record.group_first, record.payload))
        .collect();
    let second: Vec<_> = reading
        .records()
        .filter_map(|record| {
            let payload = record.payload.clone()?;
            Some((record.sequence, record.time_ms, record.is_group_first, payload))
        })
        .collect();
    assert_eq!(product, second, "the records");
    let report = verify(Path::new(FOLDER), Arc::new(rig.vfs.fork()), &VerifyOptions::default());
    let report = report.expect("it is a ledger");
    assert!(report.is_good(), "{:?}", report.damages);
    assert_eq!(report.chain, Some(reading.chain), "the chain over all records");
    assert_eq!(report.store, Some(reading.manifest.store));
    let count = |len: usize| u64::try_from(len).expect("few");
    let headers = reading.archives.iter().map(|archive| &archive.header);
    let (stubs, archives): (Vec<_>, Vec<_>) = headers.partition(|header| header.is_stub);
    let stubbed = stubs.iter().map(|stub| stub.number + 1 - stub.number_first).sum();
    let counts = [count(reading.segments.len()), count(archives.len()), stubbed];
    assert_eq!([report.segments, report.archives, report.stubs], counts);
    let snapshots: Vec<_> =
        report.snapshots.iter().map(|info| (info.sequence, info.digest)).collect();
    let read: Vec<_> = reading.snapshots.iter().map(|each| (each.at.0, each.digest)).collect();
    assert_eq!(snapshots, read, "the snapshots");
    tally.add("records", u64::try_from(second.len()).expect("few"));
    tally.add("archives", counts[1]);
    tally.add("stubs", counts[2]);
    tally.add("snapshots", u64::try_from(read.len()).expect("few"));

    let mut live = sessions::Sessions::new();
    for (.., payload) in &second {
        sessions::take(&mut live, &decoder::event::event(payload).expect("an event"));
    }
    // What only a leaf is left of, or not even that, nobody can read.
    let is_whole = counts[2] == 0;
    let mut found = rig.ledger.list_all_unfiltered();
    found.sort_unstable_by_key(|session| session.id);
    if is_whole {
        let ids: Vec<_> = found.iter().map(|session| session.id).collect();
        assert_eq!(ids, live.keys().copied().collect::<Vec<_>>(), "the sessions");
    }
    for session in found {
        let Some(row) = live.get(&session.id) else { continue };
        let expected =
            (&*row.user, row.expires_at_ms, row.device.as_deref(), row.tenant.as_deref());
        let product = (
            session.user_id.as_str(),
            session.expires_at_ms,
            session.device.as_deref(),
            session.tenant_id.as_deref(),
        );
        assert_eq!(product, expected);
    }
    tally.add("sessions", u64::try_from(live.len()).expect("few"));
}

#[test]
fn a_second_decoder_reads_the_same_from_any_ledger() {
    let case = |_number, rng: &mut SmallRng, tally: &mut Tally| {
        let rig = random_ledger(rng);
        rig.ledger.close().expect("it closes");
        check_ledger(&rig, tally);
    };
    let report = Plan::of_cases(300).run("decoder", case).unwrap_or_else(|error| panic!("{error}"));
    for what in ["records", "archives", "stubs", "snapshots", "sessions"] {
        assert!(report.tally.of(what) > 0, "no {what}");
    }
    println!("{report}");
}

#[test]
fn the_specimens_have_all_kinds_of_files() {
    let files = folder::Files::of(&specimen::compacted(), Path::new(FOLDER));
    let reading = folder::read(&files).expect("it is good");
    let stubs = reading.archives.iter().filter(|archive| archive.header.is_stub).count();
    assert!(stubs > 0 && reading.archives.len() > stubs && reading.segments.len() > 1);
    assert!(reading.snapshots.len() > 2 && reading.watermark.is_some_and(|mark| mark.is_closed));
    assert!(reading.archives.iter().any(|archive| !archive.keys.is_empty()));
}

/// Flips bits of one good input, and lets both readers judge.
fn check_flips(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("it is one");
    let case = |number: u64, rng: &mut SmallRng, tally: &mut Tally| {
        let seeds = (target.seeds)();
        let pick = usize::try_from(number).expect("small") % seeds.len();
        let mut bytes = seeds[pick].clone();
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << (rng.next_u32() % 8);
        }
        (target.run)(&bytes);
        tally.add("flipped", 1);
    };
    let report = Plan::of_cases(4_000).run("decoder", case);
    println!("{name}: {}", report.unwrap_or_else(|error| panic!("{error}")));
}

#[test]
fn both_call_the_same_batches_good() {
    check_flips("frame");
}

#[test]
fn both_call_the_same_events_good() {
    check_flips("event");
}
