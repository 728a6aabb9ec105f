//! What went wrong, for people and for programs: what, why, what to do, and the exit code.
//!
//! Errors of the ledger become failures in `ledger`, and nowhere else. Printing is left to `output`.

mod ledger;

use std::{fmt, io, path::Path};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr as _;

use crate::render::escape::escape;

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

    /// A file that somebody named.
    pub(crate) fn unreadable(code: &'static str, path: &Path, error: &io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::NotFound {
            Exit::NotFound
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            Exit::NotAllowed
        } else {
            Exit::Failed
        };
        Self::new(exit, code, format!("{} can't be read", path.display()))
            .why(error.to_string())
            .help("name the file, or - for stdin; nothing was changed")
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

#[cfg(test)]
mod tests;
