//! Asking the past: the state at any moment, why a session ended, what another policy would have done.

mod bisect;
mod breakpoint;
mod diff;
mod difference;
mod ending;
mod explain;
mod explanation;
mod fixture;
mod lineage;
mod moment;
mod noting;
mod picker;
mod policies;
mod scan;
mod seek;
mod stepper;
mod trail;
mod what_if;

use passbook_core::{Policy, PolicyInForce, SessionId, Token};
use passbook_journal::Journal;
use passbook_projections::Live;

pub use self::{
    bisect::Bisection,
    breakpoint::Breakpoint,
    diff::{Diff, Moment},
    difference::{Difference, Ended, FieldChange, SessionChange},
    ending::{Cause, Ending},
    explanation::{Explanation, Outlook, Standing},
    fixture::{Fixture, FixtureError, Names, Slice, fixture},
    lineage::{Lineage, LineageToken, Presented, TokenEnd, Use},
    moment::At,
    stepper::{Step, Stepper},
    what_if::{EndOf, Moved, Shift, WhatIf, Why},
};
use crate::{
    as_of::View,
    error::LedgerError,
    ledger::Ledger,
    postings::{Postings, Stretch},
};

/// The past of a ledger, to be asked: with the same fold as production, from the nearest snapshot,
/// the archive and the journal. It reads files and blocks; it changes nothing.
///
/// A ledger in use gives one with [`Ledger::replay`]; for a folder that is only read there is
/// [`over`](Self::over).
///
/// # Two kinds of past
/// `@sequence` is the order in which events were *recorded*. A time means when they *happened*: an
/// event of an import happened before it was recorded. So [`as_of`](Self::as_of) a sequence has the
/// events up to it, and [`as_of`](Self::as_of) a time has all that had happened by then, in the order
/// in which they were recorded, whenever that was. Sessions are judged live or dead at that time.
/// Nothing is recorded before it happened: what a log with a fast clock puts later counts from its
/// recording on. Therefore a snapshot that was taken by then has nothing in it that happened later,
/// and what is behind it is looked through for imports.
///
/// ```
/// use passbook::{At, Ledger, SimClock};
/// # use passbook::{Actor, SessionId, Transport, core::{Act, Command, NewSession, UserId}};
/// # fn import(id: SessionId, user: &str, occurred_at_ms: u64) -> Command {
/// #     let act = Act::Create(NewSession { id, digest: None, user: UserId::new(user).unwrap(),
/// #         is_guest: false, device: None, tenant: None, transport: Transport::Imported,
/// #         lifetime_ms: Some(0), absolute_timeout_ms: None, data: Default::default(),
/// #         replaces: None, sessions_per_user_max: None });
/// #     Command { actor: Actor::Importer, occurred_at_ms: Some(occurred_at_ms), ..Command::new(act) }
/// # }
/// # fn main() -> Result<(), passbook::LedgerError> {
/// let clock = std::sync::Arc::new(SimClock::at_ms(50_000));
/// let ledger = Ledger::builder().clock(clock.clone()).open_blocking()?;
/// ledger.start_login(passbook::Login::new("ann"))?.wait()?; // @2, at 50 s, behind `Opened`
/// clock.set_ms(90_000);
/// // A log is read: bob had logged in at 40 s. It is recorded as @3, at 90 s.
/// let bob = SessionId::from_parts(40_000, 7);
/// ledger.submit(&import(bob, "bob", 40_000))?.wait()?;
///
/// let replay = ledger.replay();
/// let users = |at| Ok::<_, passbook::LedgerError>(
///     replay.as_of(at)?.list_live().into_iter().map(|session| session.user_id.to_string()).collect::<Vec<_>>());
/// assert_eq!(users(At::Sequence(2))?, ["ann"]); // bob was not recorded yet
/// assert_eq!(users(At::Time(45_000))?, ["bob"]); // ann had not logged in yet
/// assert_eq!(users(At::Time(50_000))?, ["bob", "ann"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    journal: &'a dyn Journal,
    /// By which sessions are judged at the head, in Unix milliseconds.
    now_ms: u64,
    /// The tables of a ledger in use.
    live: Option<&'a Live>,
    /// Where the events about a session are, if that is kept.
    postings: Option<&'a Postings>,
}

impl Ledger {
    /// The past of this ledger, up to what is durable when it is asked.
    pub fn replay(&self) -> Replay<'_> {
        let live = Some(&*self.engine.live);
        let postings = self.upkeep.poster.as_ref().map(|poster| &*poster.postings);
        Replay { live, postings, ..Replay::over(&*self.engine.journal, self.now_ms()) }
    }
}

impl<'a> Replay<'a> {
    /// The past of a journal, however it is open. `now_ms`, in Unix milliseconds, is what the clock
    /// says: whether a session has expired is judged by it, or by the last event's time if that is
    /// later.
    pub fn over(journal: &'a dyn Journal, now_ms: u64) -> Self {
        Self { journal, now_ms, live: None, postings: None }
    }

    /// The same, and where to find the events about one session: [`explain`](Self::explain),
    /// [`explain_token`](Self::explain_token) and [`lineage`](Self::lineage) then read those and few
    /// others, and say the same; and [`as_of`](Self::as_of) a time passes over what was recorded later
    /// and is no import from before.
    #[must_use]
    pub fn with_postings(self, postings: &'a Postings) -> Self {
        Self { postings: Some(postings), ..self }
    }

    /// The sequence of the last event; 0 = there is none.
    pub fn head(&self) -> u64 {
        self.journal.durable()
    }

    /// The ledger as it was: see [above](Self#two-kinds-of-past). Costs memory and time as an opening
    /// does, from the nearest snapshot. What was compacted away is told from the archive, if that is
    /// whole, without the data of sessions: [`View::data_of_sessions`].
    ///
    /// At the head its [`fingerprint`](View::fingerprint) is that of the live ledger.
    ///
    /// # Errors
    /// [`LedgerError::NotRetained`] for an event that is not there yet, and for a moment from before
    /// the oldest snapshot once retention has removed the first events; [`LedgerError::Read`] and
    /// [`LedgerError::Event`].
    pub fn as_of(&self, at: At) -> Result<View, LedgerError> {
        moment::view(self, at)
    }

    /// The rules in force after the last event, and since when. Reads no more than it needs for that:
    /// the state is not rebuilt.
    ///
    /// ```
    /// # fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{Ledger, Policy};
    /// let policy = Policy { idle_timeout_ms: 3_600_000, ..Policy::default() };
    /// let ledger = Ledger::builder().policy(policy).open_blocking()?;
    /// let in_force = ledger.replay().policy()?;
    /// assert_eq!((in_force.policy, in_force.since_sequence), (policy, 2)); // behind `Opened`
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::NotRetained`] if no event and no snapshot that is kept says which;
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn policy(&self) -> Result<PolicyInForce, LedgerError> {
        let (sequence, first) = (self.head(), self.journal.extent().kept_first);
        let policy = policies::policy_before(self, sequence.saturating_add(1))?;
        policy.ok_or(LedgerError::NotRetained { sequence, first })
    }

    /// Why the session is dead, or what would end it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{EndReason, Ledger, Standing};
    /// let ledger = Ledger::memory()?;
    /// let login = ledger.create("ann").await?;
    /// ledger.revoke(&login.token).await?;
    /// let explanation = ledger.replay().explain(login.id)?;
    /// let Standing::Dead(ending) = &explanation.standing else { panic!("it was ended") };
    /// assert_eq!((ending.reason, ending.sequence()), (EndReason::Logout, Some(3)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::NoTrace`] if no login of that session is kept, with the range that is;
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn explain(&self, session: SessionId) -> Result<Explanation, LedgerError> {
        explain::explain(self, session, None)
    }

    /// The same, as it stood at an earlier moment.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn explain_at(&self, session: SessionId, at: At) -> Result<Explanation, LedgerError> {
        explain::explain(self, session, Some(at))
    }

    /// The same for the session to whose lineage the token belongs, or belonged when it lived.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn explain_token(&self, token: &Token) -> Result<Explanation, LedgerError> {
        self.explain(seek::session_of(self, &token.digest())?)
    }

    /// The chain of the session's tokens, and who showed which of them when. As it stood at an earlier
    /// moment it is [`Lineage::from`] what [`explain_at`](Self::explain_at) says.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// let ledger = passbook::Ledger::memory()?;
    /// let login = ledger.create("ann").await?;
    /// let second = ledger.refresh(&login.token).await?.expect("it lives");
    /// let lineage = ledger.replay().lineage(login.id)?;
    /// let generations: Vec<_> = lineage.tokens.iter().map(|token| token.generation).collect();
    /// assert_eq!((generations, lineage.live().expect("one").generation), (vec![1, 2], 2));
    /// # drop(second);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn lineage(&self, session: SessionId) -> Result<Lineage, LedgerError> {
        self.explain(session).map(Lineage::from)
    }

    /// A place between two events, to go on from event by event, forwards and back. Stepping goes in
    /// the order of recording: a time is the place behind all that was recorded by then.
    ///
    /// # Errors
    /// As [`as_of`](Self::as_of).
    pub fn step_from(&self, at: At) -> Result<Stepper<'a>, LedgerError> {
        Stepper::new(*self, at)
    }

    /// The first event after which `holds` is true of the state, for a question that stays true once
    /// it is: else it is some event after which it is true and before which it is not. It looks at
    /// O(log n) states, and folds each event twice at most.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// let ledger = passbook::Ledger::memory()?;
    /// for user in ["ann", "bob", "cas"] {
    ///     ledger.create(user).await?;
    /// }
    /// let crowded = ledger.replay().bisect(|view| view.len() >= 2)?;
    /// assert_eq!(crowded.first, Some(3));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn bisect(&self, mut holds: impl FnMut(&View) -> bool) -> Result<Bisection, LedgerError> {
        bisect::bisect(self, &mut holds)
    }

    /// What differs between a moment and a later one: sessions that opened, ended and changed. Those
    /// that opened and ended in between are in neither. Two sequences, or two times, may come in
    /// either order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{At, EndReason, Ledger};
    /// let ledger = Ledger::memory()?;
    /// let ann = ledger.create("ann").await?;
    /// let before = ledger.sequence();
    /// ledger.create("bob").await?;
    /// ledger.revoke(&ann.token).await?;
    /// let diff = ledger.replay().diff(At::Sequence(before), At::Sequence(ledger.sequence()))?;
    /// assert_eq!(diff.difference.opened.len(), 1);
    /// assert_eq!(diff.difference.ended[0].ending.reason, EndReason::Logout);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`as_of`](Self::as_of).
    pub fn diff(&self, from: At, to: At) -> Result<Diff, LedgerError> {
        diff::diff(self, from, to)
    }

    /// What the past would have been under another policy since the one in force was set: exactly
    /// which sessions would have ended earlier, later or not at all, and why. With the policy in
    /// force it is nothing.
    ///
    /// # What is counted
    /// The acts of the record are taken as they were, at their times, and are decided again:
    /// - Timeouts that were the policy's are the other policy's; those that a login, a refresh or an
    ///   import brought along stay. A timeout that is the same as the policy's counts as the
    ///   policy's.
    /// - A refresh, a touch or an upgrade of a session that would have been dead by then would have
    ///   been refused: it extends nothing. That its user would then have logged in again is not
    ///   invented.
    /// - A login, and a guest's upgrade, ends the least recently active sessions beyond the other
    ///   limit, among those that would have been live; unless the record shows that the login came
    ///   with a limit of its own.
    /// - A spent token is judged by the other race window and the other `on_reuse`.
    /// - What somebody asked for, a logout or the end of all sessions of a user, ends what would have
    ///   been live. The end of all but one would have been refused if that one had been dead.
    /// - A session that would have outlived its recorded end has no acts after it, and ends when its
    ///   timeout comes: later use, which nobody recorded, might have extended it.
    /// - The replay window changes no end and is not looked at.
    /// - Sessions that were live when the span began are taken over: with the other timeouts if they
    ///   had those of the policy in force then, but not to end before the span.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{Ledger, Moved, Policy, SimClock};
    /// let clock = std::sync::Arc::new(SimClock::at_ms(1_000_000));
    /// let ledger = Ledger::builder().clock(clock.clone()).open_blocking()?;
    /// let login = ledger.create("ann").await?;
    /// clock.advance_ms(20 * 60_000); // twenty minutes of silence
    /// ledger.touch(&login.token).await?;
    /// let short = Policy { idle_timeout_ms: 15 * 60_000, ..Policy::default() };
    /// let what_if = ledger.replay().what_if(&short)?;
    /// assert_eq!(what_if.shifts[0].moved(), Moved::Earlier);
    /// assert_eq!(what_if.shifts[0].other.expect("dead").at_ms, 1_000_000 + 15 * 60_000);
    /// assert!(ledger.replay().what_if(&Policy::default())?.shifts.is_empty());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`as_of`](Self::as_of), for the moment before the span.
    pub fn what_if(&self, policy: &Policy) -> Result<WhatIf, LedgerError> {
        what_if::what_if(self, policy, None)
    }

    /// The same from the event `from` on, whatever policies were in force since.
    ///
    /// # Errors
    /// As [`what_if`](Self::what_if).
    pub fn what_if_since(&self, policy: &Policy, from: u64) -> Result<WhatIf, LedgerError> {
        what_if::what_if(self, policy, Some(from))
    }

    /// Splits these events where the postings know and don't know what is in them.
    fn stretches(&self, from: u64, through: u64) -> Vec<Stretch<'a>> {
        match self.postings {
            Some(postings) => postings.stretches(self.journal, (from, through)),
            None if from > through => Vec::new(),
            None => vec![Stretch::unknown(from, through)],
        }
    }

    /// The clock's time, or that of the last event, if that is later.
    fn judged_at_ms(&self, last_at_ms: u64) -> u64 {
        self.now_ms.max(last_at_ms)
    }
}
