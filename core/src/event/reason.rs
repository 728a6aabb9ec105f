//! Why things happened: small sets of names, each written the same way everywhere.

use std::fmt;

use serde::Serialize;

macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of its definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name by which it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

named_enum!(
    /// Why a session ended.
    EndReason {
        /// Its user logged out.
        Logout = "logout",
        /// Its user ended it from elsewhere.
        RevokedByUser = "revoked_by_user",
        /// An operator ended it.
        RevokedByAdmin = "revoked_by_admin",
        /// A new login of the same browser took its place.
        Replaced = "replaced",
        /// A new login went over the limit of sessions a user.
        Evicted = "evicted",
        /// The browser's fingerprint changed.
        Fingerprint = "fingerprint",
        /// A spent token was shown.
        TokenReuse = "token_reuse",
        /// Nobody refreshed or touched it in time.
        ExpiredIdle = "expired_idle",
        /// Its absolute timeout came.
        ExpiredAbsolute = "expired_absolute",
        /// It came from an import that ended it without saying why.
        Imported = "imported",
        /// Its user was erased.
        Erased = "erased",
    }
);

impl EndReason {
    /// Whether it was time that ended the session, and nobody's act.
    pub fn is_expiry(self) -> bool {
        match self {
            Self::ExpiredIdle | Self::ExpiredAbsolute => true,
            Self::Logout
            | Self::RevokedByUser
            | Self::RevokedByAdmin
            | Self::Replaced
            | Self::Evicted
            | Self::Fingerprint
            | Self::TokenReuse
            | Self::Imported
            | Self::Erased => false,
        }
    }
}

named_enum!(
    /// Why a login failed.
    FailureReason {
        /// The user exists, the password does not match.
        WrongPassword = "wrong_password",
        /// There is no such user.
        UnknownUser = "unknown_user",
        /// A key, a code or another factor did not match.
        WrongCredential = "wrong_credential",
        /// The user may not log in now.
        Denied = "denied",
        /// Anything else.
        Other = "other",
    }
);

named_enum!(
    /// What was made of a spent token.
    ReuseVerdict {
        /// Within the race window: refused, the session lives on.
        Race = "race",
        /// Later, and the policy says refuse: the session lives on.
        Refused = "refused",
        /// Later, and the policy says end: the session ended with this event.
        Ended = "ended",
    }
);
