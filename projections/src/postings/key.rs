//! Under what an event is found again.

use passbook_core::{
    Event, Fact, SessionId, TokenDigest,
    codec::{About, Glance},
};

/// What an event is found by. Its hash is the CRC-32 of the kind's byte and what is named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// 1: all that is about this session. The id's 16 bytes, big-endian.
    Session(SessionId),
    /// 2: the ends of all sessions of this user. The name.
    AllOf(&'a str),
    /// 3: what handed this token out. The digest's 32 bytes.
    Token(TokenDigest),
    /// 4: the ends of all sessions whose time had come. Nothing.
    Sweep,
    /// 5: policies that came into force. Nothing.
    Policy,
}

impl Key<'_> {
    /// The hash by which it is kept.
    ///
    /// ```
    /// use passbook_projections::postings::Key;
    /// assert_eq!(Key::Sweep.hash(), 0xd56f_2b94);
    /// ```
    pub fn hash(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        match self {
            Self::Session(id) => {
                hasher.update(&[1]);
                hasher.update(&id.as_u128().to_be_bytes());
            }
            Self::AllOf(user) => {
                hasher.update(&[2]);
                hasher.update(user.as_bytes());
            }
            Self::Token(digest) => {
                hasher.update(&[3]);
                hasher.update(digest.as_bytes());
            }
            Self::Sweep => hasher.update(&[4]),
            Self::Policy => hasher.update(&[5]),
        }
        hasher.finalize()
    }
}

/// Under what an event is found again: two keys at most.
pub fn keys_of(event: &Event) -> [Option<Key<'_>>; 2] {
    let fact = &event.fact;
    let key = match Glance::of(event).about {
        About::Policy => Some(Key::Policy),
        About::Session(session) => Some(Key::Session(session)),
        About::Sessions => Some(if let Fact::UserSessionsRevoked { user, .. } = fact {
            Key::AllOf(user)
        } else {
            // What else ends sessions that it does not name ends those whose time has come.
            Key::Sweep
        }),
        About::Nothing => None,
    };
    [key, fact.issued_token().map(Key::Token)]
}
