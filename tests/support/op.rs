//! What a random run is made of: deeds, the clock, and what happens to the disk.

use std::collections::BTreeMap;

use passbook::{
    OnReuse, Policy, SessionId, Token,
    core::{
        Act, Command, DataKey, DeviceLabel, IdempotencyKey, NewSession, SessionRef, TenantId, Text,
        TokenDigest, Transport, UserId, session::Data,
    },
    journal::Step,
};

use crate::model::{Deed, LOGOUT, WRONG};

/// One thing that happens in a run.
#[derive(Debug, Clone)]
pub enum Op {
    /// A command, whose tokens and sessions are picked from those that there are.
    Act(ActOp, Option<u8>),
    /// The clock goes on.
    Advance(u64),
    /// The clock steps back.
    StepBack(u64),
    /// The journal does all that it can.
    Pump,
    /// The journal does one step.
    Step(Step),
    /// The process stops in order and starts again.
    Reopen,
    /// The state is written down.
    Snapshot,
    /// The journal is compacted.
    Compact,
    /// The power fails; the number picks what is left on the disk.
    Crash(u64),
}

/// A command, with numbers for what it picks.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they are those of `Deed`")]
pub enum ActOp {
    Create { user: u8, guest: bool, device: Option<u8>, limit: Option<u8>, replaces: Option<u8> },
    Refresh(u8),
    Upgrade(u8, u8, bool),
    Revoke(u8),
    RevokeId(u8),
    RevokeUser(u8, Option<u8>),
    Touch(u8),
    SetDevice(u8, u8),
    SetTenant(u8, Option<u8>),
    SetData(u8, u8, u8),
    RemoveData(u8, u8),
    Sweep,
    Fail(Option<u8>),
    SetPolicy(u8),
}

/// The names that a run has given out.
#[derive(Debug, Default)]
pub struct Names {
    /// Tokens made so far; number 0 was never handed out.
    pub tokens: u64,
    /// Sessions made so far.
    pub sessions: Vec<SessionId>,
}

/// The token of that number.
pub fn token(number: u64) -> Token {
    let mut bytes = [0xa5; 32];
    for (byte, value) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = value;
    }
    Token::from_random_bytes(bytes)
}

fn digest(number: u64) -> TokenDigest {
    token(number).digest()
}

fn user(number: u8) -> String {
    format!("user{}", number % 4)
}

/// The rules that a run switches between.
pub fn policy(number: u8) -> Policy {
    let base = Policy { idle_timeout_ms: 60_000, ..Policy::default() };
    match number % 4 {
        0 => base,
        1 => Policy { sessions_per_user_max: 2, ..base },
        2 => Policy { absolute_timeout_ms: 90_000, on_reuse: OnReuse::Refuse, ..base },
        _ => Policy { race_window_ms: 0, idle_timeout_ms: 0, ..base },
    }
}

impl Names {
    /// A token that is new.
    pub fn next_token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    /// A session id that is new.
    pub fn next_session(&mut self, now_ms: u64) -> SessionId {
        let number = u128::try_from(self.sessions.len()).expect("few sessions");
        let id = SessionId::from_parts(now_ms, number);
        self.sessions.push(id);
        id
    }

    fn some_token(&self, pick: u8) -> u64 {
        u64::from(pick) % (self.tokens + 1)
    }

    fn some_session(&self, pick: u8) -> Option<SessionId> {
        let index = usize::from(pick).checked_rem(self.sessions.len())?;
        self.sessions.get(index).copied()
    }

    /// The deed that the operation means now.
    pub fn deed(&mut self, op: ActOp, now_ms: u64) -> Deed {
        match op {
            ActOp::Create { user: name, guest, device, limit, replaces } => {
                let number = self.sessions.len();
                let replaces = replaces.and_then(|pick| self.some_session(pick));
                let id = self.next_session(now_ms);
                Deed::Create {
                    id,
                    token: self.next_token(),
                    user: if guest { format!("guest_{number}") } else { user(name) },
                    is_guest: guest,
                    device: device.map(|device| format!("device{device}")),
                    limit: limit.map(|limit| u32::from(limit % 4)),
                    replaces,
                }
            }
            ActOp::Refresh(pick) => Deed::Refresh(self.some_token(pick), self.next_token()),
            ActOp::Upgrade(pick, name, rotates) => {
                let successor = rotates.then(|| self.next_token());
                Deed::Upgrade(self.some_token(pick), user(name), successor)
            }
            ActOp::Revoke(pick) => Deed::Revoke(self.some_token(pick)),
            ActOp::RevokeId(pick) => match self.some_session(pick) {
                Some(id) => Deed::RevokeId(id),
                None => Deed::Sweep,
            },
            ActOp::RevokeUser(name, except) => {
                Deed::RevokeUser(user(name), except.and_then(|pick| self.some_session(pick)))
            }
            ActOp::Touch(pick) => Deed::Touch(self.some_token(pick)),
            ActOp::SetDevice(pick, device) => {
                Deed::SetDevice(self.some_token(pick), format!("device{}", device % 3))
            }
            ActOp::SetTenant(pick, tenant) => {
                let tenant = tenant.map(|tenant| format!("tenant{}", tenant % 3));
                Deed::SetTenant(self.some_token(pick), tenant)
            }
            ActOp::SetData(pick, key, value) => {
                Deed::SetData(self.some_token(pick), key % 3, value % 3)
            }
            ActOp::RemoveData(pick, key) => Deed::RemoveData(self.some_token(pick), key % 3),
            ActOp::Sweep => Deed::Sweep,
            ActOp::Fail(name) => Deed::Fail(name.map(user)),
            ActOp::SetPolicy(number) => Deed::SetPolicy(policy(number)),
        }
    }
}

fn device_label(label: &str) -> DeviceLabel {
    DeviceLabel::new(label).expect("short")
}

/// The real command of a deed.
pub fn command(deed: &Deed, key: Option<u8>) -> Command {
    let by_token = |number: &u64| SessionRef::Token(digest(*number));
    let user = |name: &String| UserId::new(name.as_str()).expect("short");
    let data_key = |key: &u8| DataKey::new(format!("k{key}")).expect("short");
    let act = match deed {
        Deed::Create { id, token, user: name, is_guest, device, limit, replaces } => {
            Act::Create(NewSession {
                id: *id,
                digest: Some(digest(*token)),
                user: user(name),
                is_guest: *is_guest,
                device: device.as_deref().map(device_label),
                tenant: None,
                transport: Transport::Token,
                lifetime_ms: None,
                absolute_timeout_ms: None,
                data: Data::new(),
                replaces: *replaces,
                sessions_per_user_max: *limit,
            })
        }
        Deed::Refresh(presented, successor) => Act::Refresh {
            presented: digest(*presented),
            successor: digest(*successor),
            lifetime_ms: None,
        },
        Deed::Upgrade(token, name, successor) => Act::Upgrade {
            session: by_token(token),
            user: user(name),
            successor: successor.map(digest),
        },
        Deed::Revoke(token) => Act::Revoke { session: by_token(token), reason: LOGOUT },
        Deed::RevokeId(id) => Act::Revoke { session: SessionRef::Id(*id), reason: LOGOUT },
        Deed::RevokeUser(name, except) => {
            Act::RevokeUser { user: user(name), except: *except, reason: LOGOUT }
        }
        Deed::Touch(token) => Act::Touch { session: by_token(token) },
        Deed::SetDevice(token, label) => {
            Act::SetDevice { session: by_token(token), device: device_label(label) }
        }
        Deed::SetTenant(token, tenant) => Act::SetTenant {
            session: by_token(token),
            tenant: tenant.as_ref().map(|tenant| TenantId::new(tenant.as_str()).expect("short")),
        },
        Deed::SetData(token, key, value) => Act::ChangeData {
            session: by_token(token),
            changes: vec![(data_key(key), Some(Text::from(value.to_string())))],
        },
        Deed::RemoveData(token, key) => {
            Act::ChangeData { session: by_token(token), changes: vec![(data_key(key), None)] }
        }
        Deed::Sweep => Act::Sweep,
        Deed::Compact => Act::Compact,
        Deed::Fail(name) => {
            Act::RecordFailure { user: name.as_ref().map(user), reason: WRONG, count: 1 }
        }
        Deed::SetPolicy(policy) => Act::SetPolicy(*policy),
    };
    let key = key.map(|key| IdempotencyKey::new(format!("key{key}")).expect("short"));
    Command { key, ..Command::new(act) }
}

/// The data of a model's row, as the ledger keeps it.
pub fn data_of(data: &[(u8, u8)]) -> BTreeMap<String, String> {
    data.iter().map(|(key, value)| (format!("k{key}"), value.to_string())).collect()
}
