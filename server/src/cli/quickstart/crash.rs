//! A process that writes is killed, and what it said was done is looked for.
//!
//! The child is this program, started again with a hidden verb. It prints the id of a session when
//! the session is on the disk, and never a token. The parent reads along, and kills it.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command as Process, Stdio},
};

use passbook::{
    Entropy as _, LedgerError, OsEntropy, SessionId, Token,
    core::{
        Act, Actor, Command, DeviceLabel, EndReason, IdGenerator, NewSession, OperatorName,
        Outcome, Transport, UserId,
    },
};

use super::open;
use crate::{
    answer::{
        count_of,
        quickstart::{Cleared, Killed},
    },
    cli::global::App,
    failure::{Exit, Failure},
    progress::{Mode, Progress, Unit},
};

/// So many acknowledged logins, and the writer is killed.
const ACKNOWLEDGED_MIN: usize = 500;
/// Whose sessions the writer opens.
const WRITER_USER: &str = "crash-test";
/// Logins of the writer on their way to the disk at one time: some are in mid-write when it dies.
const WINDOW: usize = 32;

/// The hidden verb has no options of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct WriterArgs {}

/// The child: opens sessions until it is killed, and says which are on the disk.
pub(crate) fn write(app: &App, WriterArgs {}: &WriterArgs) -> Result<(), Failure> {
    let ledger = open(&app.store)?;
    let entropy = OsEntropy::new();
    let mut ids = IdGenerator::default();
    let mut pending = VecDeque::new();
    // Ctrl-C is the parent's to answer: when it goes, the pipe is closed.
    app.output.interrupt.guard();
    loop {
        let (mut secret, mut random) = ([0; 32], [0; 16]);
        entropy.fill(&mut secret).map_err(LedgerError::from)?;
        entropy.fill(&mut random).map_err(LedgerError::from)?;
        let id = ids.next(app.now_ms(), u128::from_le_bytes(random));
        let token = Token::from_random_bytes(secret);
        pending.push_back((id, ledger.submit(&login(id, &token)?)?));
        if pending.len() > WINDOW
            && let Some((id, first)) = pending.pop_front()
        {
            first.wait()?;
            app.output.write(&format!("{id}\n"))?;
        }
    }
}

fn user() -> Result<UserId, LedgerError> {
    Ok(UserId::new(WRITER_USER)?)
}

fn login(id: SessionId, token: &Token) -> Result<Command, LedgerError> {
    Ok(Command::new(Act::Create(NewSession {
        id,
        digest: Some(token.digest()),
        user: user()?,
        is_guest: false,
        device: DeviceLabel::new("the process that is killed").ok(),
        tenant: None,
        transport: Transport::Token,
        lifetime_ms: None,
        absolute_timeout_ms: None,
        data: std::collections::BTreeMap::new(),
        replaces: None,
        // No limit: none of them is to make room for another.
        sessions_per_user_max: Some(0),
    })))
}

/// Starts the child, kills it in mid-write, and looks for all that it had acknowledged.
pub(super) fn kill_and_reopen(store: &Path) -> Result<(Killed, Cleared), Failure> {
    let (pid, acknowledged) = start_and_kill(store)?;
    let timer = Progress::new("reopen", None, Unit::Events, Mode::Off);
    let ledger = open(store)?;
    let reopened_us = u64::try_from(timer.elapsed().as_micros()).unwrap_or(u64::MAX);
    let is_there =
        |id: &&SessionId| ledger.find(**id).is_some_and(|session| session.user_id == WRITER_USER);
    let kept = acknowledged.iter().filter(is_there).count();
    let dropped = ledger.opened().recovery.as_ref().and_then(|recovery| recovery.dropped.as_ref());
    let killed = Killed {
        pid,
        acknowledged: count_of(acknowledged.len()),
        recovered: count_of(ledger.list_for_user(WRITER_USER).len()),
        lost: count_of(acknowledged.len() - kept),
        torn_bytes: dropped.map_or(0, |dropped| dropped.bytes),
        reopened_us,
    };
    let act = Act::RevokeUser { user: user()?, except: None, reason: EndReason::RevokedByAdmin };
    let operator = OperatorName::new("quickstart").map_err(LedgerError::from)?;
    let command = Command { actor: Actor::Operator(operator), ..Command::new(act) };
    let reply = ledger.submit(&command)?.wait()?;
    ledger.close()?;
    let sessions = match reply.outcome {
        Outcome::Ended(count) => u64::from(count),
        Outcome::NotFound
        | Outcome::Created(_)
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::Expired(_)
        | Outcome::Recorded
        | Outcome::PolicyUnchanged
        | Outcome::NotAGuest(_)
        | Outcome::AlreadyDone(_) => 0,
    };
    Ok((killed, Cleared { sessions, sequence: reply.sequence }))
}

/// The child's process id, and all that it said was done before it died.
fn start_and_kill(store: &Path) -> Result<(u32, Vec<SessionId>), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, "io", "the process that writes can't be run")
            .why(error.to_string())
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Process::new(program)
        .args(["quickstart-writer", "--no-pager", "--store"])
        .arg(store)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let pid = child.id();
    let mut acknowledged = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // What stands in the pipe when it dies was acknowledged too.
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(failed)?;
            // The last line may be cut: it was not said.
            acknowledged.extend(SessionId::parse(&line).ok());
            if acknowledged.len() == ACKNOWLEDGED_MIN {
                child.kill().map_err(failed)?;
            }
        }
    }
    child.wait().map_err(failed)?;
    if acknowledged.len() < ACKNOWLEDGED_MIN {
        let what = "the process that writes ended before it was killed";
        return Err(Failure::new(Exit::Failed, "ledger:internal", what));
    }
    Ok((pid, acknowledged))
}
