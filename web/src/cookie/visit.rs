//! One request's session: what it is now, what the handler changed, and what the browser is told.

use std::{collections::BTreeMap, mem, net::IpAddr, sync::Arc};

use http::{HeaderMap, header};
use parking_lot::Mutex;
use passbook::{
    Context, EndReason, IssuedSession, Ledger, Login, Session, SessionId, Token, Transport,
    core::{
        DataKey, SessionRef, Text,
        limits::DATA_BYTES_MAX,
        session::{Data, RESERVED_PREFIX},
    },
};
use serde_json::{Map, Value};

use crate::{
    client::{Fingerprint, SessionMeta},
    problem::{Error, Result},
    session_data::SessionData,
};

use super::layer::Sessions;

/// A request on its way through the layer. Shared by the layer and every handle of the handler.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(super) sessions: Arc<Sessions>,
    pub(super) client: Client,
    state: Mutex<State>,
}

/// Who sent the request.
#[derive(Debug)]
pub(super) struct Client {
    ip: Option<IpAddr>,
    pub(super) fingerprint: Fingerprint,
    /// What the browser says of itself.
    user_agent: Option<Text>,
}

impl Client {
    pub(super) fn new(ip: Option<IpAddr>, fingerprint: Fingerprint) -> Self {
        Self { ip, fingerprint, user_agent: None }
    }

    /// Keeps the user agent that was sent.
    pub(super) fn sent(&mut self, headers: &HeaderMap) {
        let sent = headers.get(header::USER_AGENT);
        self.user_agent =
            sent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned().into());
    }

    /// It sent what the session was opened with, as the fingerprint tells: that is shared, not copied.
    pub(super) fn sent_as_at_login(&mut self, session: &Session) {
        self.user_agent.clone_from(&session.user_agent);
    }

    /// What a person calls the device.
    fn device(&self) -> String {
        let agent = self.user_agent.as_deref().unwrap_or_default();
        SessionMeta::from_headers("", agent, "", "").device().to_owned()
    }

    /// What the events of this request say of where it came from.
    pub(super) fn context(&self, context: Context) -> Context {
        let context = match self.ip {
            Some(ip) => context.ip(ip),
            None => context,
        };
        match &self.user_agent {
            Some(agent) => context.user_agent(agent),
            None => context,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    /// Tokens that the request shows and that open nothing: they may be spent, and end a session.
    shown: Vec<Token>,
    outgoing: Outgoing,
    has_other_fingerprint: bool,
}

/// The session that the request has now.
#[derive(Debug)]
struct Current {
    token: Token,
    session: Session,
    data: Option<Arc<Data>>,
    /// What the handler changed, to be written after it.
    changes: BTreeMap<DataKey, Option<Text>>,
    /// Whether this request made it active already.
    is_fresh: bool,
}

/// What the browser is told about its cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Outgoing {
    #[default]
    Keep,
    Set,
    Remove,
}

/// What the response says about the cookie.
#[derive(Debug)]
pub(super) enum Told {
    Nothing,
    /// The token, and when its session expires, in Unix milliseconds; `u64::MAX` = never.
    Token(Token, u64),
    Removal,
}

impl Visit {
    /// Of a request that shows no session.
    pub(super) fn anonymous(sessions: Arc<Sessions>, client: Client) -> Self {
        Self { sessions, client, state: Mutex::default() }
    }

    /// The request shows this session.
    pub(super) fn found(&mut self, token: Token, session: Session, data: Option<Arc<Data>>) {
        self.state.get_mut().current =
            Some(Current { token, session, data, changes: BTreeMap::new(), is_fresh: false });
    }

    /// The request shows a session that has ended for it.
    pub(super) fn lost(&mut self) {
        self.state.get_mut().outgoing = Outgoing::Remove;
    }

    /// The request shows a token of ours that opens nothing.
    pub(super) fn showed(&mut self, token: Token) {
        self.state.get_mut().shown.push(token);
    }

    /// The session was opened by a browser with another fingerprint.
    pub(super) fn flag_fingerprint(&mut self) {
        self.state.get_mut().has_other_fingerprint = true;
    }

    pub(super) fn has_other_fingerprint(&self) -> bool {
        self.state.lock().has_other_fingerprint
    }

    fn ledger(&self) -> &Ledger {
        &self.sessions.ledger
    }

    /// The ledger, for acts of this request's user.
    pub(super) fn acting(&self) -> Ledger {
        self.ledger().in_context(self.client.context(Context::user()))
    }

    /// Id and user of the session.
    pub(super) fn subject(&self) -> Option<(SessionId, Text)> {
        let state = self.state.lock();
        let current = state.current.as_ref()?;
        Some((current.session.id, current.session.user_id.clone()))
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.state.lock().current.as_ref().map(|current| current.token.clone())
    }

    /// What `read` makes of the session; `None` if there is none.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Session) -> T) -> Option<T> {
        self.state.lock().current.as_ref().map(|current| read(&current.session))
    }

    pub(super) fn data(&self) -> Option<SessionData> {
        let asked_at_ms = self.ledger().now_ms();
        let state = self.state.lock();
        let current = state.current.as_ref()?;
        let data = Some(Arc::new(current.merged()));
        let session = SessionData::new(current.session.clone(), data, asked_at_ms);
        Some(session.marked(true))
    }

    /// The JSON of a key, as this request left it.
    pub(super) fn value(&self, key: &str) -> Option<Text> {
        if key.starts_with(RESERVED_PREFIX) {
            return None;
        }
        let state = self.state.lock();
        let current = state.current.as_ref()?;
        match current.changes.get(key) {
            Some(changed) => changed.clone(),
            None => current.data.as_ref()?.get(key).cloned(),
        }
    }

    /// Notes a change of the session's data, to be written after the handler.
    pub(super) fn change(&self, key: &str, json: Option<Text>) -> Result<()> {
        let mut state = self.state.lock();
        let Some(current) = &mut state.current else { return Ok(()) };
        if key.starts_with(RESERVED_PREFIX) {
            return Err(Error::ReservedKey);
        }
        let key = DataKey::new(key)?;
        let before = current.changes.insert(key.clone(), json.clone());
        if json.is_some() && current.data_bytes() > DATA_BYTES_MAX {
            match before {
                Some(before) => current.changes.insert(key, before),
                None => current.changes.remove(&key),
            };
            return Err(Error::DataTooLarge);
        }
        Ok(())
    }

    /// A new session of that user, in place of the one that there is.
    pub(super) async fn log_in(&self, user: &str, data: Map<String, Value>) -> Result<()> {
        let config = &self.sessions.config;
        let mut login = Login::new(user)
            .transport(Transport::Cookie)
            .device(self.client.device())
            .fingerprint(self.client.fingerprint.to_string())
            .lifetime_ms(self.sessions.lifetime_ms())
            .sessions_per_user_max(config.max_sessions_per_user);
        if let Some(secs) = config.absolute_ttl_secs {
            login = login.absolute_timeout_ms(secs.saturating_mul(1_000));
        }
        if let Some((replaced, _)) = self.subject() {
            login = login.replaces(replaced);
        }
        for (key, value) in data {
            login = login.data(key, value.to_string());
        }
        let issued = self.acting().create(login).await?;
        self.take_up(issued);
        Ok(())
    }

    /// The request goes on with what was issued, and the browser gets its token. Changes that the
    /// handler made to the same session stay to be written; those to another went with it.
    pub(super) fn take_up(&self, issued: IssuedSession) {
        let id = issued.session.id;
        let found = self.ledger().session_and_data(SessionRef::Id(id));
        let data = found.and_then(|(_, data)| data);
        let mut state = self.state.lock();
        let before = state.current.take().filter(|before| before.session.id == id);
        let changes = before.map(|before| before.changes).unwrap_or_default();
        let IssuedSession { token, session } = issued;
        state.current = Some(Current { token, session, data, changes, is_fresh: true });
        state.outgoing = Outgoing::Set;
    }

    /// Ends the session. A logout that a rotation overtook shows a spent token: it ends the session all
    /// the same. Whether it is one is for the ledger to say when it decides: readers may see neither
    /// token for a moment.
    pub(super) async fn log_out(&self) -> Result<()> {
        let shown = mem::take(&mut self.state.lock().shown);
        if let Some((id, _)) = self.subject() {
            self.acting().revoke_session(id, EndReason::Logout).await?;
        }
        for token in shown {
            self.acting().revoke_lineage(&token, EndReason::Logout).await?;
        }
        self.leave();
        Ok(())
    }

    /// The request has no session from now on, and the browser no cookie.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock();
        state.current = None;
        state.outgoing = Outgoing::Remove;
    }

    /// Whether there is nothing to be written after the handler.
    pub(super) fn is_settled(&self) -> bool {
        let state = self.state.lock();
        let Some(current) = &state.current else { return true };
        current.changes.is_empty() && !self.is_due(current)
    }

    /// Whether the use of the session is to be noted.
    fn is_due(&self, current: &Current) -> bool {
        let idle_ms = self.ledger().now_ms().saturating_sub(current.session.last_active_at_ms);
        !current.is_fresh && idle_ms >= self.sessions.touch_interval_ms
    }

    /// After the handler: writes what it changed, notes that the session was used if that is due.
    pub(super) async fn settle(&self) -> Result<()> {
        let Some((id, changes, is_due)) = self.unsettled() else { return Ok(()) };
        if !changes.is_empty() {
            // `false`: the session was ended meanwhile, and its data with it.
            let _there = self.acting().change_data(SessionRef::Id(id), changes).await?;
        }
        if is_due && self.acting().touch_session(id).await? {
            let expires_at_ms = self.ledger().find(id).map(|session| session.expires_at_ms);
            let mut state = self.state.lock();
            if state.outgoing == Outgoing::Keep {
                state.outgoing = Outgoing::Set;
            }
            if let (Some(current), Some(expires_at_ms)) = (&mut state.current, expires_at_ms) {
                current.session.expires_at_ms = expires_at_ms;
            }
        }
        Ok(())
    }

    /// The session with the changes that are to be written, and whether its use is to be noted.
    #[expect(clippy::type_complexity, reason = "read once, right above")]
    fn unsettled(&self) -> Option<(SessionId, Vec<(DataKey, Option<Text>)>, bool)> {
        let mut state = self.state.lock();
        let current = state.current.as_mut()?;
        let changes: Vec<_> = mem::take(&mut current.changes).into_iter().collect();
        let is_due = self.is_due(current);
        (is_due || !changes.is_empty()).then_some((current.session.id, changes, is_due))
    }

    /// What the browser is told in the end. A token that somebody changed meanwhile is not told: the
    /// browser has its successor already, and must keep it.
    pub(super) fn told(&self) -> Told {
        let state = self.state.lock();
        match (state.outgoing, &state.current) {
            (Outgoing::Keep, _) | (Outgoing::Set, None) => Told::Nothing,
            (Outgoing::Remove, _) => Told::Removal,
            (Outgoing::Set, Some(current)) => match self.ledger().session(&current.token) {
                Some(session) => Told::Token(current.token.clone(), session.expires_at_ms),
                None => Told::Nothing,
            },
        }
    }
}

impl Current {
    /// The data as the handler left it.
    fn merged(&self) -> Data {
        let mut data = self.data.as_deref().cloned().unwrap_or_default();
        for (key, json) in &self.changes {
            match json {
                Some(json) => data.insert(key.clone(), json.clone()),
                None => data.remove(key),
            };
        }
        data
    }

    fn data_bytes(&self) -> usize {
        self.merged().iter().map(|(key, json)| key.len() + json.len()).sum()
    }
}
