//! Ledgers to be damaged: made once, and forked for each input.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use passbook::{
    SimClock,
    journal::{
        Create, FileJournal, Group, Journal, OpenError, Options, Payload, RecordRef, Recovery,
        Threading, sim::SimVfs,
    },
};

use crate::{
    decoder::segment::Record,
    model::Deed,
    op::command,
    rig::{FOLDER, Rig, START_MS},
};

/// Segments of the plain specimen, in bytes: the shortest.
pub const SEGMENT_LEN: usize = 16_384;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A path in the ledger's folder.
pub fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// The file of the plain specimen's one segment.
pub fn segment_path() -> PathBuf {
    path("journal/000001-1.seg")
}

/// One segment with two batches: plain records, and zeros that are written in disguise.
pub fn plain() -> SimVfs {
    static MADE: OnceLock<SimVfs> = OnceLock::new();
    MADE.get_or_init(make_plain).fork()
}

fn make_plain() -> SimVfs {
    let vfs = SimVfs::new();
    let options = Options { create: Create::IfMissing, ..options(&vfs) };
    let visit = &mut |_: RecordRef<'_>| Ok(());
    let (journal, _) = FileJournal::open(Path::new(FOLDER), options, visit).expect("it is new");
    let append = |time_ms: u64, payloads: &[&[u8]]| {
        let payloads: Vec<_> = payloads.iter().map(|bytes| Payload::new(bytes)).collect();
        let group = Group { time_ms, payloads: &payloads };
        journal.append(journal.head(), &group).expect("room");
    };
    append(1_000, &[b"one", b"and two"]);
    append(1_500, &[b"three"]);
    journal.pump();
    append(2_000, &[&[0; 900]]);
    journal.pump();
    journal.close().expect("it closes");
    vfs.fork()
}

fn options(vfs: &SimVfs) -> Options {
    Options {
        vfs: Arc::new(vfs.clone()),
        entropy: Arc::new(passbook::journal::SeededEntropy::new(7)),
        segment_bytes: 16_384,
        threading: Threading::Inline,
        create: Create::Never,
        ..Options::default()
    }
}

/// Opens a journal for writing; gives its records as the decoder would.
///
/// # Errors
/// What the journal says.
pub fn open(vfs: &SimVfs) -> Result<(FileJournal, Recovery, Vec<Record>), OpenError> {
    let mut records = Vec::new();
    let visit = &mut |record: RecordRef<'_>| {
        records.push(Record {
            sequence: record.sequence,
            time_ms: record.time_ms,
            is_group_first: record.group_first,
            payload: Some(record.payload.to_vec()),
            leaf: crate::decoder::bytes::leaf(record.payload),
        });
        Ok(())
    };
    let (journal, recovery) = FileJournal::open(Path::new(FOLDER), options(vfs), visit)?;
    Ok((journal, recovery, records))
}

/// A ledger with a stub, archives, two snapshots, and segments behind them.
pub fn compacted() -> SimVfs {
    static MADE: OnceLock<SimVfs> = OnceLock::new();
    MADE.get_or_init(make_compacted).fork()
}

/// A ledger with two snapshots that needs neither.
pub fn snapped() -> SimVfs {
    static MADE: OnceLock<SimVfs> = OnceLock::new();
    MADE.get_or_init(make_snapped).fork()
}

/// The ledger on that disk, long after it was made.
///
/// # Errors
/// What the ledger says.
pub fn rig(vfs: SimVfs) -> Result<Rig, passbook::LedgerError> {
    Rig::open(vfs, Arc::new(SimClock::at_ms(START_MS + 1_000 * DAY_MS)))
}

/// Logins with data enough for some segments.
fn live_on(rig: &Rig, from: u64, sessions: u64) {
    let mut deeds = Vec::new();
    for number in from..from + sessions {
        deeds.push(Deed::Create {
            id: passbook::SessionId::from_parts(START_MS, number.into()),
            token: 2 * number,
            user: format!("user{}", number % 3),
            is_guest: false,
            device: Some(format!("device{number}")),
            limit: None,
            replaces: None,
        });
        deeds.push(Deed::SetData(2 * number, 0, 1));
        deeds.push(Deed::Refresh(2 * number, 2 * number + 1));
        if number % 2 == 0 {
            deeds.push(Deed::Revoke(2 * number + 1));
        }
    }
    for deed in deeds {
        let pending = rig.ledger.submit(&command(&deed, None)).expect("room");
        rig.journal.pump();
        pending.wait().expect("durable");
    }
}

fn make_compacted() -> SimVfs {
    let rig = Rig::fresh();
    live_on(&rig, 1, 10);
    rig.ledger.compact().expect("compacts");
    rig.clock.advance_ms(500 * DAY_MS);
    live_on(&rig, 101, 10);
    rig.ledger.compact().expect("compacts");
    live_on(&rig, 201, 8);
    rig.ledger.compact().expect("compacts");
    live_on(&rig, 301, 6);
    rig.ledger.close().expect("it closes");
    rig.vfs.fork()
}

fn make_snapped() -> SimVfs {
    let rig = Rig::fresh();
    live_on(&rig, 1, 2);
    rig.ledger.snapshot().expect("a snapshot");
    live_on(&rig, 101, 2);
    rig.ledger.snapshot().expect("a snapshot");
    rig.ledger.close().expect("it closes");
    rig.vfs.fork()
}

/// The newest file in a folder of the ledger with that ending.
pub fn newest(vfs: &SimVfs, folder: &str, ending: &str) -> PathBuf {
    let folder = path(folder);
    let mut files = vfs.files();
    files.retain(|file| {
        file.parent() == Some(&folder)
            && file.extension().is_some_and(|extension| extension == ending)
    });
    files.pop().expect("the specimen has one")
}
