//! What was handed to a ledger and what it acknowledged: the one thing that a recovery is held
//! against.
//!
//! It is filled by a [`Tap`](super::Tap), which stands between a ledger and its journal, so it hears
//! bytes and promises, and shares no code with what it judges but the fold of one event.

use std::collections::BTreeMap;

use passbook::{
    Token,
    core::{Fact, State, TokenDigest, apply, codec, state_fingerprint},
    journal::{CHAIN_START, Group, leaf_of, link_of},
};

use crate::op::token;

/// What the records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Any bytes: the state after each is a chain over all.
    Opaque,
    /// Events of sessions.
    Sessions,
}

/// One record that the journal took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The time of its group.
    pub time_ms: u64,
    /// Whether it is the first of its group.
    pub group_first: bool,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// All that was submitted, in order, and how much of it was acknowledged.
#[derive(Debug, Clone)]
pub struct Truth {
    /// What the records are.
    pub content: Content,
    /// Every record that the journal took, from the first on.
    pub sent: Vec<Sent>,
    /// Records that the journal said are durable, or that an answer told of.
    pub acked: u64,
    /// Records of before this moment may have fallen to the retention.
    pub retained_before_ms: u64,
    tokens: BTreeMap<[u8; 32], u64>,
}

impl Truth {
    /// Of an empty ledger, whose tokens are the first so many of [`token`].
    pub fn new(content: Content, tokens: u64) -> Self {
        let tokens = (1..=tokens).map(|number| (*token(number).digest().as_bytes(), number));
        let tokens = tokens.collect();
        Self { content, sent: Vec::new(), acked: 0, retained_before_ms: 0, tokens }
    }

    /// Records submitted.
    pub fn submitted(&self) -> u64 {
        u64::try_from(self.sent.len()).expect("few records")
    }

    /// The record of that sequence.
    pub fn record(&self, sequence: u64) -> Option<&Sent> {
        self.sent.get(usize::try_from(sequence).ok()?.checked_sub(1)?)
    }

    /// The journal took a group.
    pub fn take(&mut self, group: &Group<'_>) {
        for (index, payload) in group.payloads.iter().enumerate() {
            let (time_ms, payload) = (group.time_ms, payload.bytes.to_vec());
            self.sent.push(Sent { time_ms, group_first: index == 0, payload });
        }
    }

    /// An answer or the journal said that all up to this one is durable.
    pub fn acknowledge(&mut self, through: u64) {
        self.acked = self.acked.max(through);
    }

    /// A new process found this many records; what it serves is as good as acknowledged.
    ///
    /// # Errors
    /// What was lost or invented.
    pub fn reopened(&mut self, found: u64) -> Result<(), String> {
        self.check_extent(found)?;
        self.sent.truncate(usize::try_from(found).map_err(|error| error.to_string())?);
        self.acked = found;
        Ok(())
    }

    /// Acknowledged, recovered and submitted are in this order, and no group is torn.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_extent(&self, found: u64) -> Result<(), String> {
        let (acked, submitted) = (self.acked, self.submitted());
        if found < acked || found > submitted {
            return Err(format!("{acked} acknowledged, {found} found, {submitted} submitted"));
        }
        if self.record(found + 1).is_some_and(|next| !next.group_first) {
            return Err(format!("@{found} is in the middle of a group"));
        }
        Ok(())
    }

    /// Whether a record's bytes outlive its segment.
    pub fn is_kept_whole(&self, sequence: u64) -> bool {
        match (self.content, self.record(sequence)) {
            (_, None) => false,
            (Content::Opaque, Some(_)) => !sequence.is_multiple_of(3),
            (Content::Sessions, Some(sent)) => {
                let event = codec::decode(&sent.payload).expect("what was submitted is an event");
                !matches!(event.fact, Fact::DataSet { .. } | Fact::DataRemoved { .. })
            }
        }
    }

    fn number_of(&self, digest: &TokenDigest) -> Option<u64> {
        self.tokens.get(digest.as_bytes()).copied()
    }

    /// The tokens that it knows.
    pub fn tokens(&self) -> impl Iterator<Item = (u64, Token)> {
        self.tokens.values().map(|number| (*number, token(*number)))
    }
}

/// What must be so after one record.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// The state's digest.
    pub state: [u8; 32],
    /// Tokens that open a session, with when it expires.
    pub live: BTreeMap<u64, u64>,
}

/// What must be told of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// A session began.
    Login,
    /// A session ended.
    End,
    /// A login failed.
    Failure,
}

/// What must be so after each record, and what each must leave in the history.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// By sequence; the first is of an empty ledger.
    pub points: Vec<Point>,
    /// What the history must have.
    pub audit: Vec<Line>,
}

/// A line of a user's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The event that it tells of.
    pub sequence: u64,
    /// The event that it can't be told without: of an end, the login.
    pub since: u64,
    /// Whose history.
    pub user: String,
    /// What it tells.
    pub what: Audit,
}

impl Course {
    /// Follows all that was submitted.
    pub fn of(truth: &Truth) -> Self {
        match truth.content {
            Content::Opaque => Self::of_bytes(truth),
            Content::Sessions => Self::of_sessions(truth),
        }
    }

    fn of_bytes(truth: &Truth) -> Self {
        let mut state = CHAIN_START;
        let mut course = Self { points: vec![Point { state, ..Point::default() }], audit: vec![] };
        for (sequence, sent) in (1..).zip(&truth.sent) {
            state = link_of(&state, sequence, &[leaf_of(&sent.payload)]);
            course.points.push(Point { state, ..Point::default() });
        }
        course
    }

    fn of_sessions(truth: &Truth) -> Self {
        let mut state = State::new();
        let mut course = Self { points: vec![point(truth, &state)], audit: Vec::new() };
        let mut logins = BTreeMap::new();
        for (sequence, sent) in (1..).zip(&truth.sent) {
            let event = codec::decode(&sent.payload).expect("what was submitted is an event");
            let before = state.clone();
            apply(&mut state, sequence, &event);
            if let Fact::SessionCreated { subject, .. } = &event.fact {
                logins.insert(subject.session, sequence);
            }
            let gone = before.iter().filter(|old| state.iter().all(|new| new.id() != old.id()));
            for gone in gone {
                let since = logins.get(&gone.id()).copied().expect("it began");
                course.note(sequence, since, &gone.session.user_id, Audit::End);
            }
            course.note_named(sequence, &event.fact);
            course.points.push(point(truth, &state));
        }
        course
    }

    fn note_named(&mut self, sequence: u64, fact: &Fact) {
        if let Fact::SessionCreated { subject, .. } = fact {
            self.note(sequence, sequence, &subject.user, Audit::Login);
        }
        if let Fact::LoginFailed { user: Some(user), .. } = fact {
            self.note(sequence, sequence, user, Audit::Failure);
        }
    }

    fn note(&mut self, sequence: u64, since: u64, user: &str, what: Audit) {
        self.audit.push(Line { sequence, since, user: user.to_owned(), what });
    }
}

fn point(truth: &Truth, state: &State) -> Point {
    let live = state.iter().filter_map(|state| {
        let number = truth.number_of(state.digest.as_ref()?)?;
        Some((number, state.session.expires_at_ms))
    });
    Point { state: state_fingerprint(state), live: live.collect() }
}
