//! How a user proved who they are.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::{Text, limits::AMR_BYTES_MAX};

/// The methods by which a user proved who they are, as RFC 8176 names them: `pwd`, `otp`, `hwk`.
///
/// At least one, and at most 256 bytes with a space between each two.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Amr(Text);

impl Amr {
    /// Takes the methods in their order.
    ///
    /// # Errors
    /// [`AmrError`] unless there is at least one, each has at least one character and only such as
    /// RFC 8176 registers (ASCII letters and digits, `-`, `_`, `.`, `:`, `/`), and all together have
    /// at most 256 bytes.
    ///
    /// ```
    /// use passbook_core::Amr;
    /// let amr = Amr::new(["pwd", "otp"])?;
    /// assert_eq!(amr.to_string(), "pwd otp");
    /// assert_eq!(amr.methods().collect::<Vec<_>>(), ["pwd", "otp"]);
    /// assert!(Amr::new(["a word"]).is_err());
    /// # Ok::<(), passbook_core::AmrError>(())
    /// ```
    pub fn new(methods: impl IntoIterator<Item: AsRef<str>>) -> Result<Self, AmrError> {
        let mut text = String::new();
        for method in methods {
            if !text.is_empty() {
                text.push(' ');
            }
            let before = text.len();
            text.push_str(method.as_ref());
            let (_, added) = text.split_at(before);
            if added.is_empty() || !added.bytes().all(is_in_a_name) {
                return Err(AmrError);
            }
        }
        if text.is_empty() || text.len() > AMR_BYTES_MAX {
            return Err(AmrError);
        }
        Ok(Self(text.into()))
    }

    /// Reads the methods with one space between each two.
    ///
    /// # Errors
    /// [`AmrError`] as for [`new`](Self::new).
    pub fn parse(text: &str) -> Result<Self, AmrError> {
        Self::new(text.split(' '))
    }

    /// The methods, in their order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// The methods with one space between each two.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_in_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte)
}

impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What was given are no methods of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "authentication methods are names as RFC 8176 has them, at least one and at most \
     {AMR_BYTES_MAX} bytes in all"
)]
pub struct AmrError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names_and_a_limit() {
        let longest = "x".repeat(AMR_BYTES_MAX);
        assert!(Amr::new([&longest]).is_ok());
        assert!(Amr::new([format!("{longest}x")]).is_err());
        for refused in ["", " ", "pwd ", " pwd", "pwd  otp", "p\"wd", "p\\wd", "p\u{fc}", "a\tb"] {
            assert!(Amr::parse(refused).is_err(), "{refused:?}");
        }
        assert_eq!(Amr::parse("pwd otp"), Amr::new(["pwd", "otp"]));
        assert!(Amr::new([""; 0]).is_err());
    }
}
