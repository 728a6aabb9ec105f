//! What stands before a message: priority, stamp, host, program and process.
//!
//! It leaves the message itself alone.

use super::stamp::{StampReader, Stamped};
use super::summary::SkipReason;

/// A line in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) stamped: Stamped<'a>,
    pub(super) host: &'a str,
    /// Without folder; `sshd` also for the programs that sshd was split into.
    pub(super) program: &'a str,
    /// `pam_unix` of the old `su(pam_unix)[123]`.
    pub(super) module: Option<&'a str>,
    pub(super) pid: Option<u32>,
    pub(super) message: &'a str,
}

impl<'a> Header<'a> {
    pub(super) fn read(line: &'a str, stamps: &mut StampReader) -> Result<Self, SkipReason> {
        let stamped = stamps.read(without_priority(line))?;
        let (host, rest) = stamped.rest.split_once(' ').unwrap_or((stamped.rest, ""));
        let (tag, message) = split_tag(rest);
        let (tag, pid) = split_pid(tag);
        let (program, module) = split_module(tag);
        Ok(Self { stamped, host, program: program_name(program), module, pid, message })
    }
}

/// `<34>` at the front, as it comes over the wire.
fn without_priority(line: &str) -> &str {
    let rest = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match rest {
        Some((number, rest)) if number.len() <= 3 && number.parse::<u8>().is_ok() => rest,
        _ => line,
    }
}

/// A tag has no space; a message without one is whole.
fn split_tag(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((tag, message)) if !tag.contains(' ') => {
            (tag, message.strip_prefix(' ').unwrap_or(message))
        }
        _ => ("", text),
    }
}

fn split_pid(tag: &str) -> (&str, Option<u32>) {
    let parts = tag.strip_suffix(']').and_then(|tag| tag.rsplit_once('['));
    parts.map_or((tag, None), |(tag, pid)| (tag, pid.parse().ok()))
}

fn split_module(tag: &str) -> (&str, Option<&str>) {
    match tag.strip_suffix(')').and_then(|tag| tag.split_once('(')) {
        // `(systemd)` is a program which names itself so.
        Some((program, module)) if !program.is_empty() => (program, Some(module)),
        _ => (tag, None),
    }
}

fn program_name(program: &str) -> &str {
    match program.rsplit_once('/').map_or(program, |(_, name)| name) {
        // OpenSSH 9.8 and 10 moved the work on a connection into programs of their own.
        "sshd-session" | "sshd-auth" => "sshd",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::syslog::stamp::StampOptions;

    #[track_caller]
    fn check(rest: &str, expected: (&str, Option<&str>, Option<u32>, &str)) {
        for prefix in ["", "<0>", "<34>", "<191>"] {
            for stamp in ["Jun  4 15:16:01", "2026-11-20T14:03:11+01:00"] {
                let line = format!("{prefix}{stamp} host {rest}");
                let mut stamps = StampReader::new(StampOptions::new(2025).unwrap());
                let header = Header::read(&line, &mut stamps).expect("it has a stamp");
                assert_eq!(header.host, "host");
                let found = (header.program, header.module, header.pid, header.message);
                assert_eq!(found, expected, "{line}");
            }
        }
    }

    #[test]
    fn tags_of_all_ages() {
        check("su(pam_unix)[123]: hello: you", ("su", Some("pam_unix"), Some(123), "hello: you"));
        check("sshd[1]: a", ("sshd", None, Some(1), "a"));
        check("sshd-session[1]: a", ("sshd", None, Some(1), "a"));
        check("/usr/sbin/sshd[1]: a", ("sshd", None, Some(1), "a"));
        check("sudo:    ada : TTY=pts/0", ("sudo", None, None, "   ada : TTY=pts/0"));
        check("(systemd)[77]: a", ("(systemd)", None, Some(77), "a"));
        check("last message repeated 3 times", ("", None, None, "last message repeated 3 times"));
        check("syslogd 1.4.1: restart.", ("", None, None, "syslogd 1.4.1: restart."));
        check("sshd[99999999999]: a", ("sshd", None, None, "a"));
        check("", ("", None, None, ""));
    }

    #[test]
    fn a_priority_is_a_number_up_to_three_digits() {
        for line in ["<>Jun  4 15:16:01 h", "<1000>Jun  4 15:16:01 h", "<x>Jun  4 15:16:01 h", "<1"]
        {
            let mut stamps = StampReader::new(StampOptions::new(2025).unwrap());
            assert_eq!(Header::read(line, &mut stamps), Err(SkipReason::Stamp), "{line}");
        }
    }
}
