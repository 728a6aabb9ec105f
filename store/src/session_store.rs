//! The blocking store: every method answers when its change is durable.

use std::{path::Path, sync::Arc};

use passbook_core::{EndReason, Session, SessionRef, Token};

use crate::{
    AuthContext, Health, IssuedSession, Ledger, Login, SessionBackend, error::LedgerError,
    ledger::Started, rows::WriteThrough,
};

/// A session store. In memory with [`new`](Self::new), durable in a folder with
/// [`open`](Self::open), written through to a table with [`with_backend`](Self::with_backend).
///
/// All methods block and may be called from any thread, inside or outside a tokio runtime. Each
/// mutation exists twice: `try_create` tells of errors; `create`, with the signature that the page
/// promises, panics if the change can't be made durable, because answering as if it had been would
/// let dead sessions live. Where a value is over its limit, the forms that answer `bool`, `Option`
/// or a count answer that nothing was done.
///
/// ```
/// use passbook::SessionStore;
/// let store = SessionStore::new().with_lifetime(3_600);
/// let login = store.create("ann".to_owned());
/// let token = login.token.expose();
/// assert_eq!(store.get(&token).expect("live").user_id, "ann");
/// let renewed = store.refresh(&token).expect("live");
/// assert!(store.get(&token).is_none());
/// assert_eq!(store.revoke_all_for_user("ann"), 1);
/// # let _ = renewed;
/// ```
#[derive(Debug, Clone)]
pub struct SessionStore {
    ledger: Ledger,
    lifetime_ms: Option<u64>,
    rows: Option<Arc<WriteThrough>>,
}

impl Default for SessionStore {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Ledger> for SessionStore {
    /// The blocking face of a ledger: what is done through one is seen through the other.
    fn from(ledger: Ledger) -> Self {
        Self { ledger: ledger.committing_itself(), lifetime_ms: None, rows: None }
    }
}

impl SessionStore {
    /// A store in memory alone; sessions live 30 days.
    ///
    /// # Panics
    /// If the operating system can't start a thread.
    pub fn new() -> Self {
        Ledger::memory().expect("a ledger in memory needs only a thread").into()
    }

    /// A durable store in that folder, which is made if it is not there.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Ok(Ledger::builder().path(path).open_blocking()?.into())
    }

    /// Sets how long sessions live that are created or refreshed from now on, in seconds; 0 = for
    /// ever.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime_secs: u64) -> Self {
        self.lifetime_ms = Some(lifetime_secs.saturating_mul(1_000));
        self
    }

    /// A store in memory that starts with the rows of `backend` and writes every change through to
    /// it.
    ///
    /// # Panics
    /// If the rows can't be read; [`try_with_backend`](Self::try_with_backend) tells instead.
    pub fn with_backend(backend: Box<dyn SessionBackend>) -> Self {
        Self::try_with_backend(backend).unwrap_or_else(|error| refuse(&error))
    }

    /// A store in memory that starts with the rows of `backend` and writes every change through to
    /// it before it answers. Expired rows are left out and removed from the backend.
    ///
    /// Memory is authoritative, and reads never wait for the backend. If a write fails, the caller
    /// gets the error and the change is not promised: it may or may not be there after a restart. It
    /// is tried again, with growing pauses of up to 10 seconds, until it succeeds;
    /// [`health`](Self::health) tells what is behind. A session that was ended is dead at once, and
    /// stays so through a restart if the backend names a place to note its removal in
    /// ([`SessionBackend::removals_file`]).
    ///
    /// A backend that hangs holds up those who change something until it answers: the ones of
    /// Passbook give up by themselves. Dropping the last handle waits for the call under way. What is
    /// changed through [`ledger`](Self::ledger) is written through within a second, not before the
    /// answer. A table belongs to one store at a time.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] if the rows or the noted removals can't be read;
    /// [`LedgerError::Limit`] if a row is no session.
    pub fn try_with_backend(backend: Box<dyn SessionBackend>) -> Result<Self, LedgerError> {
        let ledger = Ledger::memory()?;
        let rows = WriteThrough::hydrate(&ledger, backend)?;
        Ok(Self { rows: Some(Arc::new(rows)), ..ledger.into() })
    }

    /// The ledger underneath.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        let health = self.ledger.health();
        let Some(rows) = &self.rows else { return health };
        Health { backend_backlog: rows.backlog(), backend_error: rows.failed(), ..health }
    }

    /// Logs a user in.
    ///
    /// # Panics
    /// If the user id is empty or longer than 256 bytes, or the change can't be made durable.
    pub fn create(&self, user_id: String) -> IssuedSession {
        self.try_create(user_id).unwrap_or_else(|error| refuse(&error))
    }

    /// Logs a user in.
    ///
    /// # Errors
    /// As [`Ledger::create`].
    pub fn try_create(&self, user_id: impl Into<Login>) -> Result<IssuedSession, LedgerError> {
        self.finish(self.ledger.start_create(self.lasting(user_id.into())))
    }

    /// Opens a session for a guest.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn create_guest(&self) -> IssuedSession {
        self.try_create_guest().unwrap_or_else(|error| refuse(&error))
    }

    /// Opens a session for a guest, `guest_` and 32 hexadecimal digits.
    ///
    /// # Errors
    /// As [`Ledger::create`].
    pub fn try_create_guest(&self) -> Result<IssuedSession, LedgerError> {
        let login = self.lasting(self.ledger.guest_login()?);
        self.finish(self.ledger.start_create(login))
    }

    /// The live session that the token opens. `None`: malformed, unknown, spent, ended or expired.
    /// Constant work; never waits for a disk.
    pub fn get(&self, token: &str) -> Option<Session> {
        self.ledger.session(&bearer(token)?)
    }

    /// Who a request with that token acts for: its user, or a guest, or nobody.
    pub fn resolve(&self, token: Option<&str>) -> AuthContext {
        let Some(session) = token.and_then(|token| self.get(token)) else {
            return AuthContext::anonymous();
        };
        let context = if session.is_guest {
            AuthContext::guest(session.user_id)
        } else {
            AuthContext::authenticated(session.user_id)
        };
        AuthContext { tenant_id: session.tenant_id, ..context }
    }

    /// Changes the token for a new one and extends the session. `None`: unknown, ended, expired or
    /// spent.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn refresh(&self, old_token: &str) -> Option<IssuedSession> {
        self.try_refresh(old_token).unwrap_or_else(|error| refuse(&error))
    }

    /// Changes the token for a new one and extends the session: same id, user, device, tenant and
    /// time of login. Of many at once one wins.
    ///
    /// # Errors
    /// As [`Ledger::refresh`].
    pub fn try_refresh(&self, old_token: &str) -> Result<Option<IssuedSession>, LedgerError> {
        let Some(token) = bearer(old_token) else { return Ok(None) };
        self.finish(self.ledger.start_refresh(&token, self.lifetime_ms))
    }

    /// Every session in memory, expired ones that no sweep has dropped included; no secrets. For
    /// operators, not for applications.
    pub fn list_all_unfiltered(&self) -> Vec<Session> {
        self.ledger.list_all_unfiltered()
    }

    /// The user's live sessions, newest login first.
    pub fn list_for_user(&self, user_id: &str) -> Vec<Session> {
        self.ledger.list_for_user(user_id)
    }

    /// Ends all live sessions of a user; gives how many.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn revoke_all_for_user(&self, user_id: &str) -> usize {
        settled(self.try_revoke_all_for_user(user_id))
    }

    /// Ends all live sessions of a user, with one event; gives how many.
    ///
    /// # Errors
    /// As [`Ledger::revoke_all_for_user`].
    pub fn try_revoke_all_for_user(&self, user_id: &str) -> Result<usize, LedgerError> {
        self.finish(self.ledger.start_revoke_all(user_id))
    }

    /// Ends one session. `false`: there is no such live session.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn revoke(&self, token: &str) -> bool {
        settled(self.try_revoke(token))
    }

    /// Ends one session. `false`: there is no such live session.
    ///
    /// # Errors
    /// As [`Ledger::revoke`].
    pub fn try_revoke(&self, token: &str) -> Result<bool, LedgerError> {
        let Some(token) = bearer(token) else { return Ok(false) };
        let session = SessionRef::Token(token.digest());
        self.finish(self.ledger.start_revoke(session, EndReason::Logout))
    }

    /// Drops the sessions whose time has come; gives how many. It also runs on its own.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn sweep_expired(&self) -> usize {
        settled(self.try_sweep_expired())
    }

    /// Drops the sessions whose time has come; gives how many.
    ///
    /// # Errors
    /// As [`Ledger::sweep_expired`].
    pub fn try_sweep_expired(&self) -> Result<usize, LedgerError> {
        self.finish(self.ledger.start_sweep())
    }

    /// Labels the session's device. `false`: no live session, or a label over 256 bytes.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn set_device(&self, token: &str, device: String) -> bool {
        settled(self.try_set_device(token, device))
    }

    /// Labels the session's device. `false`: there is no such live session.
    ///
    /// # Errors
    /// As [`Ledger::set_device`].
    pub fn try_set_device(&self, token: &str, device: String) -> Result<bool, LedgerError> {
        let Some(token) = bearer(token) else { return Ok(false) };
        self.finish(self.ledger.start_set_device(&token, device))
    }

    /// Makes a guest a user, with the same token and id. `false`: no live session, no guest, or no
    /// valid user id.
    ///
    /// [`upgrade_and_rotate`](Self::upgrade_and_rotate) is the safer one: it changes the token too.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn upgrade(&self, token: &str, real_user_id: String) -> bool {
        settled(self.try_upgrade(token, real_user_id))
    }

    /// Makes a guest a user, with the same token and id. `false`: no live session, or no guest.
    ///
    /// # Errors
    /// As [`Ledger::upgrade`].
    pub fn try_upgrade(&self, token: &str, real_user_id: String) -> Result<bool, LedgerError> {
        let Some(token) = bearer(token) else { return Ok(false) };
        self.finish(self.ledger.start_upgrade(&token, real_user_id))
    }

    /// Makes a guest a user and changes the token, so that a planted or seen guest token is worth
    /// nothing. `None`: no live session, no guest, or no valid user id.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn upgrade_and_rotate(&self, token: &str, real_user_id: String) -> Option<IssuedSession> {
        settled(self.try_upgrade_and_rotate(token, real_user_id))
    }

    /// Makes a guest a user and changes the token. `None`: no live session, or no guest.
    ///
    /// # Errors
    /// As [`Ledger::upgrade_and_rotate`].
    pub fn try_upgrade_and_rotate(
        &self,
        token: &str,
        real_user_id: String,
    ) -> Result<Option<IssuedSession>, LedgerError> {
        let Some(token) = bearer(token) else { return Ok(None) };
        self.finish(self.ledger.start_upgrade_and_rotate(&token, real_user_id))
    }

    /// Sets or clears the organisation that the session acts for, on trust. `false`: no live session,
    /// or no valid tenant id.
    ///
    /// # Panics
    /// If the change can't be made durable.
    pub fn set_tenant(&self, token: &str, tenant_id: Option<String>) -> bool {
        settled(self.try_set_tenant(token, tenant_id))
    }

    /// Sets or clears the organisation that the session acts for, on trust. `false`: there is no
    /// such live session.
    ///
    /// # Errors
    /// As [`Ledger::set_tenant`].
    pub fn try_set_tenant(
        &self,
        token: &str,
        tenant_id: Option<String>,
    ) -> Result<bool, LedgerError> {
        let Some(token) = bearer(token) else { return Ok(false) };
        self.finish(self.ledger.start_set_tenant(&token, tenant_id))
    }

    fn lasting(&self, login: Login) -> Login {
        match self.lifetime_ms {
            Some(lifetime_ms) => login.lifetime_ms(lifetime_ms),
            None => login,
        }
    }

    /// Waits until the change is durable, and written through if there is a backend.
    fn finish<T>(&self, started: Started<T>) -> Result<T, LedgerError> {
        let pending = started?;
        let events = pending.sequences();
        let answer = pending.wait()?;
        if let Some(rows) = &self.rows {
            rows.settle(events)?;
        }
        Ok(answer)
    }
}

/// A token of ours, or of the system that a session was imported from. Bare digits are refused: they
/// are what a cookie or a JWT carries, and those are opened with [`Token::parse_hex`].
fn bearer(text: &str) -> Option<Token> {
    let token = Token::parse_any(text).ok()?;
    Token::parse_hex(text).is_err().then_some(token)
}

/// What was refused as out of limits changed nothing; anything else may not be passed over.
fn settled<T: Default>(result: Result<T, LedgerError>) -> T {
    match result {
        Ok(answer) => answer,
        Err(LedgerError::Limit(_)) => T::default(),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &LedgerError) -> ! {
    panic!("{} ({}): use the try_ form to handle this", error, error.code())
}
