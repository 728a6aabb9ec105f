//! What is known at a login, and what is handed out for it.

use std::{net::IpAddr, ops::Deref};

use passbook_core::{
    Act, Command, DataKey, DeviceLabel, NewSession, SessionId, TenantId, Text, Token, TokenDigest,
    Transport, UserAgent, UserId,
    session::{Data, FINGERPRINT_KEY},
};

use super::data::check;

use crate::{Session, error::LedgerError};

/// A login: who, and what is known of where. Limits are checked when it is used.
///
/// ```
/// use passbook::Login;
/// let login = Login::new("ann")
///     .device("Firefox on Linux")
///     .ip("198.51.100.7".parse().expect("an address"))
///     .lifetime_ms(8 * 3_600_000);
/// # let _ = login;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Login {
    user: String,
    is_guest: bool,
    device: Option<String>,
    tenant: Option<String>,
    ip: Option<IpAddr>,
    user_agent: Option<UserAgent>,
    transport: Transport,
    lifetime_ms: Option<u64>,
    absolute_timeout_ms: Option<u64>,
    sessions_per_user_max: Option<u32>,
    replaces: Option<SessionId>,
    data: Vec<(String, String)>,
    fingerprint: Option<String>,
}

impl From<&str> for Login {
    fn from(user: &str) -> Self {
        Self::new(user)
    }
}

impl From<String> for Login {
    fn from(user: String) -> Self {
        Self::new(user)
    }
}

impl Login {
    /// A login of that user: 1 to 256 bytes.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into(), ..Self::default() }
    }

    /// A login of somebody who is not known.
    pub(crate) fn guest(name: String) -> Self {
        Self { is_guest: true, ..Self::new(name) }
    }

    /// What a person calls the device: up to 256 bytes.
    #[must_use]
    pub fn device(mut self, label: impl Into<String>) -> Self {
        self.device = Some(label.into());
        self
    }

    /// The organisation that the session acts for: 1 to 256 bytes.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The client's address.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// What the browser says of itself; longer than 1,024 bytes is cut.
    #[must_use]
    pub fn user_agent(mut self, text: &str) -> Self {
        self.user_agent = Some(UserAgent::new(text));
        self
    }

    /// By what the session is carried; a bare token, if not said.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// How long it lives from now and from each refresh, in milliseconds; 0 = for ever. The policy's
    /// idle timeout, if not said.
    #[must_use]
    pub fn lifetime_ms(mut self, lifetime_ms: u64) -> Self {
        self.lifetime_ms = Some(lifetime_ms);
        self
    }

    /// How long it lives at most, whatever happens, in milliseconds; 0 = for ever. The policy's
    /// absolute timeout, if not said.
    #[must_use]
    pub fn absolute_timeout_ms(mut self, absolute_timeout_ms: u64) -> Self {
        self.absolute_timeout_ms = Some(absolute_timeout_ms);
        self
    }

    /// The most live sessions that the user may have with this one, 0 = no limit. The policy's, if
    /// not said.
    #[must_use]
    pub fn sessions_per_user_max(mut self, limit: u32) -> Self {
        self.sessions_per_user_max = Some(limit);
        self
    }

    /// A session of the same browser, which ends in the same moment.
    #[must_use]
    pub fn replaces(mut self, session: SessionId) -> Self {
        self.replaces = Some(session);
        self
    }

    /// A key of the session's first data, and its value: JSON text. In the same moment as the login.
    #[must_use]
    pub fn data(mut self, key: impl Into<String>, json: impl Into<String>) -> Self {
        self.data.push((key.into(), json.into()));
        self
    }

    /// What tells this browser from others, such as 64 hexadecimal digits: kept in the session's data
    /// under [`FINGERPRINT_KEY`].
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprint = Some(fingerprint.into());
        self
    }

    /// The command, with an id and the digest of a token made for it.
    pub(crate) fn into_command(
        self,
        id: SessionId,
        digest: TokenDigest,
        command: impl FnOnce(Act) -> Command,
    ) -> Result<Command, LedgerError> {
        let mut data = Data::new();
        for (key, json) in self.data {
            let (key, json) = (DataKey::new(key)?, Text::from(json));
            check(&key, Some(&json))?;
            data.insert(key, json);
        }
        if let Some(fingerprint) = self.fingerprint {
            let json = serde_json::to_string(&fingerprint).expect("a string is JSON");
            data.insert(DataKey::new(FINGERPRINT_KEY)?, json.into());
        }
        let new = NewSession {
            id,
            digest: Some(digest),
            user: UserId::new(self.user)?,
            is_guest: self.is_guest,
            device: self.device.map(DeviceLabel::new).transpose()?,
            tenant: self.tenant.map(TenantId::new).transpose()?,
            transport: self.transport,
            lifetime_ms: self.lifetime_ms,
            absolute_timeout_ms: self.absolute_timeout_ms,
            data,
            replaces: self.replaces,
            sessions_per_user_max: self.sessions_per_user_max,
        };
        let mut command = command(Act::Create(new));
        command.origin.ip = self.ip.or(command.origin.ip);
        command.origin.user_agent = self.user_agent.or(command.origin.user_agent);
        Ok(command)
    }
}

/// A session and the token that opens it: given out once, kept nowhere.
#[derive(Debug, Clone)]
pub struct IssuedSession {
    /// The bearer's secret; [`Token::expose`] gives its wire form.
    pub token: Token,
    /// The session that it opens.
    pub session: Session,
}

impl Deref for IssuedSession {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}
