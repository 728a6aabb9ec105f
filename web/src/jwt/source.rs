//! Where in a request a token is.

use std::borrow::Cow;

use cookie::Cookie;
use http::{HeaderMap, HeaderName, Uri, header};
use serde::Deserialize;

use super::config::ConfigError;

/// Where a request carries a token. In a configuration it is tagged by `kind`.
///
/// ```
/// use passbook_axum::jwt::TokenSourceConfig;
/// let source: TokenSourceConfig = serde_json::from_str(r#"{ "kind": "cookie", "name": "at" }"#)?;
/// assert_eq!(source, TokenSourceConfig::Cookie { name: "at".to_owned() });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Tagged")]
pub enum TokenSourceConfig {
    /// `Authorization: Bearer …` (RFC 6750, section 2.1); the scheme in any case.
    Bearer,
    /// A cookie of that name. A browser sends it along whoever asks it to:
    /// [`CrossOriginLayer`](crate::CrossOriginLayer) belongs around such routes.
    Cookie {
        /// The cookie's name: a token of RFC 9110.
        name: String,
    },
    /// A header of that name; its whole value is the token.
    Header {
        /// The header's name.
        name: String,
    },
    /// A parameter in the URL's query. Such a token ends up in logs and in histories.
    Query {
        /// The parameter's name.
        name: String,
    },
    /// A field of a JSON object in the body. Not for access tokens.
    Body {
        /// The field's name.
        field: String,
    },
}

/// The same as it is written. Serde lets a bare variant have fields that nobody knows; braces make it
/// refuse them.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Tagged {
    Bearer {},
    Cookie { name: String },
    Header { name: String },
    Query { name: String },
    Body { field: String },
}

impl From<Tagged> for TokenSourceConfig {
    fn from(tagged: Tagged) -> Self {
        match tagged {
            Tagged::Bearer {} => Self::Bearer,
            Tagged::Cookie { name } => Self::Cookie { name },
            Tagged::Header { name } => Self::Header { name },
            Tagged::Query { name } => Self::Query { name },
            Tagged::Body { field } => Self::Body { field },
        }
    }
}

impl TokenSourceConfig {
    /// The token of a request with these headers and that target; of several the first. `None`: there
    /// is none, or it is in the body.
    pub(super) fn token_in<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Option<Cow<'r, str>> {
        match self {
            Self::Bearer => {
                let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
                let (scheme, token) = value.split_once(' ')?;
                let token = token.trim_start_matches(' ');
                let is_bearer = scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty();
                is_bearer.then_some(token.into())
            }
            Self::Cookie { name } => {
                let headers = headers.get_all(header::COOKIE).iter();
                let texts = headers.filter_map(|value| value.to_str().ok());
                let mut cookies = texts.flat_map(Cookie::split_parse).filter_map(Result::ok);
                let found = cookies.find(|cookie| cookie.name() == name)?;
                Some(found.value().to_owned().into())
            }
            Self::Header { name } => Some(headers.get(name)?.to_str().ok()?.into()),
            Self::Query { name } => {
                let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
                pairs.find(|(key, _)| key == name).map(|(_, value)| value)
            }
            Self::Body { .. } => None,
        }
    }

    /// Whether such a request can be.
    pub(super) fn check(&self, field: &'static str) -> Result<(), ConfigError> {
        let wrong = |part, must| Err(ConfigError::new(format!("{field}.{part}"), must));
        match self {
            Self::Bearer => Ok(()),
            // A cookie's name and a header's have the same grammar: RFC 6265, section 4.1.1.
            Self::Cookie { name } if name.parse::<HeaderName>().is_err() => {
                wrong("name", "must be letters, digits and -_.")
            }
            Self::Header { name } if name.parse::<HeaderName>().is_err() => {
                wrong("name", "must be letters, digits and -_.")
            }
            Self::Query { name } if name.is_empty() => {
                wrong("name", "must have at least one character")
            }
            Self::Body { field } if field.is_empty() => {
                wrong("field", "must have at least one character")
            }
            Self::Cookie { .. } | Self::Header { .. } | Self::Query { .. } | Self::Body { .. } => {
                Ok(())
            }
        }
    }
}
