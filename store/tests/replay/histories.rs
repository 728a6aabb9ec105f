//! Random histories as a ledger makes them, imports of old logs among them.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use passbook::{
    Actor, CompactionPolicy, EndReason, FailureReason, Ledger, OnReuse, Policy, Recorded,
    SessionId, SimClock, Token, Transport,
    core::{
        Act, Command, DataKey, DeviceLabel, NewSession, Origin, SessionRef, State, TokenDigest,
        UserId, WholeState as _, apply,
    },
    journal::{Journal, Options},
};
use proptest::prelude::*;

pub(crate) const START_MS: u64 = 1_795_132_800_000;
pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const USERS: [&str; 3] = ["ann", "bob", "cas"];

/// One thing that happens: what, and two numbers to choose with.
pub(crate) type Wish = (u8, u8, u8);

pub(crate) fn wishes(count: usize) -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec((0..27_u8, any::<u8>(), any::<u8>()), 1..count)
}

/// A ledger, and what drives it.
pub(crate) struct Life {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<SimClock>,
    tokens: u64,
    pub(crate) sessions: Vec<SessionId>,
}

/// The token of that number.
pub(crate) fn token(number: u64) -> Token {
    // An odd factor makes no two numbers the same, and spreads them.
    let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(4);
    Token::from_random_bytes(bytes.try_into().expect("32 bytes"))
}

pub(crate) fn digest(number: u64) -> TokenDigest {
    token(number).digest()
}

pub(crate) fn user(number: u8) -> UserId {
    UserId::new(USERS[usize::from(number) % USERS.len()]).expect("short")
}

/// Short enough that everything of it matters within a few minutes.
pub(crate) fn short_policy() -> Policy {
    Policy {
        idle_timeout_ms: 20 * MINUTE_MS,
        absolute_timeout_ms: 60 * MINUTE_MS,
        sessions_per_user_max: 3,
        race_window_ms: MINUTE_MS,
        ..Policy::default()
    }
}

impl Life {
    pub(crate) fn in_memory() -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let builder = Ledger::builder().clock(Arc::<SimClock>::clone(&clock));
        Self::of(builder.sweep_interval(None).open_blocking().expect("memory opens"), clock)
    }

    /// In that journal, with archives of ten minutes.
    pub(crate) fn in_journal(journal: Arc<dyn Journal>) -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let policy = CompactionPolicy {
            retention: Some(Duration::from_mins(10)),
            interval: Duration::from_hours(1_000),
            ..CompactionPolicy::default()
        };
        let builder = Ledger::builder().journal(journal).clock(Arc::<SimClock>::clone(&clock));
        let builder = builder.sweep_interval(None).compaction(Some(policy));
        Self::of(builder.open_blocking().expect("memory opens"), clock)
    }

    /// In a folder, with small segments and no work in the background.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let builder = Ledger::builder()
            .path(folder)
            .journal_options(Options {
                segment_bytes: 64 << 10,
                snapshot_spacing: 100,
                ..Options::default()
            })
            .clock(Arc::<SimClock>::clone(&clock));
        let builder = builder.sweep_interval(None).compaction(None).history_index(false);
        Self::of(builder.open_blocking().expect("a ledger"), clock)
    }

    pub(crate) fn of(ledger: Ledger, clock: Arc<SimClock>) -> Self {
        Self { ledger, clock, tokens: 0, sessions: Vec::new() }
    }

    /// The ledger that these things make.
    pub(crate) fn after(wishes: &[Wish]) -> Self {
        Self::under(short_policy(), wishes)
    }

    /// The same under that policy.
    pub(crate) fn under(policy: Policy, wishes: &[Wish]) -> Self {
        let mut life = Self::in_memory();
        life.submit(Act::SetPolicy(policy), 0, None);
        life.live(wishes);
        life
    }

    pub(crate) fn live(&mut self, wishes: &[Wish]) {
        for wish in wishes {
            self.wish(*wish);
        }
    }

    pub(crate) fn events(&self) -> Vec<Recorded> {
        let events = self.ledger.events(0).expect("readable");
        events.collect::<Result<_, _>>().expect("readable")
    }

    /// What was refused leaves no event.
    pub(crate) fn submit(&mut self, act: Act, number: u8, occurred_at_ms: Option<u64>) {
        let ip = ["192.0.2.7", "192.0.2.9", "2001:db8::7"][usize::from(number) % 3];
        let origin = Origin { ip: ip.parse().ok(), ..Origin::default() };
        let actor = if occurred_at_ms.is_some() { Actor::Importer } else { Actor::User };
        let command = Command { origin, actor, occurred_at_ms, ..Command::new(act) };
        if let Ok(pending) = self.ledger.submit(&command) {
            pending.wait().expect("memory and disk are fine");
        }
    }

    /// Its token is the newest one.
    pub(crate) fn create(
        &mut self,
        user: UserId,
        lifetime_ms: Option<u64>,
        imported_at_ms: Option<u64>,
    ) -> SessionId {
        let new = self.login(user, lifetime_ms, imported_at_ms);
        let id = new.id;
        self.submit(Act::Create(new), 0, imported_at_ms);
        id
    }

    fn login(
        &mut self,
        user: UserId,
        lifetime_ms: Option<u64>,
        imported_at_ms: Option<u64>,
    ) -> NewSession {
        self.tokens += 1;
        let number = u128::try_from(self.sessions.len()).expect("few");
        let made_ms = imported_at_ms.unwrap_or_else(|| self.ledger.now_ms());
        let id = SessionId::from_parts(made_ms, number);
        let is_guest = user.starts_with("guest_");
        let is_import = imported_at_ms.is_some();
        self.sessions.push(id);
        NewSession {
            id,
            digest: (!is_import).then(|| digest(self.tokens)),
            user,
            is_guest,
            device: None,
            tenant: None,
            transport: if is_import { Transport::Imported } else { Transport::Token },
            lifetime_ms: if is_import { Some(0) } else { lifetime_ms },
            absolute_timeout_ms: None,
            data: BTreeMap::new(),
            replaces: None,
            sessions_per_user_max: None,
        }
    }

    /// Shows the token of that number; its successor is the newest one.
    pub(crate) fn refresh(&mut self, presented: u64) {
        let presented = digest(presented);
        self.tokens += 1;
        let successor = digest(self.tokens);
        self.submit(Act::Refresh { presented, successor, lifetime_ms: None }, 1, None);
    }

    /// The number of the newest token.
    pub(crate) fn newest_token(&self) -> u64 {
        self.tokens
    }

    fn chosen(&self, number: u8) -> SessionRef {
        let index = usize::from(number) % self.sessions.len().max(1);
        let id = self.sessions.iter().rev().nth(index.min(6)).or(self.sessions.last()).copied();
        SessionRef::Id(id.unwrap_or(SessionId::from_u128(1)))
    }

    /// All of a user's sessions; of every second number, all but one.
    fn revoke_all(&mut self, number: u8, pick: u8) {
        let except = match self.chosen(pick) {
            SessionRef::Id(id) => Some(id).filter(|_| number.is_multiple_of(2)),
            SessionRef::Token(_) | SessionRef::Lineage(_) => None,
        };
        let (user, reason) = (user(number), EndReason::RevokedByAdmin);
        self.submit(Act::RevokeUser { user, except, reason }, number, None);
    }

    fn wish(&mut self, (what, number, pick): Wish) {
        self.clock.advance_ms([0, 1, MINUTE_MS, 9 * MINUTE_MS][usize::from(pick) % 4]);
        let ago_ms = u64::from(number) * MINUTE_MS / 4;
        let before_ms = self.ledger.now_ms().saturating_sub(ago_ms);
        let session = self.chosen(number);
        let presented = self.tokens.saturating_sub(u64::from(pick) % 5);
        match what {
            0..=4 => {
                self.create(user(number), number.is_multiple_of(5).then_some(ago_ms), None);
            }
            5 => {
                self.create(UserId::new("guest_1").expect("short"), None, None);
            }
            6 | 7 => {
                self.create(user(number), None, Some(before_ms));
            }
            8..=12 => self.refresh(presented),
            13 | 14 => self.submit(Act::Touch { session }, number, None),
            15 => {
                let user = user(number);
                self.submit(Act::Upgrade { session, user, successor: None }, number, None);
            }
            16 => {
                self.submit(Act::Revoke { session, reason: EndReason::Logout }, number, None);
            }
            17 => {
                let reason = EndReason::Imported;
                self.submit(Act::Revoke { session, reason }, number, Some(before_ms));
            }
            18 => self.revoke_all(number, pick),
            19 | 20 => self.submit(Act::Sweep, number, None),
            21 => {
                let on_reuse =
                    if pick.is_multiple_of(3) { OnReuse::Refuse } else { OnReuse::EndSession };
                let sessions_per_user_max = u32::from(number % 4);
                let policy = Policy { on_reuse, sessions_per_user_max, ..short_policy() };
                self.submit(Act::SetPolicy(policy), number, None);
            }
            22 => {
                let device = DeviceLabel::new(format!("device {}", number % 3)).expect("short");
                self.submit(Act::SetDevice { session, device }, number, None);
            }
            23 => {
                let key = DataKey::new(format!("key {}", number % 2)).expect("short");
                let value = (pick % 3 > 0).then(|| format!("{pick}").into());
                let changes = vec![(key, value)];
                self.submit(Act::ChangeData { session, changes }, number, None);
            }
            24 => {
                let (user, reason) = (Some(user(number)), FailureReason::WrongPassword);
                let act = Act::RecordFailure { user, reason, count: 1 };
                self.submit(act, number, Some(before_ms));
            }
            // With a limit of its own, or none.
            25 => {
                let login = self.login(user(number), None, None);
                let sessions_per_user_max = Some(u32::from(pick % 5));
                let login = NewSession { sessions_per_user_max, ..login };
                self.submit(Act::Create(login), number, None);
            }
            _ => self.submit(Act::Compact, number, None),
        }
    }
}

/// How a session ended, as the plain fold says it.
#[derive(Debug, Clone)]
pub(crate) struct ModelEnd {
    pub(crate) sequence: u64,
    pub(crate) kind: &'static str,
    /// When the session was to expire, just before.
    pub(crate) expires_at_ms: u64,
}

/// The plain fold, and how each session that is gone ended.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) state: State,
    pub(crate) ends: BTreeMap<SessionId, ModelEnd>,
}

impl Model {
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut model = Self::default();
        events.into_iter().for_each(|recorded| model.add(recorded));
        model
    }

    pub(crate) fn add(&mut self, Recorded { sequence, event }: &Recorded) {
        let before: BTreeMap<_, _> =
            self.state.iter().map(|state| (state.id(), state.session.expires_at_ms)).collect();
        apply(&mut self.state, *sequence, event);
        let left = self.state.ids();
        for (id, expires_at_ms) in before {
            if left.binary_search(&id).is_err() {
                let kind = event.fact.kind();
                self.ends.insert(id, ModelEnd { sequence: *sequence, kind, expires_at_ms });
            }
        }
    }
}
