//! The numbers by which small enums are written. Never used again once released.

use crate::{EndReason, FailureReason, OnReuse, ReuseVerdict, Transport, codec::Why};

macro_rules! coded {
    ($write:ident, $read:ident, $enum:ident, $what:literal, { $($variant:ident = $code:literal,)+ }) => {
        pub(crate) fn $write(value: $enum) -> u8 {
            match value { $($enum::$variant => $code,)+ }
        }

        pub(crate) fn $read(code: u8) -> Result<$enum, Why> {
            match code {
                $($code => Ok($enum::$variant),)+
                _ => Err(Why(format!(concat!("there is no ", $what, " {}"), code))),
            }
        }
    };
}

coded!(of_end_reason, end_reason, EndReason, "end reason", {
    Logout = 1,
    RevokedByUser = 2,
    RevokedByAdmin = 3,
    Replaced = 4,
    Evicted = 5,
    Fingerprint = 6,
    TokenReuse = 7,
    ExpiredIdle = 8,
    ExpiredAbsolute = 9,
    Imported = 10,
    Erased = 11,
});
coded!(of_failure_reason, failure_reason, FailureReason, "failure reason", {
    WrongPassword = 1,
    UnknownUser = 2,
    WrongCredential = 3,
    Denied = 4,
    Other = 5,
});
coded!(of_verdict, verdict, ReuseVerdict, "reuse verdict", {
    Race = 1,
    Refused = 2,
    Ended = 3,
});
coded!(of_on_reuse, on_reuse, OnReuse, "reuse rule", {
    EndSession = 1,
    Refuse = 2,
});
coded!(of_transport, transport, Transport, "transport", {
    Token = 1,
    Cookie = 2,
    Jwt = 3,
    Imported = 4,
});
