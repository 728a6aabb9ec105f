//! Reading without writing: beside a writer, in a read-only folder, over damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use passbook_journal::sim::{ReadOnly, SimVfs};
use passbook_journal::{
    AppendError, FileJournal, Group, Held, Journal, OpenError, Options, Payload, Progress,
    ReadError, ReadOnlyJournal, Step, Tail, VerifyOptions, VerifyReport, stat, verify,
};

use crate::ledger::{DIR, Rig, SEGMENT_BYTES, open, options, picture};

fn read_only(sim: &SimVfs) -> ReadOnlyJournal {
    FileJournal::open_read_only(Path::new(DIR), Arc::new(sim.clone())).unwrap()
}

fn verified(sim: &SimVfs) -> VerifyReport {
    verify(Path::new(DIR), Arc::new(sim.clone()), &VerifyOptions::default()).unwrap()
}

/// Six records in five segments (@1, @2, @3 and @4, @5, @6); the rig still has it open.
fn rotated() -> Rig {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open());
    for length in [100, 5000, 300, 10, 6000, 1] {
        assert!(rig.append(&[length]));
        rig.pump();
    }
    rig
}

fn segments(sim: &SimVfs) -> Vec<PathBuf> {
    sim.files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "seg"))
        .collect()
}

#[test]
fn beside_a_writer_only_what_is_provably_durable_is_read() {
    let mut rig = rotated();
    let before = picture(&rig.sim);
    let reader = read_only(&rig.sim);
    assert_eq!(reader.held(), Held::ByWriter);
    // The sixth is durable, but nothing on the medium says so yet.
    assert_eq!((reader.durable(), reader.read(1).unwrap().count()), (5, 5));
    assert!(rig.append(&[20]));
    rig.step(Step::Write);
    assert_eq!(read_only(&rig.sim).durable(), 6, "the seventh's header says so");
    assert_eq!(*read_only(&rig.sim).tail(), Tail::Clean);
    rig.pump();
    rig.close();
    let reader = read_only(&rig.sim);
    assert_eq!((reader.held(), reader.durable()), (Held::No, 7));
    assert_ne!(picture(&rig.sim), before);
}

#[test]
fn a_reader_changes_nothing_and_needs_no_right_to() {
    let mut rig = rotated();
    assert!(rig.append(&[2000]));
    rig.step(Step::Write);
    rig.kill();
    // Half of the last write arrived.
    let torn = rig
        .sim
        .crash_images(1 << 10, 3)
        .find(|image| matches!(read_only(image).tail(), Tail::Torn { .. }))
        .unwrap();
    torn.set_read_only(ReadOnly::Yes);
    let before = picture(&torn);
    let reader = read_only(&torn);
    let records: Vec<_> = reader.read(0).unwrap().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    assert!(records.iter().zip(&rig.submitted).all(|(read, sent)| read.payload == sent.payload));
    let group = Group { time_ms: u64::MAX, payloads: &[Payload::new(b"no")] };
    assert!(matches!(reader.append(6, &group), Err(AppendError::ReadOnly(_))));
    let report = verified(&torn);
    assert!(report.is_good() && matches!(report.tail, Tail::Torn { .. }), "{report:?}");
    assert_eq!(picture(&torn), before);
}

#[test]
fn a_reader_stops_with_an_error_at_damage() {
    let mut rig = rotated();
    rig.close();
    let paths = segments(&rig.sim);
    for (index, good) in [0, 1, 2, 4, 5].into_iter().enumerate() {
        let sim = rig.sim.fork();
        assert!(sim.flip(&paths[index], 8 * (8192 + 200)));
        let mut items = read_only(&sim).read(1).unwrap();
        for _ in 0..good {
            items.next().unwrap().unwrap();
        }
        let Some(Err(ReadError::Corrupt { path, offset, sequence, .. })) = items.next() else {
            panic!("damage in segment {index} was overlooked");
        };
        assert_eq!((path, offset, sequence), (paths[index].clone(), 8192, good + 1));
        assert!(items.next().is_none());
    }
}

#[test]
fn a_record_knows_its_place() {
    let mut rig = rotated();
    assert!(rig.append(&[3, 4]));
    rig.pump();
    let journal = rig.journal.as_ref().unwrap();
    let record = journal.read(8).unwrap().next().unwrap().unwrap();
    let place = record.place.unwrap();
    let bytes = rig.sim.read_all(&place.segment).unwrap();
    let end = usize::try_from(place.record_offset + place.length).unwrap();
    assert_eq!(bytes[end - 4..end], record.payload);
    assert_eq!(place.record_offset - place.batch_offset, 128 + 16 + 3);
}

#[test]
fn a_read_begins_anywhere() {
    let mut rig = Rig::new(&SimVfs::new());
    let segment_bytes = 2 << 20;
    assert!(rig.open_with(Options { segment_bytes, ..options(&rig.sim) }));
    for round in 0..120 {
        assert!(rig.append(&[3000 * (round % 7), 40_000]));
        rig.pump();
    }
    assert!(segments(&rig.sim).len() > 2);
    let live = rig.journal.take().unwrap();
    let check = |journal: &dyn Journal| {
        for from in [1, 2, 17, 80, 81, 119, 200, 239, 240, 241] {
            let read: Vec<_> = journal.read(from).unwrap().map(Result::unwrap).collect();
            let skip = usize::try_from(from - 1).unwrap();
            let expected: Vec<_> = rig.submitted.iter().skip(skip).collect();
            assert_eq!(read.len(), expected.len(), "from {from}");
            assert!(read.iter().zip(&expected).all(|(read, sent)| read.payload == sent.payload));
        }
    };
    check(&live);
    drop(live);
    check(&open(&rig.sim).unwrap().0);
}

#[test]
fn stat_tells_what_there_is() {
    let mut rig = rotated();
    rig.close();
    let stat = stat(Path::new(DIR), Arc::new(rig.sim.clone())).unwrap();
    let ranges: Vec<_> = stat
        .segments
        .iter()
        .map(|segment| segment.sequence_first..=segment.sequence_last)
        .collect();
    assert_eq!(ranges, [1..=1, 2..=2, 3..=4, 5..=5, 6..=6]);
    assert_eq!((stat.sequence_first, stat.sequence_last), (1, 6));
    assert_eq!((stat.time_first_ms, stat.time_last_ms), (Some(1_010), Some(1_060)));
    assert_eq!(stat.bytes(), 5 * SEGMENT_BYTES);
    assert!(stat.watermark.is_some_and(|mark| mark.closed && mark.durable == 6));
}

#[test]
fn verification_lists_every_damage_and_what_is_intact() {
    let mut rig = rotated();
    rig.close();
    let good = verified(&rig.sim);
    assert!(good.is_good());
    assert_eq!((good.records, good.intact.clone()), (6, vec![1..=6]));
    assert_eq!(good.chain, Some(open(&rig.sim.fork()).unwrap().1.chain));

    let paths = segments(&rig.sim);
    assert!(rig.sim.flip(&paths[1], 8 * (8192 + 140)), "a payload of @2");
    assert!(rig.sim.flip(&paths[2], 8 * 40), "a header copy");
    assert!(rig.sim.flip(&paths[4], 8 * 8200), "the header of @6's batch");
    assert!(rig.sim.flip(&Path::new(DIR).join("MANIFEST"), 8 * 100));
    let report = verified(&rig.sim);
    let found: Vec<_> = report
        .damages
        .iter()
        .map(|damage| {
            (damage.path.file_name().unwrap().to_string_lossy().into_owned(), damage.offset)
        })
        .collect();
    let name = |index: usize| paths[index].file_name().unwrap().to_string_lossy().into_owned();
    let expected = [("MANIFEST".to_owned(), 0), (name(1), 8192), (name(2), 0), (name(4), 8192)];
    assert_eq!(found, expected);
    assert_eq!(report.damages[1].sequence_first, 2);
    assert_eq!(report.damages[1].sequence_last, Some(2));
    assert_eq!(report.intact, [1..=1, 3..=5]);
    assert!(!report.is_good() && report.chain.is_none());
}

#[test]
fn verification_finds_a_payload_that_was_changed_with_its_checksum() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open());
    // A leaf that isn't the payload's: what someone who rewrites payload and checksum leaves.
    let payload = Payload { bytes: b"innocent", leaf: [9; 32] };
    let journal = rig.journal.take().unwrap();
    journal.append(0, &Group { time_ms: 1, payloads: &[payload] }).unwrap();
    journal.append(1, &Group { time_ms: 1, payloads: &[Payload::new(b"x")] }).unwrap();
    journal.pump();
    drop(journal);
    assert_eq!(open(&rig.sim.fork()).unwrap().2.len(), 2, "opening trusts the checksums");
    let report = verified(&rig.sim);
    assert_eq!(report.damages.len(), 1);
    assert!(report.damages[0].why.contains("chain"), "{}", report.damages[0]);
}

#[test]
fn verification_runs_on_several_threads_and_tells_its_progress() {
    let mut rig = rotated();
    rig.close();
    let last = Mutex::new(Progress { done_bytes: 0, total_bytes: 0 });
    let progress = |progress: Progress| {
        let mut last = last.lock();
        if progress.done_bytes > last.done_bytes {
            *last = progress;
        }
    };
    for jobs in [0, 1, 3, 1000] {
        let options = VerifyOptions { jobs, progress: Some(&progress) };
        let vfs = Arc::new(rig.sim.clone());
        assert_eq!(verify(Path::new(DIR), vfs, &options).unwrap().records, 6);
        let seen = *last.lock();
        assert_eq!(seen.done_bytes, seen.total_bytes);
        assert_eq!(seen.total_bytes, 5 * SEGMENT_BYTES);
    }
}

#[test]
fn what_is_not_a_ledger_is_not_read() {
    let sim = SimVfs::new();
    let vfs = || Arc::new(sim.clone());
    let missing = FileJournal::open_read_only(Path::new(DIR), vfs());
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
    sim.put(&Path::new(DIR).join("notes"), b"x");
    let foreign = verify(Path::new(DIR), vfs(), &VerifyOptions::default());
    assert!(matches!(foreign, Err(OpenError::NotALedger { .. })));
}
