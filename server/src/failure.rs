//! What went wrong, for people and for programs: what, why, what to do, and the exit code.
//!
//! The one place where errors of the ledger become exit codes. Printing is left to `output`.

use std::{fmt, io};

use passbook::{
    LedgerError,
    journal::{CloseError, JournalError, OpenError, ReadError, ReadOnlyReason},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::render::{escape::escape, time};

/// The schema of [`ErrorDocument`].
pub(crate) const ERROR_SCHEMA: &str = "passbook.error/1";

/// The exit codes, as `passbook help exit-codes` explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and the answer is good; also a pipe that the reader closed.
    Done,
    /// Failed in a way not listed.
    Failed,
    /// Wrong usage.
    Usage,
    /// Not found.
    NotFound,
    /// Done, and the answer is bad.
    Bad,
    /// Busy, or not what `--expect` said.
    Busy,
    /// Can't reach or can't write.
    Unwritable,
    /// Not allowed.
    NotAllowed,
    /// Done in part.
    Partly,
    /// Unknown whether it happened.
    Unknown,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 11] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Bad,
        Self::Busy,
        Self::Unwritable,
        Self::NotAllowed,
        Self::Partly,
        Self::Unknown,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Bad => 4,
            Self::Busy => 5,
            Self::Unwritable => 6,
            Self::NotAllowed => 7,
            Self::Partly => 8,
            Self::Unknown => 9,
            Self::Interrupted => 130,
        }
    }

    /// What it means.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, and the answer is good; also when the reader closed the pipe",
            Self::Failed => "failed in a way not listed here",
            Self::Usage => "wrong usage",
            Self::NotFound => "not found: a store, session, user, moment or sequence",
            Self::Bad => "done, and the answer is bad: verify found damage, check found dead",
            Self::Busy => "busy: the store is locked, or the count is not what --expect said",
            Self::Unwritable => "can't write: disk full, or the writer failed before",
            Self::NotAllowed => "not allowed: rights of files and folders",
            Self::Partly => "done in part; the count is printed",
            Self::Unknown => "unknown: the change may or may not have happened",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A verb that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: &'static str,
    exit: Exit,
    what: String,
    why: Option<String>,
    help: Option<String>,
    /// The column of the second line at which a mark stands, from 1.
    points_at: Option<usize>,
    fields: Map<String, Value>,
    /// Nothing is to be printed: the answer said it, or nobody reads.
    silent: bool,
}

/// The last line of stderr under `--json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorDocument<'a> {
    #[schemars(extend("const" = ERROR_SCHEMA))]
    schema: &'static str,
    /// A stable code for programs.
    code: &'static str,
    /// The exit code.
    exit: u8,
    /// What went wrong.
    message: &'a str,
    /// Why, or where.
    why: Option<&'a str>,
    /// What can be done.
    help: Option<&'a str>,
    /// More, by code: `pid`, `owner`, `since` of a lock; `column` of a filter; `path`, `offset`.
    #[serde(flatten)]
    fields: &'a Map<String, Value>,
}

impl Failure {
    /// Untrusted text in `what` is to be escaped by the caller's caller: printing does it.
    pub(crate) fn new(exit: Exit, code: &'static str, what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            exit,
            what: what.into(),
            why: None,
            help: None,
            points_at: None,
            fields: Map::new(),
            silent: false,
        }))
    }

    /// Wrong usage.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", what)
    }

    /// An exit code whose reason the answer has told already.
    pub(crate) fn told(exit: Exit) -> Self {
        let mut failure = Self::new(exit, "told", "");
        failure.0.silent = true;
        failure
    }

    /// The second line.
    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why = Some(why.into());
        self
    }

    /// The third line.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Marks a column of the second line, counted in characters from 1.
    #[must_use]
    pub(crate) fn points_at(mut self, column: usize) -> Self {
        self.0.points_at = Some(column);
        self
    }

    /// One more field of the JSON document.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, value: Value) -> Self {
        self.0.fields.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.0.silent
    }

    /// The document for programs.
    pub(crate) fn document(&self) -> ErrorDocument<'_> {
        ErrorDocument {
            schema: ERROR_SCHEMA,
            code: self.0.code,
            exit: self.0.exit.code(),
            message: &self.0.what,
            why: self.0.why.as_deref(),
            help: self.0.help.as_deref(),
            fields: &self.0.fields,
        }
    }
}

impl fmt::Display for Failure {
    /// What, why, help: a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let red = crate::answer::paint::BAD;
        write!(f, "{red}error:{red:#} {}", escape(&self.0.what))?;
        if let Some(why) = &self.0.why {
            write!(f, "\n  {}", escape(why))?;
            if let Some(column) = self.0.points_at {
                let before: String = why.chars().take(column.saturating_sub(1)).collect();
                let indent = " ".repeat(escape(&before).width());
                write!(f, "\n  {indent}{red}^{red:#}")?;
            }
        }
        if let Some(help) = &self.0.help {
            write!(f, "\n  help: {}", escape(help))?;
        }
        Ok(())
    }
}

/// An error and its causes, joined by colons.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text.push_str(": ");
            text.push_str(&own);
        }
        cause = error.source();
    }
    text
}

impl From<io::Error> for Failure {
    /// Of writing an answer.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::told(Exit::Done);
        }
        Self::new(Exit::Failed, "io", "the answer could not be written").why(error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        LedgerError::Open(std::sync::Arc::new(error)).into()
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        LedgerError::Read(error).into()
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let code = error.code();
        let exit = exit_of(&error);
        match &error {
            LedgerError::Open(open) => of_open(open, code, exit),
            LedgerError::Read(read) => of_read(read),
            LedgerError::Limit(limit) => Self::new(exit, code, limit.to_string()),
            LedgerError::Event { sequence, .. } => {
                Self::new(exit, code, format!("the event @{sequence} can't be read"))
                    .why(chain(&error))
                    .help("a newer version of passbook may have written it: use that one")
                    .field("sequence", json!(sequence))
            }
            LedgerError::CommitIndeterminate(_) => Self::new(exit, code, error.to_string())
                .why(chain(&error))
                .help("look whether it is there before you try again: passbook journal tail"),
            LedgerError::ReadOnly(reason) => Self::new(exit, code, error.to_string())
                .why(chain(reason))
                .help("free some space and try again; nothing was written"),
            LedgerError::Unavailable(_) => Self::new(exit, code, error.to_string())
                .why(chain(&error))
                .help("look at the disk, then try again"),
            LedgerError::Rejected(_)
            | LedgerError::NotJson(_)
            | LedgerError::AlreadyDone(_)
            | LedgerError::TooLarge(_)
            | LedgerError::Closed
            | LedgerError::Entropy(_)
            | LedgerError::Close(_)
            | LedgerError::Backend(_)
            | LedgerError::Internal(_) => Self::new(exit, code, chain(&error)),
        }
    }
}

/// The table from errors to exit codes.
fn exit_of(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Limit(_) => Exit::Usage,
        LedgerError::CommitIndeterminate(_) => Exit::Unknown,
        LedgerError::Unavailable(_)
        | LedgerError::ReadOnly(ReadOnlyReason::DiskFull(_) | ReadOnlyReason::NotPrepared(_))
        | LedgerError::Close(CloseError::Poisoned(_) | CloseError::Watermark(_)) => {
            Exit::Unwritable
        }
        LedgerError::ReadOnly(ReadOnlyReason::OpenedReadOnly) => Exit::NotAllowed,
        LedgerError::Open(open) => exit_of_open(open),
        LedgerError::Rejected(_)
        | LedgerError::NotJson(_)
        | LedgerError::AlreadyDone(_)
        | LedgerError::TooLarge(_)
        | LedgerError::Closed
        | LedgerError::Entropy(_)
        | LedgerError::Event { .. }
        | LedgerError::Read(_)
        | LedgerError::Backend(_)
        | LedgerError::Internal(_) => Exit::Failed,
    }
}

fn exit_of_open(error: &OpenError) -> Exit {
    match error {
        OpenError::Missing { .. } => Exit::NotFound,
        OpenError::Locked { .. } => Exit::Busy,
        OpenError::NotWritable(cause) if is_denied(cause) => Exit::NotAllowed,
        OpenError::NoSpace(_) | OpenError::NotWritable(_) => Exit::Unwritable,
        OpenError::NotALedger { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::ForeignJournal { .. }
        | OpenError::Corrupt(_)
        | OpenError::Ambiguous(_)
        | OpenError::Io(_)
        | OpenError::Option { .. }
        | OpenError::Visit(_) => Exit::Failed,
    }
}

fn is_denied(cause: &JournalError) -> bool {
    cause.kind() == Some(io::ErrorKind::PermissionDenied)
}

/// Why a folder can't be opened as a ledger.
fn of_open(error: &OpenError, code: &'static str, exit: Exit) -> Failure {
    let failure = Failure::new(exit, code, error.to_string());
    match error {
        OpenError::Missing { path } => failure
            .help("name it with --store DIR, or make one: passbook session create, passbook import")
            .field("path", json!(path)),
        OpenError::NotALedger { path, .. } => {
            failure.help("name another folder with --store DIR").field("path", json!(path))
        }
        OpenError::NewerFormat { path, .. } => {
            failure.help("use the version of passbook that wrote it").field("path", json!(path))
        }
        OpenError::ForeignJournal { path } => {
            failure.help("put the right file back").field("path", json!(path))
        }
        OpenError::Locked { path, pid, owner, since_ms } => {
            of_lock(code, path, *pid, owner, *since_ms)
        }
        OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => {
            Failure::new(exit, code, "the store is damaged")
                .why(damage.to_string())
                .help("see all of it with: passbook verify; then put a good copy in its place")
                .field("path", json!(damage.path))
                .field("offset", json!(damage.offset))
                .field("sequence_first", json!(damage.sequence_first))
        }
        OpenError::NoSpace(_) => failure.why(chain(error)).help("free some and try again"),
        OpenError::NotWritable(_) => {
            failure.why(chain(error)).help("change its rights, or use a verb that only reads")
        }
        OpenError::Io(_) | OpenError::Visit(_) => failure.why(chain(error)),
        OpenError::Option { .. } => failure,
    }
}

fn of_lock(
    code: &'static str,
    path: &std::path::Path,
    pid: Option<u32>,
    owner: &str,
    since_ms: Option<u64>,
) -> Failure {
    let holder = match (pid, owner) {
        (Some(pid), "") => format!("pid {pid}"),
        (Some(pid), owner) => format!("pid {pid} ({owner})"),
        (None, _) => "another process".to_owned(),
    };
    let since = since_ms.filter(|since_ms| *since_ms > 0);
    let held = match since {
        Some(since_ms) => {
            format!("{} is held since {}", path.display(), time::human(since_ms, &time::Zone::Utc))
        }
        None => format!("{} is held", path.display()),
    };
    Failure::new(Exit::Busy, code, format!("the store is in use by {holder}"))
        .why(held)
        .help("wait until it is done, or stop it; verbs that only read work meanwhile")
        .field("pid", json!(pid))
        .field("owner", json!(owner))
        .field("since", json!(since.map(time::rfc_3339)))
}

/// Why records can't be read.
fn of_read(error: &ReadError) -> Failure {
    match error {
        ReadError::Corrupt { path, offset, sequence, .. } => {
            Failure::new(Exit::Failed, "ledger:corrupt", "the store is damaged")
                .why(error.to_string())
                .help("see all of it with: passbook verify; then put a good copy in its place")
                .field("path", json!(path))
                .field("offset", json!(offset))
                .field("sequence_first", json!(sequence))
        }
        ReadError::Io(_) => {
            Failure::new(Exit::Failed, "ledger:io", "the store can't be read").why(chain(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Arc};

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
            open(OpenError::Locked {
                path: path(),
                pid: None,
                owner: String::new(),
                since_ms: None,
            }),
            Exit::Busy,
            "ledger:locked",
        );
        check(
            open(OpenError::NoSpace(io_failed(StorageFull))),
            Exit::Unwritable,
            "ledger:no_space",
        );
        for (kind, exit) in
            [(PermissionDenied, Exit::NotAllowed), (ReadOnlyFilesystem, Exit::Unwritable)]
        {
            check(open(OpenError::NotWritable(io_failed(kind))), exit, "ledger:not_writable");
        }
        let found = "notes.txt".to_owned();
        check(
            open(OpenError::NotALedger { path: path(), found }),
            Exit::Failed,
            "ledger:not_a_ledger",
        );
        let failed = || io_failed(StorageFull);
        check(LedgerError::Unavailable(failed()), Exit::Unwritable, "ledger:unavailable");
        check(
            LedgerError::ReadOnly(ReadOnlyReason::DiskFull(failed())),
            Exit::Unwritable,
            "ledger:read_only",
        );
        check(
            LedgerError::CommitIndeterminate(failed()),
            Exit::Unknown,
            "ledger:commit_indeterminate",
        );
    }

    #[test]
    fn an_error_is_three_lines_and_shows_untrusted_text() {
        let failure = Failure::usage("no \u{1b}[31m").why("because").help("do").points_at(2);
        let text = anstream::adapter::strip_str(&failure.to_string()).to_string();
        assert_eq!(text, "error: no \\u{1b}[31m\n  because\n   ^\n  help: do");
    }
}
