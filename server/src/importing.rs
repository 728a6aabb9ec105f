//! From what a log tells to events: which observation becomes which command, each key once.
//!
//! Reading the log is left to `import`. Commands are queued without waiting for each, so that one
//! sync makes many of them durable.

use std::{
    collections::{HashMap, HashSet},
    io::BufRead,
    net::IpAddr,
};

use passbook::{
    Actor, EndReason, FailureReason, Ledger, LedgerError, Recorded, Reply, SessionId,
    core::{
        Act, Command, IdempotencyKey, Imported as ImportedOrigin, NewSession, Origin, Outcome,
        SessionRef, Text, Transport, UserId,
        limits::{SOURCE_BYTES_MAX, USER_ID_BYTES_MAX},
    },
};

use crate::{
    answer::{
        Moment,
        import::{Imported, Kinds},
    },
    failure::Failure,
    import::session::id_of,
    import::syslog::{Fact, Key, Observation, Reader},
    interrupt::Interrupt,
    sending::Sending,
};

/// The keys of what was imported before.
pub(crate) type KnownKeys = HashSet<[u8; 32]>;

/// Adds the key of an event that an import wrote.
pub(crate) fn learn(known: &mut KnownKeys, recorded: &Recorded) {
    match recorded.event.actor {
        Actor::Importer => {
            known.extend(recorded.event.key.as_ref().and_then(|key| key_bytes(key)));
        }
        Actor::User | Actor::Operator(_) | Actor::System => {}
    }
}

/// 64 hexadecimal digits as 32 bytes.
pub(crate) fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    let (pairs, _) = digits.as_chunks::<2>();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// An import under way.
#[derive(Debug)]
pub(crate) struct Importer<'a> {
    /// `None`: it only says what it would do.
    sending: Option<Sending<'a, Kinds>>,
    known: KnownKeys,
    /// The sessions that the log has opened and not closed.
    opened: HashMap<Key, SessionId>,
    pub(crate) answer: Imported,
}

/// What becomes of an observation.
enum Plan {
    Submit(Box<Command>, Kinds),
    Known(Kinds),
    Refused,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(ledger: Option<&'a Ledger>, known: KnownKeys, answer: Imported) -> Self {
        Self { sending: ledger.map(Sending::new), known, opened: HashMap::new(), answer }
    }

    /// Imports all that the reader gives, until its end or Ctrl-C. What was queued is durable
    /// when this returns, also when it fails.
    pub(crate) fn run(
        &mut self,
        reader: &mut Reader<impl BufRead>,
        interrupt: &Interrupt,
        progress: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        let read = self.take_all(reader, interrupt, progress);
        let settled = self.settle();
        if let Some(Sending { written, .. }) = &self.sending {
            self.answer.events = written.events;
            self.answer.sequence_first = written.sequence_first;
            self.answer.sequence_last = written.sequence_last;
        }
        self.answer.count(reader.summary());
        self.answer.is_partial |= read.is_err() || settled.is_err();
        read.and(settled)
    }

    fn take_all(
        &mut self,
        reader: &mut Reader<impl BufRead>,
        interrupt: &Interrupt,
        progress: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        for read in reader.by_ref() {
            let observation = read.map_err(|error| {
                Failure::new(
                    crate::failure::Exit::Partly,
                    "import:unreadable",
                    crate::failure::chain(&error),
                )
                .help("what was read until then is recorded; import it again to go on")
            })?;
            self.take(&observation)?;
            progress();
            if interrupt.has_come() {
                self.answer.is_partial = true;
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, observation: &Observation) -> Result<(), Failure> {
        let at = Moment(observation.time_ms);
        self.answer.first_at = Some(self.answer.first_at.map_or(at, |first| first.min(at)));
        self.answer.last_at = Some(self.answer.last_at.map_or(at, |last| last.max(at)));
        match self.plan(observation) {
            Plan::Refused => Ok(()),
            Plan::Known(kinds) => {
                add(&mut self.answer.already_there, kinds);
                Ok(())
            }
            Plan::Submit(command, kinds) => self.submit(&command, kinds),
        }
    }

    fn submit(&mut self, command: &Command, kinds: Kinds) -> Result<(), Failure> {
        let Some(sending) = &mut self.sending else {
            add(&mut self.answer.recorded, kinds);
            return Ok(());
        };
        match sending.send(command, kinds) {
            Ok(()) => {}
            Err(LedgerError::Rejected(_)) => self.answer.refused.rejected += 1,
            Err(error) => return Err(error.into()),
        }
        while let Some((kinds, reply)) = sending.next()? {
            count_reply(&mut self.answer, kinds, &reply);
        }
        Ok(())
    }

    /// Waits until no more commands are on their way.
    fn settle(&mut self) -> Result<(), Failure> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        while let Some((kinds, reply)) = sending.last()? {
            count_reply(&mut self.answer, kinds, &reply);
        }
        Ok(())
    }

    fn plan(&mut self, observation: &Observation) -> Plan {
        let is_known = self.known.contains(observation.key.as_bytes());
        let mut remote_host = None;
        let (act, kinds, ip) = match &observation.fact {
            Fact::Opened { user, ip, method: _ } => {
                let id = id_of(observation.time_ms, observation.key.as_bytes());
                self.opened.insert(observation.key, id);
                let Some(user) = self.user(user) else {
                    self.answer.refused.no_user += 1;
                    return Plan::Refused;
                };
                (opened(id, user), Kinds { opened: 1, ..Kinds::default() }, *ip)
            }
            Fact::Closed { opened, .. } => {
                // An unmatched close is counted by the reader: its session is not in this log.
                let Some(opened) = opened else { return Plan::Refused };
                let Some(id) = self.opened.remove(opened) else { return Plan::Refused };
                let session = SessionRef::Id(id);
                let act = Act::Revoke { session, reason: EndReason::Logout };
                (act, Kinds { closed: 1, ..Kinds::default() }, None)
            }
            Fact::Failed { user, invalid_user, method, ip_or_rhost, count } => {
                let user = user.as_deref().and_then(|user| self.user(user));
                let reason = reason_of(*invalid_user, method.as_deref());
                let ip = ip_or_rhost.as_deref().and_then(|from| from.parse::<IpAddr>().ok());
                remote_host = ip_or_rhost.clone().filter(|from| ip.is_none() && !from.is_empty());
                let kinds = Kinds { failed: u64::from(*count), ..Kinds::default() };
                (Act::RecordFailure { user, reason, count: *count }, kinds, ip)
            }
        };
        if is_known {
            return Plan::Known(kinds);
        }
        Plan::Submit(Box::new(command(observation, act, ip, remote_host.as_deref())), kinds)
    }

    /// The user of that name, cut at the limit. `None`: it is empty.
    fn user(&mut self, name: &str) -> Option<UserId> {
        let kept = cut(name, USER_ID_BYTES_MAX);
        self.answer.names_cut += u64::from(kept.len() < name.len());
        UserId::new(kept).ok()
    }
}

fn count_reply(answer: &mut Imported, kinds: Kinds, reply: &Reply) {
    match reply.outcome {
        Outcome::NotFound | Outcome::Ended(0) => answer.refused.not_open += 1,
        Outcome::Created(_)
        | Outcome::Ended(_)
        | Outcome::Recorded
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::Expired(_)
        | Outcome::PolicyUnchanged
        | Outcome::NotAGuest(_)
        | Outcome::AlreadyDone(_) => add(&mut answer.recorded, kinds),
    }
}

/// Of the log's time and its line: the same in every import.
fn opened(id: SessionId, user: UserId) -> Act {
    Act::Create(NewSession {
        id,
        digest: None,
        user,
        is_guest: false,
        device: None,
        tenant: None,
        transport: Transport::Imported,
        lifetime_ms: Some(0),
        absolute_timeout_ms: None,
        data: std::collections::BTreeMap::new(),
        replaces: None,
        sessions_per_user_max: Some(0),
    })
}

fn reason_of(invalid_user: bool, method: Option<&str>) -> FailureReason {
    match (invalid_user, method) {
        (true, _) => FailureReason::UnknownUser,
        (false, None) => FailureReason::WrongPassword,
        (false, Some("none")) => FailureReason::Other,
        (false, Some(method))
            if method == "password" || method.starts_with("keyboard-interactive") =>
        {
            FailureReason::WrongPassword
        }
        (false, Some(_)) => FailureReason::WrongCredential,
    }
}

fn command(
    observation: &Observation,
    act: Act,
    ip: Option<IpAddr>,
    remote_host: Option<&str>,
) -> Command {
    let source = |text: &str| Text::from(cut(text, SOURCE_BYTES_MAX));
    let imported = ImportedOrigin {
        host: source(&observation.host),
        service: source(&observation.service),
        pid: observation.pid,
        remote_host: remote_host.map(source),
    };
    Command {
        actor: Actor::Importer,
        origin: Origin { ip, user_agent: None, imported: Some(imported) },
        key: IdempotencyKey::new(observation.key.to_string()).ok(),
        occurred_at_ms: Some(observation.time_ms),
        ..Command::new(act)
    }
}

/// The longest prefix of at most `bytes_max` that ends at a character boundary.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.split_at(text.floor_char_boundary(bytes_max)).0
}

fn add(sum: &mut Kinds, kinds: Kinds) {
    sum.opened += kinds.opened;
    sum.closed += kinds.closed;
    sum.failed += kinds.failed;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written() {
        let text = "0123456789abcdef".repeat(4);
        let bytes = key_bytes(&text).expect("64 digits");
        assert_eq!(crate::answer::verify::hex(&bytes), text);
        assert_eq!(key_bytes("01"), None);
        assert_eq!(key_bytes(&"zz".repeat(32)), None);
    }

    #[test]
    fn a_long_name_is_cut_at_a_character_boundary() {
        assert_eq!(cut(&"\u{20ac}".repeat(100), 256).len(), 255);
        assert_eq!(cut("mira", 256), "mira");
    }

    #[test]
    fn failures_have_a_reason_by_what_sshd_says() {
        assert_eq!(reason_of(true, Some("password")), FailureReason::UnknownUser);
        assert_eq!(reason_of(false, None), FailureReason::WrongPassword);
        assert_eq!(reason_of(false, Some("publickey")), FailureReason::WrongCredential);
        assert_eq!(
            reason_of(false, Some("keyboard-interactive/pam")),
            FailureReason::WrongPassword
        );
        assert_eq!(reason_of(false, Some("none")), FailureReason::Other);
    }
}
