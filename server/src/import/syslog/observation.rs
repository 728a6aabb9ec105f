//! What a log line, or several lines of one login or attempt, say happened.
//!
//! It leaves to the readers of messages how a line is understood. Text in it is untrusted: it came
//! over a network into a log, and is escaped before a terminal sees it.

use std::fmt;
use std::net::IpAddr;

/// One thing that happened, dated and keyed by the first of the lines which tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The number of the first line which tells it, from 1.
    pub line: u64,
    /// When it happened, in Unix milliseconds.
    pub time_ms: u64,
    /// The same whenever this line is imported again.
    pub key: Key,
    /// The host which wrote the line.
    pub host: String,
    /// The PAM service, or the program where PAM isn't named: `sshd`, `su`, `cron`.
    pub service: String,
    /// The process which logged it; `sudo` gives none.
    pub pid: Option<u32>,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A session was opened.
    Opened {
        /// For whom.
        user: String,
        /// From where, when sshd's `Accepted` line gave an address.
        ip: Option<IpAddr>,
        /// How, in sshd's words: `password`, `publickey`, `keyboard-interactive/pam`.
        method: Option<String>,
    },
    /// A session was closed.
    Closed {
        /// Whose.
        user: String,
        /// The key of the `Opened` that this ends. `None`: an unmatched close, its session was
        /// opened before this log begins.
        opened: Option<Key>,
    },
    /// Someone tried to log in and failed.
    Failed {
        /// As whom. `None` when no line says it or the name was empty.
        user: Option<String>,
        /// The host has no such user.
        invalid_user: bool,
        /// How, in sshd's words; `None` when only PAM told it.
        method: Option<String>,
        /// An address or a host name.
        ip_or_rhost: Option<String>,
        /// How many attempts these lines stand for, at least 1.
        count: u32,
    },
}

/// Names an observation: SHA-256 of the format, the year, the host, the line's bytes and which of
/// the identical lines it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    pub(super) const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    /// 64 lowercase hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}
