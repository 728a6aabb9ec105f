//! Bad input gets a typed error with a stable code, and nothing is written.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use passbook::{
    Context, Ledger, LedgerError, SessionStore, SimClock,
    core::{Act, Command, limits},
    journal::{
        Create, Options,
        sim::{ReadOnly, SimVfs},
    },
};
use passbook_tests::rig::{FOLDER, Rig, START_MS, options};

fn snapshot(vfs: &SimVfs) -> BTreeMap<String, Vec<u8>> {
    let read = |path: &std::path::PathBuf| vfs.read_all(path).unwrap_or_default();
    vfs.files().iter().map(|path| (path.display().to_string(), read(path))).collect()
}

/// Opening that disk is refused with that code, and no file is other than before.
#[track_caller]
fn check_refused(vfs: &SimVfs, code: &str) -> LedgerError {
    let before = snapshot(vfs);
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let error = Rig::open(vfs.clone(), clock).expect_err("refused");
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(snapshot(vfs), before, "nothing was written");
    error
}

/// A ledger with one login, closed.
fn closed() -> SimVfs {
    let rig = Rig::fresh();
    let name = passbook::core::BookmarkName::new("here").expect("short");
    let act = Act::Bookmark { name, mark: passbook::core::Mark::Here };
    let pending = rig.ledger.submit(&Command::new(act)).expect("room");
    rig.journal.pump();
    pending.wait().expect("durable");
    rig.ledger.close().expect("closed");
    rig.vfs.fork()
}

fn file(vfs: &SimVfs, part: &str) -> std::path::PathBuf {
    let mut files = vfs.files().into_iter();
    files.find(|path| path.display().to_string().contains(part)).expect("there")
}

#[test]
fn a_folder_of_something_else_is_no_ledger() {
    let vfs = SimVfs::new();
    vfs.put(&Path::new(FOLDER).join("holiday.jpg"), b"not a ledger");
    let error = check_refused(&vfs, "ledger:not_a_ledger");
    assert!(error.to_string().contains("holiday.jpg"), "{error}");
}

#[test]
fn a_folder_that_is_missing_is_not_made_where_that_was_not_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none");
    let options = Options { create: Create::Never, ..Options::default() };
    let opened = Ledger::builder().path(&path).journal_options(options).open_blocking();
    assert_eq!(opened.expect_err("missing").code(), "ledger:missing");
    assert!(!path.exists());
}

#[test]
fn a_segment_of_another_ledger_is_refused() {
    let (ours, theirs) = (closed(), SimVfs::new());
    let settings = Options {
        entropy: Arc::new(passbook::journal::SeededEntropy::new(99)),
        ..options(&theirs)
    };
    let opened = passbook::journal::FileJournal::open(
        Path::new(FOLDER),
        settings,
        &mut |_: passbook::journal::RecordRef<'_>| Ok(()),
    );
    drop(opened.expect("an empty disk opens"));
    let segment = file(&ours, ".seg");
    let foreign = theirs.fork().read_all(&file(&theirs, ".seg")).expect("there");
    ours.put(&segment, &foreign);
    check_refused(&ours, "ledger:foreign_journal");
}

#[test]
fn a_read_only_folder_is_refused_for_writing() {
    let vfs = closed();
    vfs.set_read_only(ReadOnly::Yes);
    check_refused(&vfs, "ledger:not_writable");
}

#[test]
fn without_space_nothing_is_made() {
    let vfs = SimVfs::new();
    vfs.set_capacity(Some(8_192));
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let error = Rig::open(vfs.clone(), Arc::clone(&clock)).expect_err("no space");
    assert_eq!(error.code(), "ledger:no_space", "{error}");
    vfs.set_capacity(None);
    Rig::open(vfs.fork(), clock).expect("with space it opens");
}

#[test]
fn a_full_disk_makes_the_ledger_read_only_until_space_is_back() {
    let rig = Rig::fresh();
    let used: usize = snapshot(&rig.vfs).values().map(Vec::len).sum();
    rig.vfs.set_capacity(Some(u64::try_from(used).expect("small")));
    let fail = || {
        let act =
            Act::RecordFailure { user: None, reason: passbook::FailureReason::Other, count: 1 };
        let pending = rig.ledger.submit(&Command::new(act))?;
        rig.journal.pump();
        pending.wait()
    };
    let full = (0..1_000).find_map(|_| fail().err()).expect("the disk fills up");
    assert_eq!(full.code(), "ledger:read_only", "{full}");
    let sequence = rig.ledger.sequence();
    assert_eq!(fail().expect_err("still full").code(), "ledger:read_only");
    assert_eq!(rig.ledger.sequence(), sequence, "nothing was written");
    assert!(!rig.ledger.health().is_writable());
    rig.vfs.set_capacity(None);
    // The journal looks for space at each try.
    let again = (0..3).find_map(|_| fail().ok()).expect("space is back");
    assert!(again.sequence > sequence);
    assert!(rig.ledger.health().is_writable());
}

#[test]
fn a_second_ledger_on_one_folder_is_told_who_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = SessionStore::open(folder.path()).expect("free");
    let error = SessionStore::open(folder.path()).expect_err("held");
    assert_eq!(error.code(), "ledger:locked");
    let pid = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    drop(first);
    SessionStore::open(folder.path()).expect("free again");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger");
    fs::write(&path, "x").expect("written");
    let error = SessionStore::open(&path).expect_err("a file");
    assert!(error.code().starts_with("ledger:"), "{error}");
    assert_eq!(fs::read(&path).expect("there"), b"x");
}

#[test]
fn every_limit_holds_at_its_edge_and_is_refused_one_past() {
    let store = SessionStore::new();
    let token = store.create("ann".to_owned()).token;
    let wire = token.expose();
    let long = |bytes: usize| "x".repeat(bytes);
    let sequence = || store.ledger().sequence();
    let refused = |result: Result<(), LedgerError>, code: &str, what: &str| {
        assert_eq!(result.expect_err(what).code(), code, "{what}");
    };
    let before = sequence();
    let past = |max: usize| long(max + 1);
    refused(store.try_create(past(limits::USER_ID_BYTES_MAX)).map(drop), "auth:limit", "user id");
    refused(
        store.try_set_device(&wire, past(limits::DEVICE_BYTES_MAX)).map(drop),
        "auth:limit",
        "device",
    );
    refused(
        store.try_set_tenant(&wire, Some(past(limits::TENANT_BYTES_MAX))).map(drop),
        "auth:limit",
        "tenant",
    );
    assert!(Context::operator(past(limits::OPERATOR_BYTES_MAX)).is_err());
    assert!(Context::user().note(past(limits::NOTE_BYTES_MAX)).is_err());
    assert!(Context::user().idempotency_key(past(limits::IDEMPOTENCY_KEY_BYTES_MAX)).is_err());
    assert_eq!(sequence(), before, "nothing was written");
    store.try_create(long(limits::USER_ID_BYTES_MAX)).expect("at the limit");
    assert!(store.set_device(&wire, long(limits::DEVICE_BYTES_MAX)));
    assert!(store.set_tenant(&wire, Some(long(limits::TENANT_BYTES_MAX))));
    assert!(Context::user().idempotency_key(long(limits::IDEMPOTENCY_KEY_BYTES_MAX)).is_ok());
}
