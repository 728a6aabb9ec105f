//! A session that another store kept, as all sources give it: checked against our limits, with a key
//! that is the same in every import.

use std::net::IpAddr;

use passbook::{
    SessionId, Token, Transport,
    core::{
        AdoptedSession, DataKey, DeviceLabel, MovedSession, NewSession, Origin, Past, TenantId,
        Text, TokenDigest, UserAgent, UserId,
        limits::{DATA_BYTES_MAX, FOREIGN_TOKEN_BYTES_MAX, FOREIGN_TOKEN_BYTES_MIN},
        session::{Data, NEVER_MS},
    },
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// Why a row is no session of ours. It shows nothing of the row but lengths and names of columns.
pub(crate) type Reason = String;

/// One row or line of a source.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its number, from 1.
    pub(crate) place: u64,
    pub(crate) found: Result<Box<Incoming>, Reason>,
}

/// What takes the rows of a source, one after the other.
pub(crate) type Take<'a> = dyn FnMut(Row) -> Result<(), Failure> + 'a;

/// A session on its way in.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Names the row: the same each time it is read.
    pub(crate) key: [u8; 32],
    pub(crate) moved: MovedSession,
    pub(crate) origin: Origin,
}

/// What a row says of its session; times are Unix milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// `None`: the source has no ids of our kind.
    pub(crate) id: Option<SessionId>,
    pub(crate) digest: Option<TokenDigest>,
    pub(crate) user: String,
    pub(crate) is_guest: bool,
    pub(crate) transport: Transport,
    pub(crate) created_at_ms: u64,
    pub(crate) last_active_at_ms: u64,
    pub(crate) expires_at_ms: u64,
    /// How long a refresh extends it, 0 = for ever; `None` = as our policy says.
    pub(crate) lifetime_ms: Option<u64>,
    pub(crate) device: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) data: Data,
    pub(crate) past: Past,
}

impl Told {
    /// The session, if it keeps to our limits.
    pub(crate) fn into_incoming(self, source: &str) -> Result<Incoming, Reason> {
        let limit = |error: passbook::core::LimitError| error.to_string();
        check_data(&self.data)?;
        let key =
            key_of(source, self.id, self.digest).ok_or("there is neither an id nor a token")?;
        let session = NewSession {
            id: self.id.unwrap_or_else(|| id_of(self.created_at_ms, &key)),
            digest: self.digest,
            user: UserId::new(self.user).map_err(limit)?,
            is_guest: self.is_guest,
            device: self.device.map(DeviceLabel::new).transpose().map_err(limit)?,
            tenant: self.tenant.map(TenantId::new).transpose().map_err(limit)?,
            transport: self.transport,
            lifetime_ms: self.lifetime_ms,
            absolute_timeout_ms: None,
            data: self.data,
            replaces: None,
            sessions_per_user_max: None,
        };
        let adopted = AdoptedSession {
            session,
            created_at_ms: self.created_at_ms,
            last_active_at_ms: self.last_active_at_ms,
            expires_at_ms: self.expires_at_ms,
        };
        let origin = Origin {
            ip: self.ip,
            user_agent: self.user_agent.as_deref().map(UserAgent::new),
            imported: None,
        };
        Ok(Incoming { key, moved: MovedSession { adopted, past: self.past }, origin })
    }
}

impl Incoming {
    pub(crate) fn id(&self) -> SessionId {
        self.moved.adopted.session.id
    }

    /// The digests of all its tokens.
    pub(crate) fn digests(&self) -> impl Iterator<Item = TokenDigest> {
        let spent = self.moved.past.spent.iter().map(|spent| spent.digest);
        spent.chain(self.moved.adopted.session.digest)
    }

    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        let expires_at_ms = self.moved.adopted.expires_at_ms;
        expires_at_ms != NEVER_MS && now_ms >= expires_at_ms
    }
}

fn check_data(data: &Data) -> Result<(), Reason> {
    let bytes: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes <= DATA_BYTES_MAX {
        return Ok(());
    }
    Err(format!("the data has {bytes} bytes; it may have {DATA_BYTES_MAX}"))
}

/// What names a row in every import of it. `None`: nothing does.
fn key_of(source: &str, id: Option<SessionId>, digest: Option<TokenDigest>) -> Option<[u8; 32]> {
    if id.is_none() && digest.is_none() {
        return None;
    }
    let mut hash = Sha256::new().chain_update("passbook import\0").chain_update(source);
    hash.update("\0");
    hash.update(id.map_or([0; 16], |id| id.as_u128().to_le_bytes()));
    hash.update(digest.map_or([0; 32], |digest| *digest.as_bytes()));
    Some(hash.finalize().into())
}

/// An id for a session that had none: of its login and its key, so the same in every import.
pub(crate) fn id_of(created_at_ms: u64, key: &[u8]) -> SessionId {
    let random = key.first_chunk::<16>().copied().unwrap_or_default();
    SessionId::from_parts(created_at_ms, u128::from_le_bytes(random) & ((1 << 80) - 1))
}

/// The digest of a token that another system handed out.
pub(crate) fn foreign_digest(token: &str) -> Result<TokenDigest, Reason> {
    let token = Token::parse_any(token);
    token.map(|token| token.digest()).map_err(|_not_ours| {
        format!(
            "the token is no text of {FOREIGN_TOKEN_BYTES_MIN} to {FOREIGN_TOKEN_BYTES_MAX} bytes that \
             another system hands out"
        )
    })
}

/// Data in which each key is a JSON value.
pub(crate) fn data_of(object: Map<String, Value>) -> Result<Data, Reason> {
    let key = |key: String| DataKey::new(key).map_err(|error| error.to_string());
    let pairs = object.into_iter();
    pairs.map(|(name, value)| Ok((key(name)?, Text::from(value.to_string())))).collect()
}

/// How long it was to live from then on, in milliseconds, if the row says so.
pub(crate) fn lifetime(since_ms: u64, expires_at_ms: u64) -> Option<u64> {
    expires_at_ms.checked_sub(since_ms).filter(|span_ms| *span_ms > 0)
}

/// Unix seconds as milliseconds.
pub(crate) fn ms_of_seconds(seconds: i64) -> Option<u64> {
    u64::try_from(seconds).ok()?.checked_mul(1_000)
}

/// The time of RFC 3339 that a column has, in Unix milliseconds.
pub(crate) fn ms_of_rfc_3339(column: &str, text: &str) -> Result<u64, Reason> {
    let time: Option<jiff::Timestamp> = text.parse().ok();
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    ms.ok_or_else(|| format!("{column} is no time after 1970"))
}
