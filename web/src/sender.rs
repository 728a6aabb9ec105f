//! Who sent a request, as the session layers found out.

use std::borrow::Cow;

use http::Extensions;

use crate::{
    problem::{Error, Result},
    session_data::SessionData,
};

/// Who sent a request.
#[expect(clippy::large_enum_variant, reason = "it is made and taken apart in one place")]
pub(crate) enum Sender<'r> {
    /// Whoever has this session.
    Session(Cow<'r, SessionData>),
    /// Whoever a valid access token names; its session was not looked at.
    Token,
    /// Nobody that we know.
    Nobody,
}

impl<'r> Sender<'r> {
    /// Of a request with these extensions. A token counts before a cookie: the layer that asks for one
    /// lets nobody else pass, and a browser sends a cookie unasked.
    ///
    /// # Errors
    /// [`Error::MiddlewareMissing`] if neither of the layers saw the request.
    pub(crate) fn of(extensions: &'r Extensions) -> Result<Self> {
        if let Some(session) = extensions.get() {
            return Ok(Self::Session(Cow::Borrowed(session)));
        }
        if has_token(extensions) {
            return Ok(Self::Token);
        }
        let session = extensions.get::<crate::Session>().ok_or(Error::MiddlewareMissing)?;
        let current = session.current().map(Cow::Owned);
        Ok(current.map_or(Self::Nobody, Self::Session))
    }
}

#[cfg(feature = "jwt")]
fn has_token(extensions: &Extensions) -> bool {
    extensions.get::<crate::jwt::Claims>().is_some()
}

#[cfg(not(feature = "jwt"))]
fn has_token(_extensions: &Extensions) -> bool {
    false
}
