//! Sessions as lines of JSON: what `export --as jsonl` writes and `import --from jsonl` reads.
//!
//! The first line of an export is a header, which says how many sessions follow and what their
//! fingerprint is. Other programs may leave it out, and all that has a default.

mod read;

use std::{collections::BTreeMap, net::IpAddr};

use passbook::{
    SessionId, Transport,
    core::{
        DataKey, Past, SessionState, SpentToken, Text, TokenDigest,
        session::{Data, NEVER_MS},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use zeroize::Zeroizing;

pub(crate) use read::Reader;

use super::session::{Incoming, Reason, Told, foreign_digest};

/// The schema of [`SessionLine`].
pub(crate) const LINE_SCHEMA: &str = "passbook.session.export/1";

/// One session, with everything that makes it up. Times are Unix milliseconds.
///
/// It has no `Debug`: it may hold a token.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionLine {
    #[schemars(extend("const" = LINE_SCHEMA))]
    schema: String,
    /// A ULID; without one, it is made of the login and the token.
    #[serde(default)]
    id: Option<String>,
    /// Whose it is.
    user_id: String,
    /// Whether it is a guest's.
    #[serde(default)]
    is_guest: bool,
    /// The time of login.
    created_at_ms: u64,
    /// The last activity; without one, the login.
    #[serde(default)]
    last_active_at_ms: Option<u64>,
    /// When it expires; null = never. It must be there.
    #[serde(deserialize_with = "must_be_there")]
    expires_at_ms: Option<u64>,
    /// Beyond this nothing extends it; null = no such moment.
    #[serde(default)]
    absolute_at_ms: Option<u64>,
    /// How long a refresh extends it, in milliseconds, 0 = for ever; null = as the policy says.
    #[serde(default)]
    lifetime_ms: Option<u64>,
    /// By what it is carried: token, cookie, jwt or imported.
    #[serde(default)]
    #[schemars(with = "String")]
    transport: Transport,
    /// What a person calls the device.
    #[serde(default)]
    device: Option<String>,
    /// The organisation that it acts for.
    #[serde(default)]
    tenant_id: Option<String>,
    /// Where the login came from.
    #[serde(default)]
    ip: Option<IpAddr>,
    /// What the browser said of itself.
    #[serde(default)]
    user_agent: Option<String>,
    /// SHA-256 of the live token's 32 bytes, as 64 hexadecimal digits; null = no token opens it.
    #[serde(default)]
    token_digest: Option<String>,
    /// Instead of the digest, the token as its bearer shows it. It is never exported.
    #[serde(default, skip_serializing)]
    #[schemars(with = "Option<String>")]
    token: Option<Zeroizing<String>>,
    /// The generation of the live token: 1, and one more with each refresh.
    #[serde(default = "first_generation")]
    generation: u32,
    /// The tokens that it had before, oldest first.
    #[serde(default)]
    spent: Vec<SpentLine>,
    /// The application's data: for each key a JSON value, as text.
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// A token that was live once.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SpentLine {
    /// SHA-256 of its 32 bytes, as 64 hexadecimal digits.
    token_digest: String,
    /// Its generation.
    generation: u32,
    /// When a successor took its place.
    spent_at_ms: u64,
}

fn first_generation() -> u32 {
    1
}

/// A default would be "never", and nobody should get that by leaving a field out.
fn must_be_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

fn or_never(at_ms: u64) -> Option<u64> {
    (at_ms != NEVER_MS).then_some(at_ms)
}

impl SessionLine {
    /// The line of a session and its spent tokens, oldest first.
    pub(crate) fn of(state: &SessionState, spent: &[SpentToken]) -> Self {
        let session = &state.session;
        let text = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
        let data = state.data.iter().flat_map(|data| data.iter());
        Self {
            schema: LINE_SCHEMA.to_owned(),
            id: Some(session.id.to_string()),
            user_id: session.user_id.to_string(),
            is_guest: session.is_guest,
            created_at_ms: session.created_at_ms,
            last_active_at_ms: Some(session.last_active_at_ms),
            expires_at_ms: or_never(session.expires_at_ms),
            absolute_at_ms: or_never(state.absolute_at_ms),
            lifetime_ms: Some(state.lifetime_ms),
            transport: session.transport,
            device: text(&session.device),
            tenant_id: text(&session.tenant_id),
            ip: session.ip,
            user_agent: text(&session.user_agent),
            token_digest: state.digest.as_ref().map(TokenDigest::to_hex),
            token: None,
            generation: state.generation,
            spent: spent.iter().map(SpentLine::of).collect(),
            data: data.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        }
    }

    fn into_incoming(self) -> Result<Incoming, Reason> {
        let id = self.id.as_deref().map(SessionId::parse).transpose();
        let id = id.map_err(|_error| "id is no ULID of 26 characters".to_owned())?;
        let digest = match (&self.token_digest, &self.token) {
            (Some(_), Some(_)) => {
                return Err("there are both a token and a token_digest".to_owned());
            }
            (Some(hex), None) => Some(digest_of(hex)?),
            (None, Some(token)) => Some(foreign_digest(token)?),
            (None, None) => None,
        };
        let spent = self.spent.into_iter().map(SpentLine::into_spent);
        let past = Past {
            spent: spent.collect::<Result<_, _>>()?,
            generation: self.generation,
            absolute_at_ms: self.absolute_at_ms.unwrap_or(NEVER_MS),
        };
        check_lineage(digest, &past)?;
        Told {
            id,
            digest,
            user: self.user_id,
            is_guest: self.is_guest,
            transport: self.transport,
            created_at_ms: self.created_at_ms,
            last_active_at_ms: self.last_active_at_ms.unwrap_or(self.created_at_ms),
            expires_at_ms: self.expires_at_ms.unwrap_or(NEVER_MS),
            lifetime_ms: self.lifetime_ms,
            device: self.device,
            tenant: self.tenant_id,
            ip: self.ip,
            user_agent: self.user_agent,
            data: data_of(self.data)?,
            past,
        }
        .into_incoming("jsonl")
    }
}

impl SpentLine {
    fn of(spent: &SpentToken) -> Self {
        let SpentToken { digest, generation, spent_at_ms } = *spent;
        Self { token_digest: digest.to_hex(), generation, spent_at_ms }
    }

    fn into_spent(self) -> Result<SpentToken, Reason> {
        let Self { generation, spent_at_ms, .. } = self;
        Ok(SpentToken { digest: digest_of(&self.token_digest)?, generation, spent_at_ms })
    }
}

fn digest_of(hex: &str) -> Result<TokenDigest, Reason> {
    TokenDigest::parse_hex(hex)
        .map_err(|_error| "a token_digest is not of 64 lowercase hexadecimal digits".to_owned())
}

fn data_of(texts: BTreeMap<String, String>) -> Result<Data, Reason> {
    let pair = |(key, value): (String, String)| {
        if let Err(_error) = serde_json::from_str::<IgnoredAny>(&value) {
            return Err("a value of data is no text of JSON".to_owned());
        }
        let key = DataKey::new(key).map_err(|error| error.to_string())?;
        Ok((key, Text::from(value)))
    };
    texts.into_iter().map(pair).collect()
}

/// Refuses what no lineage can be: events could not lead to it.
fn check_lineage(digest: Option<TokenDigest>, past: &Past) -> Result<(), Reason> {
    let before = past.spent.iter().map(|spent| spent.generation);
    if ![0].into_iter().chain(before).chain([past.generation]).is_sorted_by(|a, b| a < b) {
        return Err("generations do not rise from 1 on".to_owned());
    }
    if digest.is_none() && (!past.spent.is_empty() || past.generation != 1) {
        return Err("without a live token there can be no spent one, and no generation".to_owned());
    }
    let mut digests: Vec<_> = past.spent.iter().map(|spent| *spent.digest.as_bytes()).collect();
    digests.extend(digest.map(|digest| *digest.as_bytes()));
    digests.sort_unstable();
    let is_twice = digests.windows(2).any(|pair| matches!(pair, [left, right] if left == right));
    if is_twice { Err("a token is there twice".to_owned()) } else { Ok(()) }
}
