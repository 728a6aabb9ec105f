//! A slice of the past as one text file, which opens as a ledger in a test.

mod error;
mod gather;
mod journal;
mod line;
mod read;
mod scope;
mod veil;
mod write;

use std::{ops::RangeInclusive, sync::Arc};

use passbook_core::{PolicyInForce, SessionId, Text, Token, snapshot::SessionRecord};
use passbook_journal::Journal;
use passbook_projections::history::Recorded;

pub use self::error::FixtureError;
use self::{gather::Gathered, journal::FixtureJournal, veil::Veil};
use super::Replay;
use crate::{error::LedgerError, ledger::Ledger, ports::SimClock};

/// The schema of the file.
pub(crate) const FIXTURE_SCHEMA: &str = "passbook.fixture/1";
/// The last sequence, and the last time in Unix milliseconds, that a fixture may name: what a number
/// of JSON holds exactly everywhere.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What a fixture is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// One session, with those of its user that lived beside it.
    Session(SessionId),
    /// All sessions that a user ever had, and the failed logins.
    User(Text),
    /// What these events tell, with all sessions of the users that they name that lived then.
    Span(RangeInclusive<u64>),
}

/// Whose names stand in a fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Numbered ones: see [`Fixture`](Fixture#what-is-replaced).
    Pseudonyms,
    /// The real ones, and the real digests of tokens.
    Real,
}

/// A slice of a ledger's past: the events of some sessions and what these stand on, whole enough to
/// be asked as the ledger was.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// use passbook::{EndReason, Fixture, Ledger, Names, Slice};
/// let ledger = Ledger::memory()?;
/// let login = ledger.create("ann").await?;
/// ledger.create("bob").await?;
/// ledger.revoke(&login.token).await?;
/// let fixture = ledger.replay().fixture(&Slice::Session(login.id), Names::Pseudonyms)?;
/// let incident = fixture.to_string(); // `passbook replay fixture` writes it into a file
///
/// // In a test: include_bytes!("incident.passbook")
/// let ledger = passbook::fixture(incident.as_bytes())?;
/// let session = Fixture::parse(incident.as_bytes())?.session().expect("it is of one");
/// let explanation = ledger.replay().explain(session)?;
/// assert_eq!(explanation.ending().expect("dead").reason, EndReason::Logout);
/// assert_eq!(explanation.session.user_id, "user-1");
/// assert!(!incident.contains("ann") && !incident.contains("bob"));
/// # Ok(()) }
/// ```
///
/// # What it answers
/// For the sessions in it, what the ledger answered when the fixture was made: the reasons, times,
/// generations and causes of their ends, their state at each sequence and each time, what an event
/// changed. Events keep their sequences, so it has gaps where others were; the clock stands at the
/// moment of its making. `what_if` is told for a user's whole slice as it was told of the ledger; in
/// one session's, sessions that ended before its login are missing, which another policy might have
/// kept alive. Counts over all users (`ended` of a sweep) are the ledger's.
///
/// Nothing can be written to it: [`LedgerError::ReadOnly`].
///
/// # What is replaced
/// Users, organisations, devices, user agents, hosts, operators, notes, idempotency keys, bookmarks,
/// keys and values of session data become a word and a number: `user-1` is the same user
/// everywhere. Addresses become `10.0.n.m` and `fd00::n:0:0:0:m`, with the same n for the same /24
/// or /64. Ids keep their time and their order, and get a number in place of their random part.
/// Digests of tokens become those of [numbered tokens](Self::token). Numbers are given in the order
/// of appearance, so no name can be computed back and the same slice gives the same file.
///
/// What stays: times, sequences, kinds, reasons, policies, counts, generations, versions, methods of
/// step-ups, transports.
///
/// # The file
/// JSON Lines: a header, the sessions of the base if there is one, the events, and a last line with
/// the count and the SHA-256 of those before it. A time that never comes is `null`. `joined` marks an
/// event that was written in one group with the event before it. A `Bookmark` called
/// `another session's event` stands for an event that is left out, where it tells the time: a session
/// expired between the events around it, or a policy came behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    of: Slice,
    names: Names,
    /// When it was made, in Unix milliseconds.
    judged_at_ms: u64,
    /// The first event of the ledger that was kept.
    kept_first: u64,
    head: u64,
    base: Option<Base>,
    events: Vec<Kept>,
}

/// The state from which on events are whole: where older ones were compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    sequence: u64,
    at_ms: u64,
    policy: PolicyInForce,
    sessions: Vec<SessionRecord>,
}

/// An event of the slice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    recorded: Recorded,
    /// It was written in one group with the event before it.
    is_joined: bool,
}

impl Replay<'_> {
    /// A slice of this past that stands on its own, to be kept and opened in a test.
    ///
    /// # Errors
    /// [`LedgerError::NoTrace`] if nothing of the session or the user is kept; as
    /// [`as_of`](Self::as_of) for the moment before a span.
    pub fn fixture(&self, slice: &Slice, names: Names) -> Result<Fixture, LedgerError> {
        let Gathered { base, events, kept_first, head, last_at_ms } = scope::gathered(self, slice)?;
        let judged_at_ms = self.judged_at_ms(last_at_ms);
        let of = slice.clone();
        let fixture = Fixture { of, names, judged_at_ms, kept_first, head, base, events };
        Ok(match names {
            Names::Real => fixture,
            Names::Pseudonyms => Veil::over(&fixture).fixture(fixture),
        })
    }
}

/// Opens the bytes of a fixture as a ledger.
///
/// # Errors
/// [`LedgerError::Fixture`] says what is wrong with them, and where.
pub fn fixture(bytes: &[u8]) -> Result<Ledger, LedgerError> {
    Fixture::parse(bytes)?.open()
}

impl Fixture {
    /// Reads the bytes of a fixture.
    ///
    /// # Errors
    /// [`FixtureError`] says what is wrong with them, and where.
    pub fn parse(bytes: &[u8]) -> Result<Self, FixtureError> {
        read::read(bytes)
    }

    /// The ledger that it is, with a clock that stands at the moment of its making.
    ///
    /// # Errors
    /// As [`Builder::open_blocking`](crate::Builder::open_blocking).
    pub fn open(&self) -> Result<Ledger, LedgerError> {
        let builder = Ledger::builder().journal(self.journal());
        let builder = builder.clock(Arc::new(SimClock::at_ms(self.judged_at_ms)));
        builder.sweep_interval(None).compaction(None).open_blocking()
    }

    /// Its events as a journal that is only read: for a [`Builder`](crate::Builder) with a clock of
    /// its own, or for [`Replay::over`].
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(FixtureJournal::of(self))
    }

    /// What it is of; under its pseudonym, if it has any.
    pub fn of(&self) -> &Slice {
        &self.of
    }

    /// The session that it is of, if it is of one.
    pub fn session(&self) -> Option<SessionId> {
        match self.of {
            Slice::Session(session) => Some(session),
            Slice::User(_) | Slice::Span(_) => None,
        }
    }

    /// Whose names stand in it.
    pub fn names(&self) -> Names {
        self.names
    }

    /// When it was made, in Unix milliseconds: sessions are judged by it.
    pub fn judged_at_ms(&self) -> u64 {
        self.judged_at_ms
    }

    /// The sequence of the last event of the ledger that was looked at.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Its events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Recorded> {
        self.events.iter().map(|kept| &kept.recorded)
    }

    /// The sessions in it, in the order of ids.
    pub fn sessions(&self) -> Vec<SessionId> {
        let of_base = self.base.iter().flat_map(|base| &base.sessions).map(|(state, _)| state.id());
        let of_events =
            self.events().filter_map(|it| it.event.fact.subject()).map(|subject| subject.session);
        let mut sessions: Vec<_> = of_base.chain(of_events).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// The token that stands in for a real one under that number: a test can show it to the ledger.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// # use passbook::{Fixture, Ledger, Names, Slice};
    /// let ledger = Ledger::memory()?;
    /// let login = ledger.create("ann").await?;
    /// ledger.refresh(&login.token).await?;
    /// let fixture = ledger.replay().fixture(&Slice::Session(login.id), Names::Pseudonyms)?;
    /// let ledger = fixture.open()?;
    /// assert!(ledger.is_spent(&Fixture::token(1)));
    /// assert_eq!(ledger.session(&Fixture::token(2)).expect("live").user_id, "user-1");
    /// # Ok(()) }
    /// ```
    pub fn token(number: u64) -> Token {
        let mut bytes = [0; 32];
        let digits = number.to_be_bytes();
        bytes.iter_mut().rev().zip(digits.iter().rev()).for_each(|(to, from)| *to = *from);
        Token::from_random_bytes(bytes)
    }
}
