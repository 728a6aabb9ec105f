//! What is asked of every fact: its name, and which session, token and user it is about.

use super::{Fact, Subject};
use crate::{TokenDigest, UserId};

impl Fact {
    /// The name of this kind of event, as it is written everywhere.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "Opened",
            Self::PolicySet { .. } => "PolicySet",
            Self::SessionCreated { .. } => "SessionCreated",
            Self::SessionRefreshed { .. } => "SessionRefreshed",
            Self::SessionReauthenticated { .. } => "SessionReauthenticated",
            Self::SessionUpgraded { .. } => "SessionUpgraded",
            Self::SessionRevoked { .. } => "SessionRevoked",
            Self::UserSessionsRevoked { .. } => "UserSessionsRevoked",
            Self::SessionsExpired { .. } => "SessionsExpired",
            Self::DeviceSet { .. } => "DeviceSet",
            Self::TenantSet { .. } => "TenantSet",
            Self::DataSet { .. } => "DataSet",
            Self::DataRemoved { .. } => "DataRemoved",
            Self::SessionTouched { .. } => "SessionTouched",
            Self::TokenReuseDetected { .. } => "TokenReuseDetected",
            Self::LoginFailed { .. } => "LoginFailed",
            Self::Bookmark { .. } => "Bookmark",
            Self::Compacted { .. } => "Compacted",
            Self::Salvaged { .. } => "Salvaged",
        }
    }

    /// The session that it is about, if it is about one.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::SessionCreated { subject, .. }
            | Self::SessionRefreshed { subject, .. }
            | Self::SessionReauthenticated { subject, .. }
            | Self::SessionUpgraded { subject, .. }
            | Self::SessionRevoked { subject, .. }
            | Self::DeviceSet { subject, .. }
            | Self::TenantSet { subject, .. }
            | Self::DataSet { subject, .. }
            | Self::DataRemoved { subject, .. }
            | Self::SessionTouched { subject, .. }
            | Self::TokenReuseDetected { subject, .. } => Some(subject),
            Self::Opened { .. }
            | Self::PolicySet { .. }
            | Self::UserSessionsRevoked { .. }
            | Self::SessionsExpired { .. }
            | Self::Compacted { .. }
            | Self::LoginFailed { .. }
            | Self::Bookmark { .. }
            | Self::Salvaged { .. } => None,
        }
    }

    /// The digest of the token that it hands out, if it does.
    pub fn issued_token(&self) -> Option<TokenDigest> {
        match self {
            Self::SessionCreated { digest, .. } => *digest,
            Self::SessionRefreshed { digest, .. } | Self::SessionReauthenticated { digest, .. } => {
                Some(*digest)
            }
            Self::SessionUpgraded { rotated, .. } => rotated.map(|(digest, _)| digest),
            Self::Opened { .. }
            | Self::PolicySet { .. }
            | Self::SessionRevoked { .. }
            | Self::UserSessionsRevoked { .. }
            | Self::SessionsExpired { .. }
            | Self::Compacted { .. }
            | Self::DeviceSet { .. }
            | Self::TenantSet { .. }
            | Self::DataSet { .. }
            | Self::DataRemoved { .. }
            | Self::SessionTouched { .. }
            | Self::TokenReuseDetected { .. }
            | Self::LoginFailed { .. }
            | Self::Bookmark { .. }
            | Self::Salvaged { .. } => None,
        }
    }

    /// The user that it is about, if it is about one.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::UserSessionsRevoked { user, .. } => Some(user),
            Self::LoginFailed { user, .. } => user.as_ref(),
            Self::Opened { .. }
            | Self::PolicySet { .. }
            | Self::SessionCreated { .. }
            | Self::SessionRefreshed { .. }
            | Self::SessionReauthenticated { .. }
            | Self::SessionUpgraded { .. }
            | Self::SessionRevoked { .. }
            | Self::SessionsExpired { .. }
            | Self::Compacted { .. }
            | Self::DeviceSet { .. }
            | Self::TenantSet { .. }
            | Self::DataSet { .. }
            | Self::DataRemoved { .. }
            | Self::SessionTouched { .. }
            | Self::TokenReuseDetected { .. }
            | Self::Bookmark { .. }
            | Self::Salvaged { .. } => self.subject().map(|subject| &subject.user),
        }
    }
}
