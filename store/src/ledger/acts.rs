//! What can be done through a ledger.
//!
//! Each act decides and queues in a function of `start`, which gives a pending answer: the methods
//! here await it, those of `SessionStore` wait for it.

use passbook_core::{
    Act, Amr, BookmarkName, EndReason, FailureReason, Mark, Outcome, Policy, SessionId, SessionRef,
    Token, UserId,
};

use super::start::ended;
use super::{IssuedSession, Ledger, Login};
use crate::{error::LedgerError, inflight::Pending};

impl Ledger {
    /// Logs a user in: a new session, and the token that opens it.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for an empty or too long user id, device or tenant;
    /// [`LedgerError::AlreadyDone`] for an idempotency key that was used before; and what a disk can
    /// do: [`LedgerError::ReadOnly`], [`LedgerError::Unavailable`],
    /// [`LedgerError::CommitIndeterminate`].
    pub async fn create(&self, login: impl Into<Login>) -> Result<IssuedSession, LedgerError> {
        self.start_create(login.into())?.await
    }

    /// Logs a user in, without waiting: the answer is to be awaited, or waited for. Many can be in
    /// flight at once.
    ///
    /// # Errors
    /// What was refused: nothing was written. As [`create`](Self::create).
    pub fn start_login(
        &self,
        login: impl Into<Login>,
    ) -> Result<Pending<IssuedSession>, LedgerError> {
        self.start_create(login.into())
    }

    /// Opens a session for a guest, `guest_` and 32 hexadecimal digits.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_guest(&self) -> Result<IssuedSession, LedgerError> {
        self.start_create(self.guest_login()?)?.await
    }

    /// Changes the token for a new one and extends the session by its lifetime. Of many at once, one
    /// wins. `None`: unknown, ended, expired or spent; a spent token is recorded, and may end the
    /// session (policy).
    ///
    /// # Errors
    /// What a disk can do, as for [`create`](Self::create).
    pub async fn refresh(&self, token: &Token) -> Result<Option<IssuedSession>, LedgerError> {
        self.start_refresh(token, None)?.await
    }

    /// As [`refresh`](Self::refresh), with another lifetime from now on: in milliseconds, 0 = for
    /// ever.
    ///
    /// # Errors
    /// What a disk can do, as for [`create`](Self::create).
    pub async fn refresh_with_lifetime(
        &self,
        token: &Token,
        lifetime_ms: u64,
    ) -> Result<Option<IssuedSession>, LedgerError> {
        self.start_refresh(token, Some(lifetime_ms))?.await
    }

    /// Records that the user proved again who they are (step-up), and changes the token for a new
    /// one, as [`refresh`](Self::refresh) does.
    ///
    /// # Errors
    /// What a disk can do, as for [`create`](Self::create).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use passbook::{Ledger, core::{Amr, DataKey, session::STEP_UP_KEY}};
    /// let ledger = Ledger::memory()?;
    /// let login = ledger.create("ann").await?;
    /// let proved = ledger.reauthenticate(&login.token, Amr::new(["pwd", "otp"])?).await?;
    /// assert!(ledger.session(&login.token).is_none() && proved.is_some());
    /// assert!(ledger.data(login.id, &DataKey::new(STEP_UP_KEY)?).is_some(), "when, and how");
    /// # Ok(()) }
    /// ```
    pub async fn reauthenticate(
        &self,
        token: &Token,
        amr: Amr,
    ) -> Result<Option<IssuedSession>, LedgerError> {
        self.start_reauthenticate(token, amr)?.await
    }

    /// Makes a guest a user, with the same token and id. `false`: no such live session, or no guest.
    ///
    /// After a login the token should change too: see
    /// [`upgrade_and_rotate`](Self::upgrade_and_rotate).
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the user id, and what a disk can do.
    pub async fn upgrade(
        &self,
        token: &Token,
        user: impl Into<String>,
    ) -> Result<bool, LedgerError> {
        self.start_upgrade(token, user.into())?.await
    }

    /// Makes a guest a user and changes the token, so that whoever planted or saw the guest's token
    /// has nothing (session fixation). `None`: no such live session, or no guest.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the user id, and what a disk can do.
    pub async fn upgrade_and_rotate(
        &self,
        token: &Token,
        user: impl Into<String>,
    ) -> Result<Option<IssuedSession>, LedgerError> {
        self.start_upgrade_and_rotate(token, user.into())?.await
    }

    /// Logs the session out. `false`: there is no such live session.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn revoke(&self, token: &Token) -> Result<bool, LedgerError> {
        self.start_revoke(SessionRef::Token(token.digest()), EndReason::Logout)?.await
    }

    /// Ends the session that the token belongs to, also if it was spent long ago or is being changed
    /// for another one right now. `false`: it has ended already, or the token never was one.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn revoke_lineage(
        &self,
        token: &Token,
        reason: EndReason,
    ) -> Result<bool, LedgerError> {
        self.start_revoke(SessionRef::Lineage(token.digest()), reason)?.await
    }

    /// Ends the session of that id. `false`: there is no such live session.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn revoke_session(
        &self,
        id: SessionId,
        reason: EndReason,
    ) -> Result<bool, LedgerError> {
        self.start_revoke(SessionRef::Id(id), reason)?.await
    }

    /// Ends all live sessions of a user with one event; gives how many.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the user id, and what a disk can do.
    pub async fn revoke_all_for_user(&self, user: &str) -> Result<usize, LedgerError> {
        self.start_revoke_all(user)?.await
    }

    /// Ends all live sessions of a user but one; gives how many. `None`: the one is no live session
    /// of that user, and nothing ended.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the user id, and what a disk can do.
    pub async fn revoke_all_except(
        &self,
        user: &str,
        except: SessionId,
    ) -> Result<Option<usize>, LedgerError> {
        let act = self.revoke_user(user, Some(except))?;
        self.start(act)?.map(|reply| ended(reply.outcome)).await
    }

    /// Starts the session's idle timeout anew. `false`: there is no such live session.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn touch(&self, token: &Token) -> Result<bool, LedgerError> {
        let session = SessionRef::Token(token.digest());
        self.start_change(Act::Touch { session })?.await
    }

    /// As [`touch`](Self::touch), for the session of that id.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn touch_session(&self, id: SessionId) -> Result<bool, LedgerError> {
        self.start_change(Act::Touch { session: SessionRef::Id(id) })?.await
    }

    /// Labels the session's device. `false`: there is no such live session.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the label, and what a disk can do.
    pub async fn set_device(
        &self,
        token: &Token,
        label: impl Into<String>,
    ) -> Result<bool, LedgerError> {
        self.start_set_device(token, label.into())?.await
    }

    /// Sets or clears the organisation that the session acts for, on trust. `false`: there is no such
    /// live session.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the tenant id, and what a disk can do.
    pub async fn set_tenant(
        &self,
        token: &Token,
        tenant: Option<String>,
    ) -> Result<bool, LedgerError> {
        self.start_set_tenant(token, tenant)?.await
    }

    /// Ends the sessions whose time has come, with one event; gives how many. It also runs on its
    /// own, see [`Builder::sweep_interval`](super::Builder::sweep_interval).
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn sweep_expired(&self) -> Result<usize, LedgerError> {
        self.start_sweep()?.await
    }

    /// Records a login that failed; `user` is who they said they were.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the user id, and what a disk can do.
    pub async fn record_login_failure(
        &self,
        user: Option<&str>,
        reason: FailureReason,
    ) -> Result<(), LedgerError> {
        let user = user.map(UserId::new).transpose()?;
        let act = Act::RecordFailure { user, reason, count: 1 };
        self.start(act)?.map(|_reply| ()).await
    }

    /// Puts a policy into force, for what is decided from now on. `false`: it was already.
    ///
    /// # Errors
    /// What a disk can do.
    pub async fn set_policy(&self, policy: Policy) -> Result<bool, LedgerError> {
        self.start(Act::SetPolicy(policy))?
            .map(|reply| !matches!(reply.outcome, Outcome::PolicyUnchanged))
            .await
    }

    /// Names this moment; gives its sequence.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the name, and what a disk can do.
    pub async fn bookmark(&self, name: impl Into<String>) -> Result<u64, LedgerError> {
        let act = Act::Bookmark { name: BookmarkName::new(name.into())?, mark: Mark::Here };
        self.start(act)?.map(|reply| reply.sequence).await
    }
}
