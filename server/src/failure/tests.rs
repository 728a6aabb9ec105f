//! Exit codes by class of error, and the three lines.

use std::{path::PathBuf, sync::Arc};

use passbook::{
    LedgerError,
    journal::{JournalError, OpenError, ReadOnlyReason},
};

use super::*;

fn io_failed(kind: io::ErrorKind) -> Arc<JournalError> {
    let path = PathBuf::from("/var/lib/passbook/LOCK");
    Arc::new(JournalError::Io { op: "open", path, offset: 0, source: kind.into() })
}

#[track_caller]
fn check(error: impl Into<LedgerError>, exit: Exit, code: &str) {
    let failure = Failure::from(error.into());
    assert_eq!((failure.exit(), failure.code()), (exit, code));
    assert_eq!(failure.document().exit, exit.code());
}

fn open(error: OpenError) -> LedgerError {
    LedgerError::Open(Arc::new(error))
}

#[test]
fn every_class_of_error_has_its_exit_code() {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let path = || PathBuf::from("/var/lib/passbook");
    check(open(OpenError::Missing { path: path() }), Exit::NotFound, "ledger:missing");
    check(
        open(OpenError::Locked { path: path(), pid: None, owner: String::new(), since_ms: None }),
        Exit::Busy,
        "ledger:locked",
    );
    check(open(OpenError::NoSpace(io_failed(StorageFull))), Exit::Unwritable, "ledger:no_space");
    for (kind, exit) in
        [(PermissionDenied, Exit::NotAllowed), (ReadOnlyFilesystem, Exit::Unwritable)]
    {
        check(open(OpenError::NotWritable(io_failed(kind))), exit, "ledger:not_writable");
    }
    let found = "notes.txt".to_owned();
    check(open(OpenError::NotALedger { path: path(), found }), Exit::Failed, "ledger:not_a_ledger");
    check(open(OpenError::Incomplete { path: path() }), Exit::Failed, "ledger:incomplete");
    let failed = || io_failed(StorageFull);
    check(LedgerError::Unavailable(failed()), Exit::Unwritable, "ledger:unavailable");
    check(
        LedgerError::ReadOnly(ReadOnlyReason::DiskFull(failed())),
        Exit::Unwritable,
        "ledger:read_only",
    );
    check(LedgerError::CommitIndeterminate(failed()), Exit::Unknown, "ledger:commit_indeterminate");
}

#[test]
fn an_error_is_three_lines_and_shows_untrusted_text() {
    let failure = Failure::usage("no \u{1b}[31m").why("because").help("do").points_at(2);
    let text = anstream::adapter::strip_str(&failure.to_string()).to_string();
    assert_eq!(text, "error: no \\u{1b}[31m\n  because\n   ^\n  help: do");
}
