//! The simplest possible ledger: one list of rows, walked for everything.
//!
//! It shares no rule with the real one. Where the two differ, one of them is wrong.

use passbook::{
    EndReason, FailureReason, OnReuse, Policy, SessionId, core::Outcome, core::ReuseVerdict,
};

/// How long a key is remembered.
const DAY_MS: u64 = 86_400_000;

/// What a model's session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: String,
    /// Whether it is a guest's.
    pub is_guest: bool,
    /// Its device.
    pub device: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// The time of login.
    pub created_ms: u64,
    /// The last activity.
    pub active_ms: u64,
    /// The end; `None` = never.
    pub expires_ms: Option<u64>,
    /// The end that nothing extends.
    pub absolute_ms: Option<u64>,
    /// How long a refresh extends it; 0 = for ever.
    pub lifetime_ms: u64,
    /// Its tokens by number, the live one last; the others with when they were spent.
    pub spent: Vec<(u64, u64)>,
    /// The number of the live token.
    pub token: u64,
    /// Its data.
    pub data: Vec<(u8, u8)>,
}

impl Row {
    fn dead(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|expires_ms| now_ms >= expires_ms)
    }

    /// Whether it is not over at `now_ms`.
    pub fn lives(&self, now_ms: u64) -> bool {
        !self.dead(now_ms)
    }

    fn extend(&mut self, now_ms: u64) {
        let idle = (self.lifetime_ms != 0).then(|| now_ms + self.lifetime_ms);
        self.expires_ms = match (idle, self.absolute_ms) {
            (Some(idle), Some(absolute)) => Some(idle.min(absolute)),
            (idle, absolute) => idle.or(absolute),
        };
        self.active_ms = now_ms;
    }

    fn rotate(&mut self, token: u64, now_ms: u64) {
        self.spent.push((self.token, now_ms));
        self.token = token;
    }
}

/// The whole state.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// All sessions that nothing has dropped.
    pub rows: Vec<Row>,
    /// The rules.
    pub policy: Policy,
    policy_version: u32,
    /// The time of the last event.
    pub last_ms: u64,
    /// What keys came to: key, time, answer.
    done: Vec<(u8, u64)>,
}

/// What a model is asked to do. Tokens and sessions are named by number.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Log in with a new token.
    Create {
        /// The new session's id.
        id: SessionId,
        /// The new token.
        token: u64,
        /// Who.
        user: String,
        /// Whether as a guest.
        is_guest: bool,
        /// The device.
        device: Option<String>,
        /// A limit of sessions for this login.
        limit: Option<u32>,
        /// A session that goes for it.
        replaces: Option<SessionId>,
    },
    /// Change a token.
    Refresh(u64, u64),
    /// Make a guest a user, with a new token or not.
    Upgrade(u64, String, Option<u64>),
    /// End by token.
    Revoke(u64),
    /// End by id.
    RevokeId(SessionId),
    /// End a user's, but one.
    RevokeUser(String, Option<SessionId>),
    /// Touch.
    Touch(u64),
    /// Label.
    SetDevice(u64, String),
    /// Switch.
    SetTenant(u64, Option<String>),
    /// Set data.
    SetData(u64, u8, u8),
    /// Remove data.
    RemoveData(u64, u8),
    /// Sweep.
    Sweep,
    /// Compact: a sweep that is always an event.
    Compact,
    /// Record a failure.
    Fail(Option<String>),
    /// Change the rules.
    SetPolicy(Policy),
}

impl Model {
    fn sweep(&mut self, now_ms: u64) -> usize {
        let before = self.rows.len();
        self.rows.retain(|row| !row.dead(now_ms));
        before - self.rows.len()
    }

    /// Does it at `now_ms`; the answer, without what the model does not know.
    pub fn act(&mut self, deed: &Deed, key: Option<u8>, now_ms: u64) -> Answer {
        if let Some(key) = key
            && self.done.iter().any(|(done, at_ms)| *done == key && now_ms - at_ms <= DAY_MS)
        {
            return Answer::AlreadyDone;
        }
        let answer = self.carry_out(deed, now_ms);
        if answer.wrote() {
            self.last_ms = now_ms;
            if let Some(key) = key {
                self.done.retain(|(done, _)| *done != key);
                self.done.push((key, now_ms));
            }
        }
        answer
    }

    fn carry_out(&mut self, deed: &Deed, now_ms: u64) -> Answer {
        match deed {
            Deed::Create { .. } => self.create(deed, now_ms),
            Deed::Refresh(token, successor) => self.refresh(*token, *successor, now_ms),
            Deed::Upgrade(token, user, successor) => self.upgrade(*token, user, *successor, now_ms),
            Deed::Revoke(token) => match self.live(*token, now_ms) {
                Some(at) => self.drop_row(at),
                None => Answer::NotFound,
            },
            Deed::RevokeId(id) => {
                match self.rows.iter().position(|row| row.id == *id && !row.dead(now_ms)) {
                    Some(at) => self.drop_row(at),
                    None => Answer::NotFound,
                }
            }
            Deed::RevokeUser(user, except) => self.revoke_user(user, *except, now_ms),
            Deed::Touch(token) => self.change(*token, now_ms, |row| {
                let before = row.clone();
                row.extend(now_ms);
                *row != before
            }),
            Deed::SetDevice(token, label) => self.change(*token, now_ms, |row| {
                row.device.replace(label.clone()).as_ref() != Some(label)
            }),
            Deed::SetTenant(token, tenant) => self.change(*token, now_ms, |row| {
                std::mem::replace(&mut row.tenant, tenant.clone()) != *tenant
            }),
            Deed::SetData(token, key, value) => self.change(*token, now_ms, |row| {
                let same = row.data.contains(&(*key, *value));
                row.data.retain(|(own, _)| own != key);
                row.data.push((*key, *value));
                !same
            }),
            Deed::RemoveData(token, key) => self.change(*token, now_ms, |row| {
                let before = row.data.len();
                row.data.retain(|(own, _)| own != key);
                row.data.len() != before
            }),
            Deed::Sweep => Answer::Swept(self.sweep(now_ms)),
            Deed::Compact => Answer::Compacted(self.sweep(now_ms)),
            Deed::Fail(_) => Answer::Recorded,
            Deed::SetPolicy(policy) => {
                if self.policy == *policy && self.policy_version > 0 {
                    return Answer::PolicyUnchanged;
                }
                self.policy = *policy;
                self.policy_version += 1;
                Answer::Recorded
            }
        }
    }

    fn live(&self, token: u64, now_ms: u64) -> Option<usize> {
        self.rows.iter().position(|row| row.token == token && !row.dead(now_ms))
    }

    fn drop_row(&mut self, at: usize) -> Answer {
        self.rows.remove(at);
        Answer::Ended(1)
    }

    fn change(&mut self, token: u64, now_ms: u64, f: impl FnOnce(&mut Row) -> bool) -> Answer {
        let Some(at) = self.live(token, now_ms) else { return Answer::NotFound };
        let row = self.rows.get_mut(at).expect("found above");
        if f(row) { Answer::Changed(row.id) } else { Answer::Unchanged(row.id) }
    }

    /// Drops the least recently active live rows of `user`, beyond `limit` with one more.
    fn evict(&mut self, user: &str, leaving: Option<SessionId>, limit: u32, now_ms: u64) {
        if limit == 0 {
            return;
        }
        loop {
            let mut live: Vec<&Row> = self
                .rows
                .iter()
                .filter(|row| row.user == user && !row.dead(now_ms) && Some(row.id) != leaving)
                .collect();
            if live.len() < usize::try_from(limit).expect("small") {
                return;
            }
            live.sort_by_key(|row| (row.active_ms, row.id));
            let evicted = live.first().expect("at least one").id;
            self.rows.retain(|row| row.id != evicted);
        }
    }

    fn create(&mut self, deed: &Deed, now_ms: u64) -> Answer {
        let Deed::Create { id, token, user, is_guest, device, limit, replaces } = deed else {
            return Answer::NotFound;
        };
        let replaced = replaces.filter(|replaced| {
            self.rows.iter().any(|row| row.id == *replaced && !row.dead(now_ms))
        });
        self.rows.retain(|row| Some(row.id) != replaced);
        self.evict(user, None, limit.unwrap_or(self.policy.sessions_per_user_max), now_ms);
        let absolute = self.policy.absolute_timeout_ms;
        let mut row = Row {
            id: *id,
            user: user.clone(),
            is_guest: *is_guest,
            device: device.clone(),
            tenant: None,
            created_ms: now_ms,
            active_ms: now_ms,
            expires_ms: None,
            absolute_ms: (absolute != 0).then(|| now_ms + absolute),
            lifetime_ms: self.policy.idle_timeout_ms,
            spent: Vec::new(),
            token: *token,
            data: Vec::new(),
        };
        row.extend(now_ms);
        self.rows.push(row);
        Answer::Created(*id)
    }

    fn refresh(&mut self, token: u64, successor: u64, now_ms: u64) -> Answer {
        if let Some(at) = self.live(token, now_ms) {
            let row = self.rows.get_mut(at).expect("found above");
            row.rotate(successor, now_ms);
            row.extend(now_ms);
            return Answer::Refreshed(row.id);
        }
        let reused = self.rows.iter().position(|row| {
            !row.dead(now_ms) && row.spent.iter().any(|(spent, _)| *spent == token)
        });
        let Some(at) = reused else { return Answer::NotFound };
        let row = self.rows.get(at).expect("found above");
        let id = row.id;
        let (_, spent_ms) =
            row.spent.iter().find(|(spent, _)| *spent == token).expect("found above");
        if now_ms - spent_ms <= self.policy.race_window_ms {
            return Answer::Reused(id, ReuseVerdict::Race);
        }
        match self.policy.on_reuse {
            OnReuse::Refuse => Answer::Reused(id, ReuseVerdict::Refused),
            OnReuse::EndSession => {
                self.rows.remove(at);
                Answer::Reused(id, ReuseVerdict::Ended)
            }
        }
    }

    fn upgrade(&mut self, token: u64, user: &str, successor: Option<u64>, now_ms: u64) -> Answer {
        let Some(at) = self.live(token, now_ms) else { return Answer::NotFound };
        let row = self.rows.get(at).expect("found above");
        let id = row.id;
        if !row.is_guest {
            return Answer::NotAGuest(id);
        }
        self.evict(user, Some(id), self.policy.sessions_per_user_max, now_ms);
        let row = self.rows.iter_mut().find(|row| row.id == id).expect("it does not evict itself");
        user.clone_into(&mut row.user);
        row.is_guest = false;
        row.active_ms = now_ms;
        match successor {
            None => Answer::Changed(id),
            Some(successor) => {
                row.rotate(successor, now_ms);
                Answer::Refreshed(id)
            }
        }
    }

    fn revoke_user(&mut self, user: &str, except: Option<SessionId>, now_ms: u64) -> Answer {
        let of_user = |row: &Row| row.user == user;
        if let Some(kept) = except
            && !self.rows.iter().any(|row| of_user(row) && row.id == kept && !row.dead(now_ms))
        {
            return Answer::NotFound;
        }
        let ending = |row: &Row| of_user(row) && Some(row.id) != except;
        let live = self.rows.iter().filter(|row| ending(row) && !row.dead(now_ms)).count();
        if live > 0 {
            self.rows.retain(|row| !ending(row));
        }
        Answer::Ended(live)
    }
}

/// What came of a deed, as far as a model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Outcome`")]
pub enum Answer {
    Created(SessionId),
    Refreshed(SessionId),
    Reused(SessionId, ReuseVerdict),
    Changed(SessionId),
    Unchanged(SessionId),
    Ended(usize),
    Swept(usize),
    Compacted(usize),
    Recorded,
    PolicyUnchanged,
    NotFound,
    NotAGuest(SessionId),
    AlreadyDone,
}

impl Answer {
    /// The answer of the real ledger, in the model's words.
    pub fn of(outcome: Outcome) -> Self {
        let count = |count: u32| usize::try_from(count).expect("small");
        match outcome {
            Outcome::Created(id) => Self::Created(id),
            Outcome::Refreshed(id) => Self::Refreshed(id),
            Outcome::Reused(id, verdict) => Self::Reused(id, verdict),
            Outcome::Changed(id) => Self::Changed(id),
            Outcome::Unchanged(id) => Self::Unchanged(id),
            Outcome::Ended(ended) => Self::Ended(count(ended)),
            Outcome::Expired(expired) => Self::Swept(count(expired)),
            Outcome::Recorded => Self::Recorded,
            Outcome::PolicyUnchanged => Self::PolicyUnchanged,
            Outcome::NotFound => Self::NotFound,
            Outcome::NotAGuest(id) => Self::NotAGuest(id),
            Outcome::AlreadyDone(_) => Self::AlreadyDone,
        }
    }

    /// Whether it left an event.
    pub fn wrote(self) -> bool {
        match self {
            Self::Created(_)
            | Self::Refreshed(_)
            | Self::Reused(..)
            | Self::Changed(_)
            | Self::Compacted(_)
            | Self::Recorded => true,
            Self::Ended(count) | Self::Swept(count) => count > 0,
            Self::Unchanged(_)
            | Self::PolicyUnchanged
            | Self::NotFound
            | Self::NotAGuest(_)
            | Self::AlreadyDone => false,
        }
    }
}

/// The reasons that the suites give; any will do, the model keeps none.
pub const LOGOUT: EndReason = EndReason::Logout;
/// As [`LOGOUT`], for failures.
pub const WRONG: FailureReason = FailureReason::WrongPassword;
