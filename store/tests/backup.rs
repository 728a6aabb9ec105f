//! Copies of a ledger: made beside its writers, whole when they say so, and a ledger again.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use passbook::{
    Ledger, LedgerError, SessionStore,
    journal::{BackupError, MemoryJournal, OpenError, Options, RealVfs, VerifyOptions, verify},
};

fn open_with(folder: &Path, accept_rollback: bool) -> Result<SessionStore, LedgerError> {
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let builder = Ledger::builder().path(folder).journal_options(options).history_index(false);
    let builder = builder.sweep_interval(None).compaction(None).accept_rollback(accept_rollback);
    Ok(SessionStore::from(builder.open_blocking()?))
}

fn open(folder: &Path) -> SessionStore {
    open_with(folder, false).expect("it opens")
}

fn backup_error(error: LedgerError) -> Arc<BackupError> {
    assert_eq!(error.code(), "ledger:backup");
    let LedgerError::Backup(error) = error else { panic!("{error}") };
    error
}

#[test]
fn a_backup_made_while_sessions_are_opened_and_ended_is_a_state_that_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("store"));
    for _ in 0..50 {
        store.create("ann".to_owned());
    }
    store.ledger().snapshot().expect("taken");
    store.ledger().compact().expect("compacted");
    let is_over = AtomicBool::new(false);
    let infos: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let token = store.create("bob".to_owned());
                store.create("cid".to_owned());
                assert!(store.revoke(&token.token.expose()));
            }
        });
        let back_up = |number: u64| {
            let into = folder.path().join(format!("backup-{number}"));
            store.ledger().backup(&into).expect("backed up")
        };
        let infos = (0..5).map(back_up).collect();
        is_over.store(true, Ordering::Relaxed);
        infos
    });
    for info in infos {
        let into = folder.path().join(format!("then-{}", info.sequence));
        let restored = passbook::restore(&info.path, &into).expect("restored");
        assert_eq!((restored.sequence, restored.time_ms), (info.sequence, info.time_ms));
        let then = open(&into);
        assert_eq!(then.ledger().sequence(), info.sequence);
        let as_of = store.ledger().as_of(info.sequence).expect("it is kept");
        assert_eq!(then.ledger().fingerprint(), as_of.fingerprint(), "@{}", info.sequence);
        then.create("dora".to_owned());
        let report = verify(&info.path, Arc::new(RealVfs), &VerifyOptions::default());
        assert!(report.expect("readable").is_good(), "the copy of a backup is another ledger");
    }
}

#[test]
fn what_is_in_memory_can_not_be_backed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("backup");
    let custom = Ledger::builder().journal(Arc::new(MemoryJournal::new()));
    for ledger in [Ledger::memory(), custom.open_blocking()] {
        let error = ledger.expect("it opens").backup(&into).expect_err("no files");
        assert!(matches!(*backup_error(error), BackupError::Unsupported));
    }
    assert!(!into.exists());
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let store = open(&path);
    let sibling = folder.path().join("mine");
    std::fs::create_dir(&sibling).expect("made");
    std::fs::write(sibling.join("letter"), "dear").expect("written");
    let full = store.ledger().backup(&sibling).expect_err("it holds a letter");
    assert!(
        matches!(&*backup_error(full), BackupError::NotEmpty { found, .. } if found == "letter")
    );
    let inside = store.ledger().backup(path.join("backup")).expect_err("it is the store's");
    assert!(matches!(*backup_error(inside), BackupError::Inside { .. }));
    assert_eq!(std::fs::read_dir(&sibling).expect("there").count(), 1);
    let missing = passbook::restore(&folder.path().join("nothing"), &folder.path().join("x"));
    let error = backup_error(missing.expect_err("there is no backup"));
    let BackupError::Source(source) = &*error else { panic!("{error}") };
    assert!(matches!(**source, OpenError::Missing { .. }));
}

#[test]
fn a_copy_that_does_not_verify_is_no_backup() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    let store = open(&path);
    // The snapshot's sections are read by nobody while the ledger is open.
    store.create("ann".to_owned());
    let snapshot = store.ledger().snapshot().expect("taken");
    let file = snapshot.path.expect("it is a file");
    let bytes = std::fs::read(&file).expect("readable");
    let section = bytes.iter().skip(4_096).position(|byte| *byte != 0);
    let middle = 4_096 + section.expect("a section is behind the header");
    let at = u64::try_from(middle).expect("small");
    let opened = std::fs::File::options().write(true).open(&file).expect("writable");
    opened.write_all_at(&[bytes[middle] ^ 1], at).expect("written");
    let error = store.ledger().backup(folder.path().join("backup")).expect_err("it is damaged");
    let error = backup_error(error);
    let BackupError::NotVerified(damage) = &*error else { panic!("{error}") };
    assert!(damage.path.starts_with(folder.path().join("backup")), "{damage}");
    store.create("ann".to_owned());
}

#[test]
fn an_older_copy_in_place_of_a_newer_opens_once_the_loss_is_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, older) = (folder.path().join("store"), folder.path().join("older"));
    let store = open(&path);
    let token = store.create("ann".to_owned());
    store.ledger().backup(&older).expect("backed up");
    let before = store.ledger().sequence();
    assert!(store.revoke(&token.token.expose()));
    let lost = store.ledger().sequence();
    store.ledger().close().expect("closed");
    drop(store);
    let segment = Path::new("journal").join("000001-1.seg");
    std::fs::copy(older.join(&segment), path.join(&segment)).expect("somebody did that");
    let error = open_with(&path, false).expect_err("newer events are missing");
    assert!(error.to_string().contains("accept_rollback"), "{error}");
    let LedgerError::Open(open_error) = &error else { panic!("{error}") };
    assert!(matches!(&**open_error, OpenError::Corrupt(damage) if damage.is_rollback()));
    let store = open_with(&path, true).expect("a person has decided");
    let recovery = store.ledger().opened().recovery.as_ref().expect("it is in files");
    let rolled_back = recovery.rolled_back.as_ref().expect("it was");
    assert_eq!((store.ledger().sequence(), rolled_back.durable), (before, lost));
    assert!(store.get(&token.token.expose()).is_some(), "its revocation is lost");
}
