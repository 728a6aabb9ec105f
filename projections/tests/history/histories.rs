//! Random histories as a ledger makes them: commands decided by the rules, and imports of old logs.

use std::{fs, path::Path};

use passbook_core::{
    Act, Actor, Command, Decided, DeviceLabel, EndReason, Event, Fact, FailureReason, NewSession,
    OnReuse, Origin, Policy, SessionId, SessionRef, State, TokenDigest, Transport, UserAgent,
    UserId, apply, decide,
};
use passbook_projections::history::{
    Expect, HistoryEntry, HistoryFold, HistoryIndex, HistoryQuery, HistoryWhat, Recorded,
};
use proptest::prelude::*;

pub(crate) const STORE: [u8; 16] = [7; 16];
/// One of these has bytes that keys are made of.
pub(crate) const USERS: [&str; 5] = ["ann", "ann\0", "bob", "guest_1", "nobody"];
const MINUTE_MS: u64 = 60_000;
const START_MS: u64 = 1_000 * MINUTE_MS;

pub(crate) fn expect(durable: u64) -> Expect {
    Expect { store: STORE, durable, cache_bytes: 1 << 20 }
}

/// One thing that happens: what, and two numbers to choose with.
pub(crate) type Wish = (u8, u8, u8);

pub(crate) fn wishes(count: usize) -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec((0..24_u8, any::<u8>(), any::<u8>()), 1..count)
}

fn digest(number: u64) -> TokenDigest {
    let bytes = number.to_le_bytes().repeat(4);
    TokenDigest::from_bytes(bytes.try_into().expect("32 bytes"))
}

fn user(number: u8) -> UserId {
    UserId::new(USERS[usize::from(number) % 4]).expect("short")
}

/// A ledger without a disk.
#[derive(Default)]
struct Ledger {
    state: State,
    now_ms: u64,
    tokens: u64,
    sessions: u64,
    events: Vec<Recorded>,
}

impl Ledger {
    fn submit(&mut self, act: Act, number: u8) {
        let ip = ["192.0.2.7", "192.0.2.9", "2001:db8::7"][usize::from(number) % 3];
        let user_agent =
            (number > 128).then(|| UserAgent::new("Agent of a long name, as they are"));
        let origin = Origin { ip: ip.parse().ok(), user_agent, imported: None };
        let command = Command { origin, ..Command::new(act) };
        if let Ok(Decided { events, .. }) = decide(&self.state, &command, self.now_ms) {
            for event in events {
                self.record(event);
            }
        }
    }

    fn record(&mut self, event: Event) {
        let sequence = u64::try_from(self.events.len()).expect("few") + 1;
        apply(&mut self.state, sequence, &event);
        self.events.push(Recorded { sequence, event });
    }

    fn create(&mut self, what: u8, number: u8, imported: bool) {
        self.sessions += 1;
        self.tokens += 1;
        let is_guest = what == 2;
        let act = Act::Create(NewSession {
            id: SessionId::from_parts(self.now_ms, u128::from(self.sessions)),
            digest: (!imported).then(|| digest(self.tokens)),
            user: if is_guest { user(3) } else { user(number) },
            is_guest,
            device: number
                .is_multiple_of(2)
                .then(|| DeviceLabel::new(format!("Device {number}")).expect("short")),
            tenant: None,
            transport: if imported { Transport::Imported } else { Transport::Token },
            lifetime_ms: (!number.is_multiple_of(5)).then(|| u64::from(number) * MINUTE_MS / 2),
            absolute_timeout_ms: None,
            data: std::collections::BTreeMap::new(),
            replaces: None,
            sessions_per_user_max: number.is_multiple_of(16).then_some(2),
        });
        self.submit(act, number);
    }

    /// Failures that an import read: they happened before what is recorded.
    fn import(&mut self, number: u8) {
        self.record(Event {
            at_ms: self.now_ms,
            occurred_at_ms: Some(self.now_ms.saturating_sub(u64::from(number) * MINUTE_MS)),
            actor: Actor::Importer,
            origin: Origin::default(),
            note: None,
            key: None,
            fact: Fact::LoginFailed {
                user: Some(user(number)),
                reason: FailureReason::WrongPassword,
                count: 1,
            },
        });
    }

    fn wish(&mut self, (what, number, pick): Wish) {
        self.now_ms += [0, 1, MINUTE_MS, 20 * MINUTE_MS][usize::from(pick) % 4];
        let presented = digest(self.tokens.saturating_sub(u64::from(pick) % 4));
        let session = SessionRef::Token(presented);
        let reason = EndReason::Logout;
        match what {
            0..=5 => self.create(what, number, what == 5),
            6..=10 => {
                self.tokens += 1;
                let successor = digest(self.tokens);
                self.submit(Act::Refresh { presented, successor, lifetime_ms: None }, number);
            }
            11 | 12 => {
                self.submit(Act::Upgrade { session, user: user(number), successor: None }, number);
            }
            13 => self.submit(Act::Revoke { session, reason }, number),
            14 => self.submit(Act::RevokeUser { user: user(number), except: None, reason }, number),
            15 => {
                let session = self.events.iter().rev().find_map(|it| it.event.fact.subject());
                let except = session.map(|subject| subject.session);
                self.submit(Act::RevokeUser { user: user(number), except, reason }, number);
            }
            16 => self.submit(Act::Touch { session }, number),
            17 => {
                let device = DeviceLabel::new("Renamed").expect("short");
                self.submit(Act::SetDevice { session, device }, number);
            }
            18 => self.submit(Act::SetTenant { session, tenant: None }, number),
            19 | 20 => self.submit(Act::Sweep, number),
            21 => {
                let on_reuse =
                    if number.is_multiple_of(2) { OnReuse::Refuse } else { OnReuse::EndSession };
                let absolute_timeout_ms = u64::from(number % 4) * 30 * MINUTE_MS;
                let policy = Policy { on_reuse, absolute_timeout_ms, ..Policy::default() };
                self.submit(Act::SetPolicy(policy), number);
            }
            _ => self.import(number),
        }
    }
}

/// Failures of that user that happened at these times, recorded in this order.
pub(crate) fn failures(user: u8, times_ms: impl IntoIterator<Item = u64>) -> Vec<Recorded> {
    let mut ledger = Ledger { now_ms: START_MS, ..Ledger::default() };
    for at_ms in times_ms {
        ledger.import(user);
        if let Some(last) = ledger.events.last_mut() {
            last.event.occurred_at_ms = Some(at_ms);
        }
    }
    ledger.events
}

/// What a ledger records when these things happen.
pub(crate) fn events(wishes: &[Wish]) -> Vec<Recorded> {
    let mut ledger = Ledger { now_ms: START_MS, ..Ledger::default() };
    for wish in wishes {
        ledger.wish(*wish);
    }
    ledger.events
}

/// The same each time, with something of everything.
pub(crate) fn plain_events(count: u64) -> Vec<Recorded> {
    let mix = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).to_le_bytes();
    let wish = |number| (mix(number)[0] % 24, mix(number)[1], mix(number)[2]);
    events(&(0..count).map(wish).collect::<Vec<_>>())
}

pub(crate) fn open(folder: &Path, events: &[Recorded]) -> (HistoryIndex, Option<String>) {
    let durable = events.last().map_or(0, |last| last.sequence);
    let opened = HistoryIndex::open(folder, &expect(durable)).expect("the folder can be used");
    (opened.index, opened.rebuilt)
}

/// Adds what is behind the checkpoint.
pub(crate) fn catch_up(index: &mut HistoryIndex, events: &[Recorded]) {
    let from = index.checkpoint();
    let behind = events.iter().filter(|recorded| recorded.sequence > from);
    index.add(&mut behind.cloned()).expect("no doubt");
}

pub(crate) fn fold(events: &[Recorded], user: &str) -> HistoryFold {
    let mut fold = HistoryFold::of(user);
    for recorded in events {
        fold.add(recorded);
    }
    fold
}

/// Queries of every kind, without a limit or a cursor.
pub(crate) fn queries(entries: &[HistoryEntry]) -> Vec<HistoryQuery> {
    let all = HistoryQuery::default();
    let middle_ms = entries.get(entries.len() / 2).map(|entry| entry.at_ms);
    vec![
        all.clone(),
        HistoryQuery { since_ms: middle_ms, ..all.clone() },
        HistoryQuery { until_ms: middle_ms, ..all.clone() },
        HistoryQuery { kinds: vec![HistoryWhat::Ended, HistoryWhat::Refreshed], ..all.clone() },
        HistoryQuery { device: Some("agent".to_owned()), ..all.clone() },
        HistoryQuery { ip: "192.0.2.0/29".parse().ok(), ..all },
    ]
}

/// All pages of `limit` lines that `ask` gives, one behind the other.
pub(crate) fn walk(
    query: &HistoryQuery,
    limit: usize,
    mut ask: impl FnMut(&HistoryQuery) -> passbook_projections::history::Page,
) -> Vec<HistoryEntry> {
    let sized = HistoryQuery::newest(limit).expect("within the limits");
    let mut query = HistoryQuery {
        kinds: query.kinds.clone(),
        since_ms: query.since_ms,
        until_ms: query.until_ms,
        device: query.device.clone(),
        ip: query.ip,
        ..sized
    };
    let mut entries = Vec::new();
    loop {
        let page = ask(&query);
        assert!(page.entries.len() <= limit);
        entries.extend(page.entries);
        let Some(next) = page.next else { return entries };
        query.before = Some(next.to_string().parse().expect("its own text"));
    }
}

/// The index answers as the fold does, for every user.
#[track_caller]
pub(crate) fn check_same(index: &HistoryIndex, events: &[Recorded], limit: usize) {
    for user in USERS {
        let fold = fold(events, user);
        let page = |query: &_| index.page(user, query).expect("no doubt");
        for query in queries(&walk(&HistoryQuery::default(), 1_000, |query| fold.page(query))) {
            let told = walk(&query, limit, |query| fold.page(query));
            assert_eq!(walk(&query, limit, page), told, "{user:?}: {query:?}");
        }
        let entries = fold.newest_first();
        assert_eq!(walk(&HistoryQuery::default(), limit, page), entries, "{user:?}");
        let login = entries.iter().find(|entry| entry.kind.what() == HistoryWhat::Login);
        assert_eq!(index.last_login(user).expect("no doubt").as_ref(), login, "{user:?}");
        assert_eq!(index.reader().entries_of(user), Ok(u64::try_from(entries.len()).expect("few")));
    }
}

/// The files of a folder and of those in it, with their bytes.
pub(crate) fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// The same files in a new folder: what a crash would leave.
pub(crate) fn copy(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for (path, bytes) in files(folder) {
        let to = copy.path().join(path.strip_prefix(folder).expect("below"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::write(to, bytes).expect("written");
    }
    copy
}
