//! What cookies are signed with.

use std::fmt;

use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret that cookies are signed with. It is redacted in `Debug` and wiped on drop.
///
/// ```
/// use passbook_axum::CookieSecret;
/// let secret = CookieSecret::from("0123456789abcdef".repeat(4));
/// assert_eq!(format!("{secret:?}"), "CookieSecret(redacted)");
/// ```
#[derive(Clone, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct CookieSecret(String);

impl CookieSecret {
    /// The bytes, to sign with.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<String> for CookieSecret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl From<&str> for CookieSecret {
    fn from(secret: &str) -> Self {
        Self(secret.to_owned())
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret(redacted)")
    }
}
