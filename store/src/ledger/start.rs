//! The first half of every act: decide and queue. What it gives is an answer that is not yet true.

use std::fmt::Write as _;

use passbook_core::{
    Act, Amr, Command, DeviceLabel, EndReason, Outcome, Session, SessionId, SessionRef, TenantId,
    Token, UserId,
};

use super::{Context, IssuedSession, Ledger, Login};
use crate::{error::LedgerError, execute::Reply, inflight::Pending};

/// What every act gives before it is durable.
pub(crate) type Started<T> = Result<Pending<T>, LedgerError>;

impl Ledger {
    pub(crate) fn start_create(&self, login: Login) -> Started<IssuedSession> {
        let token = self.engine.new_token()?;
        let id = self.engine.new_id()?;
        let command = login.into_command(id, token.digest(), |act| self.command(act))?;
        Ok(self.begin(&command)?.and_then(|reply| {
            let session = known(reply.session)?;
            Ok(IssuedSession { token, session })
        }))
    }

    pub(crate) fn guest_login(&self) -> Result<Login, LedgerError> {
        let mut random = [0; 16];
        self.engine.entropy.fill(&mut random)?;
        let mut user = String::from("guest_");
        write!(user, "{:032x}", u128::from_le_bytes(random)).expect("a string takes it");
        Ok(Login::guest(user))
    }

    pub(crate) fn start_refresh(
        &self,
        token: &Token,
        lifetime_ms: Option<u64>,
    ) -> Started<Option<IssuedSession>> {
        let successor = self.engine.new_token()?;
        let act =
            Act::Refresh { presented: token.digest(), successor: successor.digest(), lifetime_ms };
        let command = self.command(act);
        let pending = self.engine.submit_refresh(&command, token, successor, self.committer)?;
        Ok(pending.and_then(|(reply, successor)| issued(reply, successor)))
    }

    pub(crate) fn start_reauthenticate(
        &self,
        token: &Token,
        amr: Amr,
    ) -> Started<Option<IssuedSession>> {
        let successor = self.engine.new_token()?;
        let (presented, digest) = (token.digest(), successor.digest());
        let command = self.command(Act::Reauthenticate { presented, successor: digest, amr });
        let pending = self.engine.submit_refresh(&command, token, successor, self.committer)?;
        Ok(pending.and_then(|(reply, successor)| issued(reply, successor)))
    }

    pub(crate) fn start_upgrade(&self, token: &Token, user: String) -> Started<bool> {
        let session = SessionRef::Token(token.digest());
        self.start_change(Act::Upgrade { session, user: UserId::new(user)?, successor: None })
    }

    pub(crate) fn start_upgrade_and_rotate(
        &self,
        token: &Token,
        user: String,
    ) -> Started<Option<IssuedSession>> {
        let successor = self.engine.new_token()?;
        let act = Act::Upgrade {
            session: SessionRef::Token(token.digest()),
            user: UserId::new(user)?,
            successor: Some(successor.digest()),
        };
        Ok(self.start(act)?.and_then(|reply| issued(reply, successor)))
    }

    pub(crate) fn start_revoke(&self, session: SessionRef, reason: EndReason) -> Started<bool> {
        let pending = self.start(Act::Revoke { session, reason })?;
        Ok(pending.map(|reply| ended(reply.outcome).is_some_and(|count| count > 0)))
    }

    pub(crate) fn start_revoke_all(&self, user: &str) -> Started<usize> {
        // No session can belong to a name that is no user id.
        let pending = self.start(self.revoke_user(user, None)?)?;
        Ok(pending.map(|reply| ended(reply.outcome).unwrap_or(0)))
    }

    pub(crate) fn revoke_user(
        &self,
        user: &str,
        except: Option<SessionId>,
    ) -> Result<Act, LedgerError> {
        let by_operator = self.context.as_deref().is_some_and(Context::is_operator);
        let reason = if by_operator { EndReason::RevokedByAdmin } else { EndReason::RevokedByUser };
        Ok(Act::RevokeUser { user: UserId::new(user)?, except, reason })
    }

    pub(crate) fn start_set_device(&self, token: &Token, label: String) -> Started<bool> {
        let session = SessionRef::Token(token.digest());
        self.start_change(Act::SetDevice { session, device: DeviceLabel::new(label)? })
    }

    pub(crate) fn start_set_tenant(&self, token: &Token, tenant: Option<String>) -> Started<bool> {
        let session = SessionRef::Token(token.digest());
        let tenant = tenant.map(TenantId::new).transpose()?;
        self.start_change(Act::SetTenant { session, tenant })
    }

    pub(crate) fn start_sweep(&self) -> Started<usize> {
        Ok(self.start(Act::Sweep)?.map(|reply| ended(reply.outcome).unwrap_or(0)))
    }

    /// An act on one live session: whether there was one.
    pub(crate) fn start_change(&self, act: Act) -> Started<bool> {
        Ok(self.start(act)?.map(|reply| match reply.outcome {
            Outcome::Created(_)
            | Outcome::Refreshed(_)
            | Outcome::Changed(_)
            | Outcome::Unchanged(_) => true,
            Outcome::Reused(..)
            | Outcome::Ended(_)
            | Outcome::Expired(_)
            | Outcome::Recorded
            | Outcome::PolicyUnchanged
            | Outcome::NotFound
            | Outcome::NotAGuest(_)
            | Outcome::AlreadyDone(_) => false,
        }))
    }

    pub(crate) fn start(&self, act: Act) -> Started<Reply> {
        self.begin(&self.command(act))
    }

    fn begin(&self, command: &Command) -> Started<Reply> {
        Ok(self.submit(command)?.and_then(refuse_repetition))
    }

    /// The command of an act in this handle's context.
    pub(crate) fn command(&self, act: Act) -> Command {
        match &self.context {
            Some(context) => context.command(act),
            None => Command::new(act),
        }
    }
}

fn refuse_repetition(reply: Reply) -> Result<Reply, LedgerError> {
    match reply.outcome {
        Outcome::AlreadyDone(completed) => Err(LedgerError::AlreadyDone(completed)),
        Outcome::Created(_)
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::Ended(_)
        | Outcome::Expired(_)
        | Outcome::Recorded
        | Outcome::PolicyUnchanged
        | Outcome::NotFound
        | Outcome::NotAGuest(_) => Ok(reply),
    }
}

/// The session with its new token, if it got one.
fn issued(reply: Reply, token: Token) -> Result<Option<IssuedSession>, LedgerError> {
    let reply = refuse_repetition(reply)?;
    if !matches!(reply.outcome, Outcome::Refreshed(_)) {
        return Ok(None);
    }
    Ok(Some(IssuedSession { token, session: known(reply.session)? }))
}

fn known(session: Option<Session>) -> Result<Session, LedgerError> {
    session.ok_or_else(|| LedgerError::Internal("the decided session is not there".to_owned()))
}

/// How many ended; `None`: the outcome says nothing of endings.
pub(super) fn ended(outcome: Outcome) -> Option<usize> {
    match outcome {
        Outcome::Ended(count) | Outcome::Expired(count) => usize::try_from(count).ok(),
        Outcome::Created(_)
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::Recorded
        | Outcome::PolicyUnchanged
        | Outcome::NotFound
        | Outcome::NotAGuest(_)
        | Outcome::AlreadyDone(_) => None,
    }
}
