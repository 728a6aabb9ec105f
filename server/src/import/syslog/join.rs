//! Joins the lines of one login or attempt into one observation.
//!
//! Counting is left to [`attempts`](super::attempts), order to [`held`](super::held), and what a
//! line says to [`message`](super::message).

use super::attempts::{Login, Named, Process, ProcessName, Processes};
use super::held::Held;
use super::keys::LineKey;
use super::message::{Message, Refusal, Witness};
use super::observation::{Fact, Observation};
use super::sessions::{OpenSessions, SessionPlace};
use super::summary::SkipReason;

/// A message, who said it and how often.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) host: String,
    pub(super) program: String,
    pub(super) pid: Option<u32>,
    pub(super) message: Message,
    pub(super) count: u32,
}

/// The line of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) time_ms: u64,
    pub(super) key: LineKey,
}

/// What became of a line; [`summary`](super::summary) explains the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Telling,
    Merged,
    Ignored,
    Skipped(SkipReason),
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    processes: Processes,
    sessions: OpenSessions,
    /// What comes out.
    pub(super) held: Held,
}

impl Said {
    fn process_name(&self) -> ProcessName {
        ProcessName { host: self.host.clone(), program: self.program.clone(), pid: self.pid }
    }

    fn observation(&self, line: Line, part: u32, service: &str, fact: Fact) -> Observation {
        Observation {
            line: line.number,
            time_ms: line.time_ms,
            key: line.key.part(part),
            host: self.host.clone(),
            service: service.to_owned(),
            pid: self.pid,
            fact,
        }
    }

    fn session_place(&self, service: &str, user: &str) -> SessionPlace {
        SessionPlace::new(&self.host, service, self.pid, user)
    }
}

impl Joiner {
    pub(super) fn take(&mut self, said: &Said, line: Line) -> Verdict {
        match &said.message {
            Message::Opened { service, user } => self.opened(said, line, service, user),
            Message::Closed { service, user } => self.closed(said, line, service, user),
            Message::Accepted { user, method, ip } => {
                let fact =
                    Fact::Opened { user: user.clone(), ip: *ip, method: Some(method.clone()) };
                self.accepted(said, line, user, &fact)
            }
            Message::Refused(refusal) => self.refused(said, line, refusal.clone()),
            Message::InvalidUser { user, origin } => {
                let user = Some(user.clone()).filter(|user| !user.is_empty());
                self.process(said, line).name_user(Named { user, origin: origin.clone() });
                Verdict::Merged
            }
            Message::UserUnknown => {
                self.process(said, line).user_is_unknown();
                Verdict::Merged
            }
            Message::PamSuccess => self.succeeded(said, line),
        }
    }

    fn process(&mut self, said: &Said, line: Line) -> &mut Process {
        self.processes.process(said.process_name(), line.number, line.time_ms)
    }

    fn opened(&mut self, said: &Said, line: Line, service: &str, user: &str) -> Verdict {
        let mut verdict = Verdict::Merged;
        for part in 0..said.count {
            if self.confirmed(said, line, service, user) {
                continue;
            }
            let fact = Fact::Opened { user: user.to_owned(), ip: None, method: None };
            let observation = said.observation(line, part, service, fact);
            self.sessions.open(said.session_place(service, user), line.number, observation.key);
            self.held.push_settled(observation);
            verdict = Verdict::Telling;
        }
        verdict
    }

    /// Whether this is the session of a login that sshd accepted just before. PAM's user name
    /// counts, as PAM will also close it.
    fn confirmed(&mut self, said: &Said, line: Line, service: &str, user: &str) -> bool {
        let process = self.processes.known(&said.process_name(), line.time_ms);
        let Some(login) = process.and_then(|process| process.login.take()) else {
            return false;
        };
        if let Some(observation) = self.held.settle(login.ticket) {
            service.clone_into(&mut observation.service);
            if let Fact::Opened { user: accepted, .. } = &mut observation.fact {
                user.clone_into(accepted);
            }
        }
        self.sessions.close(&said.session_place(&said.program, &login.user));
        self.sessions.open(said.session_place(service, user), login.line, login.key);
        true
    }

    fn accepted(&mut self, said: &Said, line: Line, user: &str, fact: &Fact) -> Verdict {
        for part in 0..said.count {
            let observation = said.observation(line, part, &said.program, fact.clone());
            let key = observation.key;
            self.sessions.open(said.session_place(&said.program, user), line.number, key);
            let ticket = self.held.push_open(observation);
            let login = Login { ticket, line: line.number, key, user: user.to_owned() };
            self.process(said, line).login = Some(login);
        }
        Verdict::Telling
    }

    fn closed(&mut self, said: &Said, line: Line, service: &str, user: &str) -> Verdict {
        let place = said.session_place(service, user);
        for part in 0..said.count {
            let opened = self.sessions.close(&place);
            let fact = Fact::Closed { user: user.to_owned(), opened };
            self.held.push_settled(said.observation(line, part, service, fact));
        }
        Verdict::Telling
    }

    fn refused(&mut self, said: &Said, line: Line, mut refusal: Refusal) -> Verdict {
        refusal.count = refusal.count.saturating_mul(said.count);
        let process = self.process(said, line);
        process.complete(&mut refusal);
        let counted = process.count(refusal.witness, refusal.count);
        for ticket in counted.told_again {
            if let Some(observation) = self.held.settle(ticket) {
                enrich(&mut observation.fact, &refusal);
            }
        }
        if counted.new == 0 {
            return Verdict::Merged;
        }
        let service = refusal.service.as_deref().unwrap_or(&said.program).to_owned();
        let fact = Fact::Failed {
            user: refusal.user,
            invalid_user: refusal.invalid_user,
            method: refusal.method,
            ip_or_rhost: refusal.origin,
            count: counted.new,
        };
        let observation = said.observation(line, 0, &service, fact);
        match refusal.witness {
            Witness::PamUnix | Witness::PamOther => {
                let ticket = self.held.push_open(observation);
                self.process(said, line).wait(ticket);
            }
            Witness::Sshd | Witness::SshdError | Witness::SshdNone | Witness::SshdAlone => {
                self.held.push_settled(observation);
            }
        }
        Verdict::Telling
    }

    fn succeeded(&mut self, said: &Said, line: Line) -> Verdict {
        let process = self.processes.known(&said.process_name(), line.time_ms);
        let Some(ticket) = process.and_then(Process::succeed) else {
            return Verdict::Ignored;
        };
        drop(self.held.retract(ticket));
        Verdict::Merged
    }
}

/// Sshd knows the user as it was typed and the address; PAM may have only a host name.
fn enrich(fact: &mut Fact, refusal: &Refusal) {
    if let Fact::Failed { user, invalid_user, method, ip_or_rhost, .. } = fact {
        *invalid_user |= refusal.invalid_user;
        for (known, better) in
            [(user, &refusal.user), (method, &refusal.method), (ip_or_rhost, &refusal.origin)]
        {
            if better.is_some() {
                known.clone_from(better);
            }
        }
    }
}
