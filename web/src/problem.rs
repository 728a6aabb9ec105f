//! What goes wrong in a request, as the client is told: `application/problem+json` (RFC 9457) with
//! a stable code, and nothing of what is inside.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use passbook::{
    LedgerError,
    core::{AmrError, LimitError},
};
use serde::Serialize;
use thiserror::Error as ThisError;

#[cfg(feature = "jwt")]
use crate::jwt::JwtError;

/// What the methods of this crate give.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was not answered as asked. As a response it is a problem document of RFC 9457 with
/// [`status`](Self::status), `title` and [`code`](Self::code).
#[derive(Debug, Clone, ThisError)]
pub enum Error {
    /// Nobody is logged in. 401 `auth:unauthenticated`.
    #[error("nobody is logged in")]
    Unauthenticated,
    /// The user must prove again who they are. 401 `auth:reauthentication_required`.
    #[error("prove again who you are")]
    ReauthenticationRequired,
    /// The session acts for no organisation. 403 `auth:tenant_missing`.
    #[error("the session acts for no organisation")]
    TenantMissing,
    /// Names of methods of authentication that are none. 500 `auth:amr`.
    #[error(transparent)]
    Amr(#[from] AmrError),
    /// A layer of this crate is missing in front of the handler. 500 `auth:middleware_missing`.
    #[error("the session layer is missing in front of this handler")]
    MiddlewareMissing,
    /// The request changes something, and the page of another origin caused it. 403
    /// `auth:cross_origin`.
    #[error("the request comes from a page of another origin")]
    CrossOrigin,
    /// The token's session has ended, or never was. 401 `auth:session_not_found`.
    #[error("the session has ended")]
    SessionNotFound,
    /// No such session of this user: unknown, malformed and foreign ids alike. 404
    /// `auth:session_not_found`.
    #[error("there is no such session")]
    UnknownSession,
    /// A value of the session's data is of another type than was asked for. 500 `auth:data_type`.
    #[error("a value of the session's data is of another type")]
    DataType,
    /// A value that can't be JSON. 500 `auth:not_json`.
    #[error("the value can't be written as JSON")]
    NotJson,
    /// A session's first data that is no JSON object. 400 `auth:data_not_object`.
    #[error("the session's data must be a JSON object")]
    DataNotObject,
    /// A key that Passbook keeps for itself: it begins with `passbook:`. 400 `auth:reserved_key`.
    #[error("keys that begin with `passbook:` are reserved")]
    ReservedKey,
    /// All data of the session would be over 64 KiB. 400 `auth:data_too_large`.
    #[error("the session's data would be too large")]
    DataTooLarge,
    /// The JWT was refused, or could not be made. 401 or 500 with its own code.
    #[cfg(feature = "jwt")]
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// A refresh token where an access token belongs, or the other way round. 401
    /// `auth:aud_mismatch`.
    #[cfg(feature = "jwt")]
    #[error("the token is for another purpose")]
    AudienceMismatch,
    /// There is no access token to log out with. 401 `auth:access_missing`.
    #[cfg(feature = "jwt")]
    #[error("the access token is missing")]
    AccessMissing,
    /// There is no refresh token in the header, cookie or query. 401 `auth:refresh_missing`.
    #[cfg(feature = "jwt")]
    #[error("the refresh token is missing")]
    RefreshMissing,
    /// There is no refresh token in the body. 400 `auth:refresh_missing`.
    #[cfg(feature = "jwt")]
    #[error("the refresh token is missing in the body")]
    RefreshMissingInBody,
    /// The body is no JSON object. 400 `auth:body_not_json`.
    #[cfg(feature = "jwt")]
    #[error("the body is no JSON object")]
    BodyNotJson,
    /// The body is over 1 MiB. 413 `auth:body_too_large`.
    #[cfg(feature = "jwt")]
    #[error("the body is too large")]
    BodyTooLarge,
    /// A value is out of its limits. 400 `auth:limit`.
    #[error(transparent)]
    Limit(LimitError),
    /// The ledger can't do it now. 503 `ledger:unavailable`.
    #[error("the session ledger is not available")]
    Unavailable(#[source] LedgerError),
    /// A mistake of Passbook's, or of how it is used. 500 with the ledger's code.
    #[error("internal error")]
    Internal(#[source] LedgerError),
}

impl Error {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::SessionNotFound | Self::ReauthenticationRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::TenantMissing | Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::UnknownSession => StatusCode::NOT_FOUND,
            Self::DataNotObject | Self::ReservedKey | Self::DataTooLarge | Self::Limit(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::MiddlewareMissing
            | Self::Amr(_)
            | Self::DataType
            | Self::NotJson
            | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            #[cfg(feature = "jwt")]
            Self::Jwt(error) => error.status(),
            #[cfg(feature = "jwt")]
            Self::AudienceMismatch | Self::AccessMissing | Self::RefreshMissing => {
                StatusCode::UNAUTHORIZED
            }
            #[cfg(feature = "jwt")]
            Self::RefreshMissingInBody | Self::BodyNotJson => StatusCode::BAD_REQUEST,
            #[cfg(feature = "jwt")]
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "auth:unauthenticated",
            Self::ReauthenticationRequired => "auth:reauthentication_required",
            Self::TenantMissing => "auth:tenant_missing",
            Self::Amr(_) => "auth:amr",
            Self::MiddlewareMissing => "auth:middleware_missing",
            Self::CrossOrigin => "auth:cross_origin",
            Self::SessionNotFound | Self::UnknownSession => "auth:session_not_found",
            Self::DataType => "auth:data_type",
            Self::NotJson => "auth:not_json",
            Self::DataNotObject => "auth:data_not_object",
            Self::ReservedKey => "auth:reserved_key",
            Self::DataTooLarge => "auth:data_too_large",
            Self::Limit(_) => "auth:limit",
            #[cfg(feature = "jwt")]
            Self::Jwt(error) => error.code(),
            #[cfg(feature = "jwt")]
            Self::AudienceMismatch => "auth:aud_mismatch",
            #[cfg(feature = "jwt")]
            Self::AccessMissing => "auth:access_missing",
            #[cfg(feature = "jwt")]
            Self::RefreshMissing | Self::RefreshMissingInBody => "auth:refresh_missing",
            #[cfg(feature = "jwt")]
            Self::BodyNotJson => "auth:body_not_json",
            #[cfg(feature = "jwt")]
            Self::BodyTooLarge => "auth:body_too_large",
            Self::Unavailable(_) => "ledger:unavailable",
            Self::Internal(error) => error.code(),
        }
    }
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

/// The body of RFC 9457; `type` is left out, which stands for `about:blank`.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    status: u16,
    title: &'a str,
    code: &'a str,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            let cause: &dyn std::error::Error = &self;
            tracing::error!(code = self.code(), error = cause);
        }
        let title = self.to_string();
        let problem = Problem { status: status.as_u16(), title: &title, code: self.code() };
        let body = serde_json::to_vec(&problem).expect("three plain fields");
        let kind = HeaderValue::from_static("application/problem+json");
        let stays = HeaderValue::from_static("no-store");
        (status, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, stays)], body)
            .into_response()
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Limit(limit) => Self::Limit(limit),
            LedgerError::ReservedKey => Self::ReservedKey,
            LedgerError::Rejected(passbook::core::Rejection::DataTooLarge { .. }) => {
                Self::DataTooLarge
            }
            LedgerError::CommitIndeterminate(_)
            | LedgerError::Unavailable(_)
            | LedgerError::ReadOnly(_)
            | LedgerError::Closed
            | LedgerError::Entropy(_)
            | LedgerError::Backend(_) => Self::Unavailable(error),
            LedgerError::Rejected(_)
            | LedgerError::NotJson(_)
            | LedgerError::AlreadyDone(_)
            | LedgerError::TooLarge(_)
            | LedgerError::Open(_)
            | LedgerError::Event { .. }
            | LedgerError::Read(_)
            | LedgerError::Snapshot(_)
            | LedgerError::Compact(_)
            | LedgerError::Backup(_)
            | LedgerError::Salvage { .. }
            | LedgerError::Fixture(_)
            | LedgerError::NotRetained { .. }
            | LedgerError::TimeNotRetained { .. }
            | LedgerError::NoTrace { .. }
            | LedgerError::Close(_)
            | LedgerError::Internal(_) => Self::Internal(error),
        }
    }
}
