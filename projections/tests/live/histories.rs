//! Random histories over few names, so that they meet.

use passbook_core::{
    Act, Actor, Amr, Command, DataKey, DeviceLabel, EndReason, Event, Fact, IdempotencyKey,
    NewSession, OnReuse, Origin, Policy, ReuseVerdict, Rule, SessionId, SessionRef, Subject,
    TenantId, TokenDigest, Transport, UserAgent, UserId,
};
use proptest::{prelude::*, sample::select};

/// Ids and users have numbers from 0 to this one.
pub(crate) const POOL: u64 = 5;
/// The data key of even numbers.
pub(crate) const DATA_KEY: &str = "key 0";

const MINUTE_MS: u64 = 60_000;

pub(crate) fn id(number: u64) -> SessionId {
    SessionId::from_u128(u128::from(number))
}

pub(crate) fn user(number: u64) -> UserId {
    UserId::new(format!("user {number}")).expect("short")
}

/// Digests with no random bits where an index looks for them: those of a shard all collide.
pub(crate) fn digest(number: u64) -> TokenDigest {
    let bytes = number.to_le_bytes().repeat(4);
    TokenDigest::from_bytes(bytes.try_into().expect("32 bytes"))
}

fn device(number: u64) -> DeviceLabel {
    DeviceLabel::new(format!("device {}", number % 3)).expect("short")
}

fn tenant(number: u64) -> Option<TenantId> {
    (number % 2 == 1).then(|| TenantId::new(format!("tenant {number}")).expect("short"))
}

fn origin(number: u64) -> Origin {
    let (ip, user_agent) = match number % 3 {
        0 => (None, None),
        1 => (Some("192.0.2.7"), Some(UserAgent::new("agent 1"))),
        _ => (Some("2001:db8::7"), Some(UserAgent::new("agent 2"))),
    };
    let ip = ip.map(|text| text.parse().expect("an address"));
    Origin { ip, user_agent, imported: None }
}

fn data_key(number: u64) -> DataKey {
    DataKey::new(format!("key {}", number % 2)).expect("short")
}

/// An event of the fact, with an origin that depends on the time.
pub(crate) fn event(at_ms: u64, fact: Fact) -> Event {
    Event {
        at_ms,
        occurred_at_ms: None,
        actor: Actor::User,
        origin: origin(at_ms),
        note: None,
        key: None,
        fact,
    }
}

/// A command without the token that it may bring: that one is new each time.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    what: What,
    /// Chooses a user, a label and an origin.
    number: u64,
    session: Chosen,
    lifetime_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Create,
    CreateGuest,
    CreateImported,
    Refresh,
    StepUp,
    Upgrade,
    UpgradeAndRotate,
    Revoke,
    RevokeLineage,
    RevokeUser,
    RevokeOthers,
    Touch,
    SetDevice,
    SetTenant,
    SetData,
    RemoveData,
    Sweep,
    Compact,
    SetPolicy,
}

#[derive(Debug, Clone, Copy)]
enum Chosen {
    Id(u64),
    /// The token drawn so many tokens ago.
    Token(u64),
}

impl Wish {
    /// The command; tokens are numbered on from `next_digest`.
    pub(crate) fn command(&self, next_digest: &mut u64) -> Command {
        let presented = match self.session {
            Chosen::Id(_) => digest(*next_digest),
            Chosen::Token(ago) => digest(next_digest.saturating_sub(ago)),
        };
        let session = match self.session {
            Chosen::Id(number) => SessionRef::Id(id(number)),
            Chosen::Token(_) => SessionRef::Token(presented),
        };
        *next_digest += 1;
        let successor = digest(*next_digest);
        let user = user(self.number);
        let reason = EndReason::Logout;
        let act = match self.what {
            What::Create | What::CreateGuest | What::CreateImported => {
                Act::Create(self.new_session(successor))
            }
            What::Refresh => Act::Refresh { presented, successor, lifetime_ms: self.lifetime_ms },
            What::StepUp => Act::Reauthenticate {
                presented,
                successor,
                amr: Amr::new(["pwd", "otp"]).expect("two names"),
            },
            What::Upgrade => Act::Upgrade { session, user, successor: None },
            What::UpgradeAndRotate => Act::Upgrade { session, user, successor: Some(successor) },
            What::Revoke => Act::Revoke { session, reason },
            What::RevokeLineage => Act::Revoke { session: SessionRef::Lineage(presented), reason },
            What::RevokeUser => Act::RevokeUser { user, except: None, reason },
            What::RevokeOthers => Act::RevokeUser { user, except: Some(self.chosen_id()), reason },
            What::Touch => Act::Touch { session },
            What::SetDevice => Act::SetDevice { session, device: device(self.number) },
            What::SetTenant => Act::SetTenant { session, tenant: tenant(self.number) },
            What::SetData => {
                let changes = vec![(data_key(self.number), Some("1".into()))];
                Act::ChangeData { session, changes }
            }
            What::RemoveData => {
                Act::ChangeData { session, changes: vec![(data_key(self.number), None)] }
            }
            What::Sweep => Act::Sweep,
            What::Compact => Act::Compact,
            What::SetPolicy => Act::SetPolicy(self.policy()),
        };
        let key = (self.number == 0)
            .then(|| IdempotencyKey::new(format!("{:?}", self.what)).expect("short"));
        Command { origin: origin(self.number), key, ..Command::new(act) }
    }

    fn chosen_id(&self) -> SessionId {
        match self.session {
            Chosen::Id(number) | Chosen::Token(number) => id(number),
        }
    }

    fn new_session(&self, token: TokenDigest) -> NewSession {
        let is_guest = matches!(self.what, What::CreateGuest);
        let is_imported = matches!(self.what, What::CreateImported);
        NewSession {
            id: self.chosen_id(),
            digest: (!is_imported).then_some(token),
            user: user(self.number),
            is_guest,
            device: (self.number > 1).then(|| device(self.number)),
            tenant: tenant(self.number),
            transport: if is_imported { Transport::Imported } else { Transport::Token },
            lifetime_ms: self.lifetime_ms,
            absolute_timeout_ms: self.lifetime_ms.map(|lifetime_ms| lifetime_ms.saturating_mul(3)),
            data: (self.number > 2)
                .then(|| (data_key(self.number), "0".into()))
                .into_iter()
                .collect(),
            replaces: None,
            sessions_per_user_max: None,
        }
    }

    fn policy(&self) -> Policy {
        let absolute_timeout_ms = self.lifetime_ms.unwrap_or(0);
        let sessions_per_user_max = if self.number == 1 { 2 } else { 0 };
        let on_reuse = if self.number > 2 { OnReuse::Refuse } else { OnReuse::EndSession };
        Policy { absolute_timeout_ms, sessions_per_user_max, on_reuse, ..Policy::default() }
    }
}

fn lifetimes() -> impl Strategy<Value = Option<u64>> {
    let common = [1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1, 10 * MINUTE_MS];
    let rare = [0, u64::MAX - 1, u64::MAX, u64::from(u32::MAX) * MINUTE_MS];
    prop_oneof![
        1 => Just(None),
        4 => select(common.to_vec()).prop_map(Some),
        1 => select(rare.to_vec()).prop_map(Some),
    ]
}

/// Commands, each with the time that passed since the one before, in milliseconds.
pub(crate) fn commands() -> impl Strategy<Value = Vec<(u64, Wish)>> {
    use What::{
        Compact, Create, CreateGuest, CreateImported, Refresh, RemoveData, Revoke, RevokeLineage,
        RevokeOthers, RevokeUser, SetData, SetDevice, SetPolicy, SetTenant, StepUp, Sweep, Touch,
        Upgrade, UpgradeAndRotate,
    };
    let what = select(vec![
        Create,
        Create,
        Create,
        CreateGuest,
        CreateGuest,
        CreateImported,
        Refresh,
        Refresh,
        Refresh,
        StepUp,
        Upgrade,
        UpgradeAndRotate,
        Revoke,
        RevokeLineage,
        RevokeUser,
        RevokeOthers,
        Touch,
        Touch,
        SetDevice,
        SetTenant,
        SetData,
        SetData,
        RemoveData,
        Sweep,
        Compact,
        SetPolicy,
    ]);
    let session = prop_oneof![(0..=POOL).prop_map(Chosen::Id), (0..8_u64).prop_map(Chosen::Token),];
    let wish =
        (what, 0..=POOL, session, lifetimes()).prop_map(|(what, number, session, lifetime_ms)| {
            Wish { what, number, session, lifetime_ms }
        });
    let elapsed_ms = select(vec![0, 1, MINUTE_MS - 1, MINUTE_MS, 5 * MINUTE_MS]);
    prop::collection::vec((elapsed_ms, wish), 1..40)
}

/// Facts that need not follow from any rule, each with a time.
pub(crate) fn raw_facts() -> impl Strategy<Value = Vec<(u64, Fact)>> {
    let times = || {
        prop_oneof![
            4 => 0..4 * MINUTE_MS,
            1 => select(vec![0, MINUTE_MS, u64::MAX - 1, u64::MAX]),
        ]
    };
    let numbers = (0..14_u8, 0..=POOL, 0..=POOL, 0..=POOL, 0..4_u32);
    let fact = (numbers, times(), times()).prop_map(
        |((kind, session, owner, token, generation), expires_at_ms, other_ms)| {
            let subject = Subject { session: id(session), user: user(owner) };
            let digest = digest(token);
            raw_fact(kind, subject, Numbers { owner, digest, generation, expires_at_ms, other_ms })
        },
    );
    prop::collection::vec((0..4 * MINUTE_MS, fact), 1..40)
}

struct Numbers {
    owner: u64,
    digest: TokenDigest,
    generation: u32,
    expires_at_ms: u64,
    other_ms: u64,
}

fn raw_fact(kind: u8, subject: Subject, numbers: Numbers) -> Fact {
    let Numbers { owner, digest, generation, expires_at_ms, other_ms } = numbers;
    match kind {
        0 | 1 => Fact::SessionCreated {
            is_guest: owner == 1,
            digest: (generation > 0).then_some(digest),
            device: Some(device(owner)),
            tenant: tenant(owner),
            transport: Transport::Jwt,
            created_at_ms: other_ms,
            lifetime_ms: other_ms,
            expires_at_ms,
            absolute_at_ms: other_ms,
            subject,
        },
        2 | 3 => Fact::SessionRefreshed {
            subject,
            digest,
            generation,
            lifetime_ms: other_ms,
            expires_at_ms,
        },
        4 => Fact::SessionUpgraded {
            guest: subject.user.clone(),
            subject,
            rotated: (generation > 1).then_some((digest, generation)),
        },
        5 => Fact::SessionRevoked {
            subject,
            reason: EndReason::Logout,
            rule: Rule::Requested,
            policy_version: 0,
        },
        6 => Fact::UserSessionsRevoked {
            user: subject.user,
            except: (generation > 1).then_some(subject.session),
            reason: EndReason::Logout,
            ended: 1,
        },
        7 => Fact::SessionsExpired { effective_now_ms: expires_at_ms, ended: 1, policy_version: 0 },
        8 => Fact::SessionTouched { subject, expires_at_ms },
        9 => Fact::DeviceSet { subject, device: device(other_ms) },
        10 => Fact::TenantSet { subject, tenant: tenant(other_ms) },
        11 => Fact::DataSet { subject, key: data_key(other_ms), value: "2".into() },
        12 => Fact::Compacted { effective_now_ms: expires_at_ms, ended: 1, policy_version: 0 },
        _ => Fact::TokenReuseDetected {
            subject,
            presented_generation: 1,
            current_generation: generation,
            spent_at_ms: other_ms,
            race_window_ms: 0,
            policy_version: 0,
            verdict: if generation > 1 { ReuseVerdict::Ended } else { ReuseVerdict::Race },
        },
    }
}

/// A login with the token of that number.
pub(crate) fn created(session: u64, owner: u64, token: u64, expires_at_ms: u64) -> Event {
    event(
        0,
        Fact::SessionCreated {
            subject: Subject { session: id(session), user: user(owner) },
            is_guest: false,
            digest: Some(digest(token)),
            device: Some(device(session)),
            tenant: None,
            transport: Transport::Token,
            created_at_ms: session,
            lifetime_ms: 0,
            expires_at_ms,
            absolute_at_ms: u64::MAX,
        },
    )
}

/// The end of one session.
pub(crate) fn revoked(session: u64) -> Event {
    event(
        0,
        Fact::SessionRevoked {
            subject: Subject { session: id(session), user: user(1) },
            reason: EndReason::Logout,
            rule: Rule::Requested,
            policy_version: 0,
        },
    )
}
