//! What one message of sshd or PAM says.
//!
//! A user name is whatever a stranger typed: it may be empty, hold spaces, or look like the rest of
//! the line. Sshd writes it in the middle, so its lines are read from the right. How several
//! messages make one attempt is left to [`attempts`](super::attempts).

use std::net::IpAddr;

/// A message that is about logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// PAM opened a session.
    Opened { service: String, user: String },
    /// PAM closed one.
    Closed { service: String, user: String },
    /// Sshd let someone in.
    Accepted { user: String, method: String, ip: Option<IpAddr> },
    /// Someone was refused, says the witness.
    Refused(Refusal),
    /// Sshd names the user, who does not exist, before any attempt.
    InvalidUser { user: String, origin: String },
    /// PAM does not know the user of the attempt that it will report next.
    UserUnknown,
    /// A further PAM module takes what an earlier one refused.
    PamSuccess,
}

/// `count` refused attempts, and what this witness knows of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) witness: Witness,
    pub(super) service: Option<String>,
    pub(super) user: Option<String>,
    pub(super) invalid_user: bool,
    pub(super) method: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) count: u32,
}

/// Who tells of an attempt. Several tell of the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// `pam_unix`.
    PamUnix,
    /// Another PAM module, as `pam_sss`, asked about the same password.
    PamOther,
    /// Sshd's `Failed` for a password or a keyboard-interactive dialogue, which PAM judges.
    Sshd,
    /// Sshd's `error: PAM:`, of a keyboard-interactive dialogue.
    SshdError,
    /// Sshd's `Failed none`: an empty password, which PAM is seldom asked about.
    SshdNone,
    /// Sshd's `Failed publickey` and its like, which PAM never sees.
    SshdAlone,
}

/// What reading a message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// It says this.
    Says(Message),
    /// It is about something else.
    Irrelevant,
    /// It begins as one that we know, and then goes on otherwise.
    Malformed,
}

impl From<Option<Message>> for Reading {
    fn from(message: Option<Message>) -> Self {
        message.map_or(Self::Malformed, Self::Says)
    }
}

/// `message repeated 5 times: [ Failed password for … ]` is its inside, five times.
pub(super) fn unrepeat(message: &str) -> (u32, &str) {
    let parts = message.strip_prefix("message repeated ").and_then(|rest| {
        let (count, inner) = rest.split_once(" times: [ ")?;
        Some((count.parse().ok()?, inner.strip_suffix(']')?))
    });
    parts.unwrap_or((1, message))
}

/// `last message repeated 5 times`, as old syslog daemons write it.
pub(super) fn last_repeated(message: &str) -> Option<u32> {
    let rest = message.strip_prefix("last message repeated ")?;
    rest.trim_end()
        .strip_suffix("times")
        .or_else(|| rest.trim_end().strip_suffix("time"))?
        .trim()
        .parse()
        .ok()
}

/// Reads the message of `program`; `module` is that of the old style `su(pam_unix)[1]:`.
pub(super) fn read(program: &str, module: Option<&str>, message: &str) -> Reading {
    if let Some(module) = module {
        return pam(module, program, message);
    }
    if let Some(rest) = message.strip_prefix("(pam_unix) ") {
        return pam("pam_unix", program, rest);
    }
    if let Some((module, service, rest)) = pam_prefix(message) {
        return pam(module, service, rest);
    }
    if let Some(rest) = message.strip_prefix("PAM ")
        && rest.contains(" more authentication failure")
    {
        return pam("pam_unix", program, rest);
    }
    if program == "sshd" { sshd(message) } else { Reading::Irrelevant }
}

/// `pam_unix(sshd:session): …` to module, service and rest.
fn pam_prefix(message: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = message.strip_prefix("pam_").and_then(|_| message.split_once("): "))?;
    let (module, place) = head.split_once('(')?;
    let (service, _facility) = place.split_once(':')?;
    Some((module, service, rest))
}

fn pam(module: &str, service: &str, text: &str) -> Reading {
    let unix = module == "pam_unix";
    let witness = if unix { Witness::PamUnix } else { Witness::PamOther };
    if let Some(rest) = text.strip_prefix("session opened for user ").filter(|_| unix) {
        let user = rest.rsplit_once(" by ").map_or(rest, |(user, _)| user);
        return session_user(user)
            .map(|user| Message::Opened { service: service.to_owned(), user })
            .into();
    }
    if let Some(rest) = text.strip_prefix("session closed for user ").filter(|_| unix) {
        return session_user(rest)
            .map(|user| Message::Closed { service: service.to_owned(), user })
            .into();
    }
    if text.starts_with("check pass; user unknown") {
        return Reading::Says(Message::UserUnknown);
    }
    if text.starts_with("authentication success") {
        return Reading::Says(Message::PamSuccess);
    }
    if let Some(rest) = text.strip_prefix("authentication failure;") {
        return pam_refusal(witness, service, 1, rest).into();
    }
    match text.split_once(" more authentication failure") {
        Some((count, rest)) if !count.contains(' ') => {
            count.parse().ok().and_then(|count| pam_refusal(witness, service, count, rest)).into()
        }
        _ => Reading::Irrelevant,
    }
}

/// `root(uid=0)` and `root` are `root`.
fn session_user(text: &str) -> Option<String> {
    let text = text.trim_end();
    let bare = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once("(uid="))
        .filter(|(_, uid)| uid.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(text, |(user, _)| user);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// `… ruser= rhost=192.0.2.1  user=root`; the user, if any, is last.
fn pam_refusal(witness: Witness, service: &str, count: u32, facts: &str) -> Option<Message> {
    let (_, facts) = facts.split_once("rhost=")?;
    let (origin, rest) = facts.split_once(' ').unwrap_or((facts, ""));
    let user = rest.trim().strip_prefix("user=").map(str::to_owned);
    (count > 0).then(|| {
        Message::Refused(Refusal {
            witness,
            service: Some(service.to_owned()),
            user: user.filter(|user| !user.is_empty()),
            invalid_user: false,
            method: None,
            origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty()),
            count,
        })
    })
}

fn sshd(message: &str) -> Reading {
    if let Some((method, rest)) = method_and_rest(message, "Accepted ") {
        return accepted(method, rest).into();
    }
    if let Some((method, rest)) = method_and_rest(message, "Failed ") {
        let witness = match method {
            "password" | "keyboard-interactive" | "keyboard-interactive/pam" => Witness::Sshd,
            "none" => Witness::SshdNone,
            _ => Witness::SshdAlone,
        };
        return sshd_refusal(witness, Some(method), rest).into();
    }
    for prefix in ["Invalid user ", "Illegal user "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            return user_and_origin(rest)
                .map(|(user, origin)| Message::InvalidUser {
                    user: user.to_owned(),
                    origin: origin.to_owned(),
                })
                .into();
        }
    }
    for prefix in [
        "error: PAM: Authentication failure for ",
        "error: PAM: User not known to the underlying authentication module for ",
    ] {
        if let Some(rest) = message.strip_prefix(prefix) {
            let method = Some("keyboard-interactive/pam");
            return sshd_refusal(Witness::SshdError, method, rest).into();
        }
    }
    Reading::Irrelevant
}

/// `Failed password for …`, but not `Failed to allocate …`.
fn method_and_rest<'a>(message: &'a str, verb: &str) -> Option<(&'a str, &'a str)> {
    let (method, rest) = message.strip_prefix(verb)?.split_once(' ')?;
    let rest = rest.strip_prefix("for")?;
    // Nothing after it is a line cut short, which is not understood.
    if rest.is_empty() { Some((method, rest)) } else { Some((method, rest.strip_prefix(' ')?)) }
}

fn accepted(method: &str, rest: &str) -> Option<Message> {
    let (user, origin) = user_and_origin(rest).filter(|(user, _)| !user.is_empty())?;
    // A link-local address comes with its interface.
    let address = origin.split_once('%').map_or(origin, |(address, _)| address);
    Some(Message::Accepted {
        user: user.to_owned(),
        method: method.to_owned(),
        ip: address.parse().ok(),
    })
}

fn sshd_refusal(witness: Witness, method: Option<&str>, rest: &str) -> Option<Message> {
    let (user, origin) = user_and_origin(rest)?;
    let invalid = user.strip_prefix("invalid user ").or_else(|| user.strip_prefix("illegal user "));
    let name = invalid.unwrap_or(user);
    Some(Message::Refused(Refusal {
        witness,
        service: None,
        user: (!name.is_empty()).then(|| name.to_owned()),
        invalid_user: invalid.is_some(),
        method: method.map(str::to_owned),
        origin: Some(origin.to_owned()),
        count: 1,
    }))
}

/// Splits `U from ADDRESS port 22 ssh2…` at the last ` from ` that is followed so: a user may be
/// called `a from 192.0.2.1 port 1 ssh2`.
fn user_and_origin(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end();
    let mut user = text;
    loop {
        let (left, _) = user.rsplit_once(" from ")?;
        let tail = text.get(left.len()..)?.strip_prefix(" from ")?;
        if let Some(origin) = origin(tail) {
            return Some((left, origin));
        }
        user = left;
    }
}

/// `ADDRESS`, `ADDRESS port 22`, `ADDRESS port 22 ssh2`, each with a key or `[preauth]` behind it.
fn origin(tail: &str) -> Option<&str> {
    let (address, rest) = tail.split_once(' ').unwrap_or((tail, ""));
    let rest = match rest.strip_prefix("port ") {
        Some(rest) => rest.trim_start_matches(|byte: char| byte.is_ascii_digit()).trim_start(),
        None => rest,
    };
    let rest = rest.strip_prefix("ssh1").or_else(|| rest.strip_prefix("ssh2")).unwrap_or(rest);
    let known = rest.is_empty() || rest.starts_with(": ") || rest.trim_start() == "[preauth]";
    (known && !address.is_empty()).then_some(address)
}

#[cfg(test)]
mod tests;
