//! The life of a session that tokens carry: login, rotation, logout, and the user's list.

use std::sync::Arc;

use passbook::{
    Clock, Context, EndReason, IssuedSession, Ledger, Login, SessionId, Token, Transport,
    core::{Amr, SessionRef},
};

use super::{
    bearer::{ACCESS, Bearer, REFRESH, check_audience},
    claims::{Audience, Claims},
    config::{ConfigError, JwtSessionsConfig},
    decoder::{JwtDecoder, ValidationConfig},
    encoder::JwtEncoder,
    jwks::Jwks,
    layer::JwtLayer,
    token_pair::TokenPair,
};
use crate::{Error, Result, SessionData, SessionMeta, of_user};

/// JWT sessions on a ledger. A clone is cheap and another handle on the same.
///
/// A login opens a session and gives an access token for requests and a refresh token for the next
/// pair. Both carry the session's own token as `jti`; the ledger keeps its digest alone, and a
/// rotation changes it, so both are dead from then on. Sessions of cookies and of JWT are of one
/// ledger: either lists, ends and counts those of the other.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use passbook::Ledger;
/// use passbook_axum::{SessionMeta, jwt::{JwtSessionService, JwtSessionsConfig}};
///
/// let config = JwtSessionsConfig::new("my-super-secret-key-for-signing-tokens");
/// let svc = JwtSessionService::new(Ledger::memory()?, config)?;
///
/// let meta = SessionMeta::from_headers("198.51.100.7", "curl/8.14.1", "", "");
/// let pair = svc.authenticate("user_123", &meta).await?;
/// let new_pair = svc.rotate(&pair.refresh_token).await?;
/// assert!(svc.rotate(&pair.refresh_token).await.is_err(), "a refresh token works once");
/// svc.logout(&new_pair.access_token).await?;
/// assert!(svc.list("user_123").await?.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct JwtSessionService {
    pub(super) ledger: Ledger,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: JwtSessionsConfig,
    encoder: JwtEncoder,
    decoder: JwtDecoder,
    jwks: Jwks,
}

/// The ledger's time, for the decoder: a token and its session are judged by one clock.
#[derive(Debug)]
struct LedgerClock(Ledger);

impl Clock for LedgerClock {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }
}

impl JwtSessionService {
    /// Sessions of that ledger, so configured.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is out of its range.
    pub fn new(
        ledger: Ledger,
        config: JwtSessionsConfig,
    ) -> std::result::Result<Self, ConfigError> {
        config.validate()?;
        std::thread::spawn(SessionMeta::warm_up);
        let keys = config.keyring()?;
        let validation = ValidationConfig {
            leeway_secs: config.leeway_secs,
            issuer: config.issuer.clone(),
            audience: None,
        };
        let clock = Arc::new(LedgerClock(ledger.clone()));
        let shared = Shared {
            encoder: JwtEncoder::of(keys.clone()),
            jwks: Jwks::of(&keys),
            decoder: JwtDecoder::of(keys, validation, clock),
            config,
        };
        Ok(Self { ledger, shared: Arc::new(shared) })
    }

    /// What signs the tokens.
    pub fn encoder(&self) -> &JwtEncoder {
        &self.shared.encoder
    }

    /// What checks the tokens, by the ledger's clock; of any audience.
    pub fn decoder(&self) -> &JwtDecoder {
        &self.shared.decoder
    }

    /// How it is configured.
    pub fn config(&self) -> &JwtSessionsConfig {
        &self.shared.config
    }

    /// The public keys, to be served to whoever checks our tokens without us.
    pub fn jwks(&self) -> Jwks {
        self.shared.jwks.clone()
    }

    /// A layer that lets requests with a valid access token pass.
    pub fn layer(&self) -> JwtLayer {
        JwtLayer::new(self.clone())
    }

    /// The same service, with who acts, from where and why, for the events of what is done through
    /// the handle that it gives.
    #[must_use]
    pub fn in_context(&self, context: Context) -> Self {
        Self { ledger: self.ledger.in_context(context), shared: Arc::clone(&self.shared) }
    }

    /// Logs a user in, who was proved by whatever means: a new session and its pair. If the user has
    /// more than [`max_per_user`](JwtSessionsConfig::max_per_user) with it, the least recently active
    /// one ends in the same moment.
    ///
    /// # Errors
    /// 400 `auth:limit` for a user id that is empty or over 256 bytes; 503 `ledger:unavailable`; 500
    /// `jwt:signing_failed`, and then no session is left.
    pub async fn authenticate(&self, user_id: &str, meta: &SessionMeta) -> Result<TokenPair> {
        let config = &self.shared.config;
        let mut login = Login::new(user_id)
            .transport(Transport::Jwt)
            .device(meta.device())
            .user_agent(meta.user_agent())
            .lifetime_ms(self.lifetime_ms())
            .sessions_per_user_max(config.max_per_user);
        if let Some(ip) = meta.ip() {
            login = login.ip(ip);
        }
        if let Some(secs) = config.absolute_ttl_secs {
            login = login.absolute_timeout_ms(secs.saturating_mul(1_000));
        }
        let issued = self.ledger.create(login).await?;
        match self.pair(&issued) {
            Ok(pair) => Ok(pair),
            Err(error) => {
                // Nobody will ever hold its token.
                self.ledger.revoke(&issued.token).await?;
                Err(error)
            }
        }
    }

    /// Changes the refresh token for a new pair. Of many callers with one token, exactly one gets it;
    /// the old pair is dead. The session lives for
    /// [`refresh_ttl_secs`](JwtSessionsConfig::refresh_ttl_secs) from now on, and not past
    /// [`absolute_ttl_secs`](JwtSessionsConfig::absolute_ttl_secs); its id, the time of its login and
    /// its data stay.
    ///
    /// A token that was rotated before is recorded, and after the race window ends the session: one of
    /// its two bearers stole it.
    ///
    /// # Errors
    /// In this order: 401 `jwt:…` for what is no valid token; 401 `auth:aud_mismatch` for an access
    /// token; 401 `auth:session_not_found` if the session has ended or the token was rotated; 503
    /// `ledger:unavailable`.
    pub async fn rotate(&self, refresh_token: &str) -> Result<TokenPair> {
        let token = self.refreshed(refresh_token)?;
        let issued = self.ledger.refresh_with_lifetime(&token, self.lifetime_ms()).await?;
        self.pair(&issued.ok_or(Error::SessionNotFound)?)
    }

    /// As [`rotate`](Self::rotate), and records that the user proved again who they are (step-up),
    /// and how, by names of RFC 8176. The session's
    /// [`auth_time_ms`](SessionData::auth_time_ms) is now.
    ///
    /// # Errors
    /// 500 `auth:amr` if there is no name or one that is none; else as [`rotate`](Self::rotate).
    pub async fn reauthenticated(&self, refresh_token: &str, amr: &[&str]) -> Result<TokenPair> {
        let amr = Amr::new(amr)?;
        let token = self.refreshed(refresh_token)?;
        let issued = self.ledger.reauthenticate(&token, amr).await?;
        self.pair(&issued.ok_or(Error::SessionNotFound)?)
    }

    /// Ends the session that the access token belongs to: also if the token has expired, or was
    /// rotated away, or is being so right now. After `Ok` nothing of the session is alive; a session
    /// that has ended before is `Ok`, too.
    ///
    /// # Errors
    /// 401 `jwt:…` for what is no token of ours; 401 `auth:aud_mismatch` for a refresh token; 401
    /// `auth:session_not_found` if it names no session or another user's; 503 `ledger:unavailable`.
    pub async fn logout(&self, access_token: &str) -> Result<()> {
        let claims = self.decoder().decode_even_expired(access_token)?;
        check_audience(&claims, ACCESS)?;
        self.ledger.revoke_lineage(&self.own(&claims)?, EndReason::Logout).await?;
        Ok(())
    }

    /// The user's live sessions, of both transports, most recently active first, ties by id.
    ///
    /// # Errors
    /// None as yet: it is answered from memory.
    #[expect(clippy::unused_async, reason = "as the others; a ledger elsewhere would wait")]
    pub async fn list(&self, user_id: &str) -> Result<Vec<SessionData>> {
        Ok(of_user::list(&self.ledger, user_id, None))
    }

    /// Ends that session of the user, of either transport.
    ///
    /// # Errors
    /// 404 `auth:session_not_found` for an id that is unknown, malformed, or another user's; 503
    /// `ledger:unavailable`.
    pub async fn revoke(&self, user_id: &str, id: &str) -> Result<()> {
        of_user::revoke(&self.ledger, user_id, id).await.map(|_id| ())
    }

    /// Ends all sessions of the user, of both transports.
    ///
    /// # Errors
    /// 400 `auth:limit` for a user id that is empty or over 256 bytes; 503 `ledger:unavailable`.
    pub async fn revoke_all(&self, user_id: &str) -> Result<()> {
        let _ended = self.ledger.revoke_all_for_user(user_id).await?;
        Ok(())
    }

    /// Ends all sessions of the user but one: "log out other devices".
    ///
    /// # Errors
    /// 404 `auth:session_not_found` if `keep_id` is no live session of the user, and then nothing
    /// ended; 400 `auth:limit` for a user id that is empty or over 256 bytes; 503
    /// `ledger:unavailable`.
    pub async fn revoke_all_except(&self, user_id: &str, keep_id: &str) -> Result<()> {
        let keep = SessionId::parse(keep_id).map_err(|_malformed| Error::UnknownSession)?;
        let ended = self.ledger.revoke_all_except(user_id, keep).await?;
        ended.map(|_count| ()).ok_or(Error::UnknownSession)
    }

    /// Ends the sessions whose time has come, of both transports; gives how many. The ledger does it
    /// on its own, too.
    ///
    /// # Errors
    /// 503 `ledger:unavailable`.
    pub async fn cleanup_expired(&self) -> Result<u64> {
        let ended = self.ledger.sweep_expired().await?;
        Ok(u64::try_from(ended).unwrap_or(u64::MAX))
    }

    /// The session's token in a valid refresh token.
    fn refreshed(&self, refresh_token: &str) -> Result<Token> {
        let claims = self.decoder().decode(refresh_token)?;
        check_audience(&claims, REFRESH)?;
        self.own(&claims)
    }

    /// The session's token in claims of ours. A session that it belongs to, live or spent, must be
    /// that user's. None is no matter here: what comes next finds that out for itself, and in one
    /// step with what it does.
    fn own(&self, claims: &Claims) -> Result<Token> {
        let Bearer { token, user } = Bearer::of(claims)?;
        let reference = SessionRef::Lineage(token.digest());
        match self.ledger.session_and_data(reference) {
            Some((session, _)) if *session.user_id != *user => Err(Error::SessionNotFound),
            Some(_) | None => Ok(token),
        }
    }

    /// Both tokens of a session. Neither outlives it.
    fn pair(&self, issued: &IssuedSession) -> Result<TokenPair> {
        let config = &self.shared.config;
        let now = self.ledger.now_ms() / 1_000;
        let session_expires_at = issued.expires_at_ms / 1_000;
        let access_expires_at = now.saturating_add(config.access_ttl_secs).min(session_expires_at);
        let token = issued.token.expose();
        let jti = token.strip_prefix(passbook::core::token::TOKEN_PREFIX).unwrap_or(&token);
        let encode = |audience: &str, exp| {
            self.encoder().encode(&Claims {
                iss: config.issuer.clone(),
                sub: Some(issued.user_id.to_string()),
                aud: Some(Audience::from(audience)),
                iat: Some(now),
                jti: Some(jti.to_owned()),
                ..Claims::until(exp)
            })
        };
        Ok(TokenPair {
            access_token: encode(ACCESS, access_expires_at)?,
            refresh_token: encode(REFRESH, session_expires_at)?,
            access_expires_at,
            refresh_expires_at: session_expires_at,
            token_type: TokenPair::TOKEN_TYPE,
        })
    }

    /// How long a session lives from its login, each rotation and each touch.
    fn lifetime_ms(&self) -> u64 {
        self.shared.config.refresh_ttl_secs.saturating_mul(1_000)
    }
}
