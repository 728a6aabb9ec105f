//! A salvage that is cut short at any call of the disk leaves a folder that no opening takes for a
//! ledger, or the whole of what can be salvaged.

use std::{path::Path, sync::Arc};

use passbook::{
    Ledger, LedgerError, SessionStore, SimClock,
    journal::{Create, OpenError, Options, Threading, sim::SimVfs},
    salvage,
};
use passbook_tests::rig::{FOLDER, START_MS};

const INTO: &str = "/salvaged";
/// States tried for one cut.
const STATES_MAX: usize = 6;

fn options(vfs: &SimVfs) -> Options {
    Options { vfs: Arc::new(vfs.clone()), segment_bytes: 64 << 10, ..Options::default() }
}

/// The calls are counted: no thread may add some.
fn inline(vfs: &SimVfs) -> Options {
    Options { threading: Threading::Inline, ..options(vfs) }
}

fn open(vfs: &SimVfs, folder: &str) -> Result<Ledger, LedgerError> {
    let options = Options { create: Create::Never, ..options(vfs) };
    let builder = Ledger::builder().path(folder).journal_options(options);
    let builder = builder.clock(Arc::new(SimClock::at_ms(START_MS)));
    builder.sweep_interval(None).compaction(None).history_index(false).open_blocking()
}

/// A ledger of some logins, one of which is ended, and which has lost its manifest.
fn damaged() -> SimVfs {
    let vfs = SimVfs::new();
    let builder = Ledger::builder().path(FOLDER).journal_options(options(&vfs));
    let builder = builder.clock(Arc::new(SimClock::at_ms(START_MS)));
    let builder = builder.sweep_interval(None).compaction(None).history_index(false);
    let store = SessionStore::from(builder.open_blocking().expect("an empty disk"));
    for user in ["ann", "bob", "cid"] {
        store.create(user.to_owned());
    }
    assert_eq!(store.revoke_all_for_user("bob"), 1);
    drop(store);
    let vfs = vfs.fork();
    passbook::journal::Vfs::unlink(&vfs, &Path::new(FOLDER).join("MANIFEST")).expect("there");
    passbook::journal::Vfs::fsync_dir(&vfs, Path::new(FOLDER)).expect("synced");
    vfs
}

fn salvaged(vfs: &SimVfs) -> Result<u64, LedgerError> {
    let outcome = salvage(Path::new(FOLDER), Path::new(INTO), START_MS, inline(vfs));
    outcome.map(|outcome| outcome.sequence)
}

#[test]
fn a_salvage_cut_short_is_no_ledger() {
    let source = damaged();
    let whole = source.fork();
    let sequence = salvaged(&whole).expect("readable");
    let live = open(&whole.fork(), INTO).expect("whole").len();
    assert_eq!(live, 2);
    let (mut refused, mut taken) = (0, 0);
    for cut in 1.. {
        let run = source.fork();
        run.cut_at(cut);
        let done = salvaged(&run);
        if !run.is_off() {
            assert_eq!(done.ok(), Some(sequence));
            break;
        }
        for image in run.crash_images(STATES_MAX, cut) {
            match open(&image, INTO) {
                Ok(ledger) => {
                    assert_eq!((ledger.sequence(), ledger.len()), (sequence, live), "cut {cut}");
                    taken += 1;
                }
                Err(LedgerError::Open(error)) => {
                    assert!(done.is_err(), "cut {cut}: it was reported as done: {error}");
                    let is_told =
                        matches!(*error, OpenError::Incomplete { .. } | OpenError::Missing { .. });
                    assert!(is_told, "cut {cut}: {error}");
                    refused += 1;
                }
                Err(error) => panic!("cut {cut}: {error}"),
            }
        }
    }
    println!("{refused} states refused, {taken} whole");
    assert!(refused > 0 && taken > 0);
}
