//! All sessions in both worlds, and what each event does to them.

use std::collections::{BTreeMap, BTreeSet};

use passbook_core::{
    EndReason, Event, Fact, OnReuse, Policy, PolicyInForce, ReuseVerdict, Rule, SessionId,
    SessionView as _, Text, Transport, WholeState as _,
};

use super::{
    EndOf, Shift, Why,
    life::{Life, Policies, Twin},
};
use crate::as_of::View;

/// Twins that are looked through for the first time.
const SETTLE_FROM: usize = 65_536;

/// Both worlds.
#[derive(Debug)]
pub(super) struct World {
    policies: Policies,
    /// The policy of the record when the span begins.
    first_policy: PolicyInForce,
    twins: BTreeMap<SessionId, Twin>,
    by_user: BTreeMap<Text, BTreeSet<SessionId>>,
    /// Evictions of the login whose own event comes next.
    evictions: Vec<Eviction>,
    /// Of sessions that are over.
    shifts: Vec<Shift>,
    sessions: u64,
    /// Up to when everything that had expired is gone from the record.
    swept_ms: u64,
    settle_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Eviction {
    session: SessionId,
    limit: u32,
    end: EndOf,
}

/// By whose limit a login was measured.
#[derive(Debug, Clone, Copy)]
enum Limit {
    OfPolicy,
    OfLogin(u32),
    /// The login's own, and it did not bite.
    Unknown,
}

/// Where and when an event stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    moment_ms: u64,
}

impl World {
    pub(super) fn new(view: &View, other: Policy) -> Self {
        let first_policy = view.policy();
        let policies = Policies { recorded: first_policy.policy, other };
        let mut world = Self {
            policies,
            first_policy,
            twins: BTreeMap::new(),
            by_user: BTreeMap::new(),
            evictions: Vec::new(),
            shifts: Vec::new(),
            sessions: 0,
            swept_ms: 0,
            settle_at: SETTLE_FROM,
        };
        for id in view.live().ids() {
            let Some(state) = view.live().session(id) else { continue };
            if !state.session.is_expired(view.at_ms()) {
                world.insert(id, Twin::carried(&state, &policies, view.at_ms()));
            }
        }
        world
    }

    /// What it all comes to.
    pub(super) fn finish(mut self, judged_at_ms: u64) -> (PolicyInForce, u64, Vec<Shift>) {
        let left = self.twins.iter().filter_map(|(id, twin)| twin.shift(*id, judged_at_ms));
        self.shifts.extend(left);
        self.shifts.sort_by_key(|shift| shift.session);
        (self.first_policy, self.sessions, self.shifts)
    }

    /// Takes the next event.
    pub(super) fn add(&mut self, sequence: u64, event: &Event) {
        let place = Place { sequence, moment_ms: event.happened_at_ms() };
        match &event.fact {
            Fact::PolicySet { policy, .. } => self.policies.recorded = *policy,
            Fact::SessionCreated { .. } => self.log_in(place, event),
            Fact::SessionRefreshed { subject, lifetime_ms, expires_at_ms, .. } => {
                self.extend(subject.session, place, (Some(*lifetime_ms), *expires_at_ms));
            }
            Fact::SessionReauthenticated { subject, expires_at_ms, .. }
            | Fact::SessionTouched { subject, expires_at_ms } => {
                self.extend(subject.session, place, (None, *expires_at_ms));
            }
            Fact::SessionUpgraded { subject, .. } => {
                self.upgrade(subject.session, subject.user.text(), place);
            }
            Fact::SessionRevoked { subject, reason, rule, .. } => {
                self.revoke(subject.session, (*reason, rule), place);
            }
            Fact::UserSessionsRevoked { user, except, reason, .. } => {
                let end = end_of(place, *reason, Why::Requested);
                self.revoke_all(user.text(), *except, end);
            }
            Fact::SessionsExpired { effective_now_ms, .. }
            | Fact::Compacted { effective_now_ms, .. } => {
                self.swept_ms = self.swept_ms.max(*effective_now_ms);
                self.settle_if_due();
            }
            Fact::TokenReuseDetected { .. } => self.reuse(place, &event.fact),
            Fact::Opened { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => {}
        }
    }

    fn log_in(&mut self, place: Place, event: &Event) {
        let Fact::SessionCreated {
            subject,
            transport,
            created_at_ms,
            lifetime_ms,
            expires_at_ms,
            absolute_at_ms,
            ..
        } = &event.fact
        else {
            return;
        };
        let is_ours = *transport != Transport::Imported && event.occurred_at_ms.is_none();
        if is_ours || !self.evictions.is_empty() {
            self.make_room(subject.user.text(), None, place);
        }
        let recorded = Life {
            created_at_ms: *created_at_ms,
            last_active_at_ms: *created_at_ms,
            expires_at_ms: *expires_at_ms,
            absolute_at_ms: *absolute_at_ms,
            lifetime_ms: *lifetime_ms,
            end: None,
        };
        // What comes from elsewhere has the times that were given there.
        let other = if is_ours { self.policies.other(recorded, *created_at_ms) } else { recorded };
        self.insert(subject.session, Twin { user: subject.user.text().clone(), recorded, other });
    }

    fn upgrade(&mut self, id: SessionId, user: &Text, place: Place) {
        let Some(twin) = self.twins.get(&id) else { return };
        let lives = twin.other.is_alive(place.moment_ms);
        if lives {
            self.make_room(user, Some(id), place);
        } else {
            self.evict_in_the_record();
        }
        let Some(mut twin) = self.remove(id) else { return };
        twin.recorded.last_active_at_ms = place.moment_ms;
        if lives {
            twin.other.last_active_at_ms = place.moment_ms;
        }
        twin.user = user.clone();
        self.put(id, twin);
    }

    fn revoke(&mut self, session: SessionId, (reason, rule): (EndReason, &Rule), place: Place) {
        match rule {
            Rule::Requested | Rule::ReplacedBy(_) => {
                self.change(session, |twin| twin.end_at(end_of(place, reason, Why::Requested)));
            }
            Rule::SessionsPerUser { limit, live } => {
                let why = Why::Limit { limit: *limit, live: *live };
                let end = end_of(place, reason, why);
                self.evictions.push(Eviction { session, limit: *limit, end });
            }
        }
    }

    /// In a world where the one that is to live on is dead, that would have been refused.
    fn revoke_all(&mut self, user: &Text, except: Option<SessionId>, end: EndOf) {
        let lives = |id: SessionId| {
            self.twins
                .get(&id)
                .is_some_and(|twin| twin.user == *user && twin.other.is_alive(end.at_ms))
        };
        let is_allowed = except.is_none_or(lives);
        for id in self.ids_of(user).into_iter().filter(|id| Some(*id) != except) {
            self.change(id, |twin| {
                twin.recorded.end_at(end);
                if is_allowed {
                    twin.other.end_at(end);
                }
            });
        }
    }

    /// A login goes over the limit, or does not, in each of the worlds.
    fn make_room(&mut self, user: &Text, leaving: Option<SessionId>, place: Place) {
        let limit = self.limit(user, leaving, place.moment_ms);
        self.evict_in_the_record();
        let limit = match limit {
            Limit::OfPolicy => self.policies.other.sessions_per_user_max,
            Limit::OfLogin(limit) => limit,
            Limit::Unknown => 0,
        };
        if limit == 0 {
            return;
        }
        let mut live: Vec<_> = self
            .ids_of(user)
            .into_iter()
            .filter(|id| Some(*id) != leaving)
            .filter_map(|id| {
                let life = &self.twins.get(&id)?.other;
                life.is_alive(place.moment_ms).then_some((life.last_active_at_ms, id))
            })
            .collect();
        live.sort_unstable();
        let kept = usize::try_from(limit - 1).unwrap_or(usize::MAX);
        let count = u32::try_from(live.len()).unwrap_or(u32::MAX);
        let end = end_of(place, EndReason::Evicted, Why::Limit { limit, live: count });
        for (_, id) in live.iter().take(live.len().saturating_sub(kept)) {
            self.change(*id, |twin| twin.other.end_at(end));
        }
    }

    /// By which limit the recorded login was measured.
    fn limit(&self, user: &Text, leaving: Option<SessionId>, moment_ms: u64) -> Limit {
        let of_policy = self.policies.recorded.sessions_per_user_max;
        if let Some(eviction) = self.evictions.first() {
            let is_own = eviction.limit != of_policy;
            return if is_own { Limit::OfLogin(eviction.limit) } else { Limit::OfPolicy };
        }
        let live = self.ids_of(user).into_iter().filter(|id| Some(*id) != leaving);
        let live = live.filter_map(|id| self.twins.get(&id));
        let live = live.filter(|twin| twin.recorded.is_alive(moment_ms)).count();
        let would_bite = of_policy > 0 && live >= usize::try_from(of_policy).unwrap_or(usize::MAX);
        if would_bite { Limit::Unknown } else { Limit::OfPolicy }
    }

    fn evict_in_the_record(&mut self) {
        for Eviction { session, end, .. } in std::mem::take(&mut self.evictions) {
            self.change(session, |twin| twin.recorded.end_at(end));
        }
    }

    fn reuse(&mut self, place: Place, fact: &Fact) {
        let Fact::TokenReuseDetected { subject, spent_at_ms, race_window_ms, verdict, .. } = fact
        else {
            return;
        };
        let Policies { recorded, other } = self.policies;
        let age_ms = place.moment_ms.saturating_sub(*spent_at_ms);
        let is_same =
            (*race_window_ms, recorded.on_reuse) == (other.race_window_ms, other.on_reuse);
        let other_verdict = match other.on_reuse {
            _ if is_same => *verdict,
            _ if age_ms <= other.race_window_ms => ReuseVerdict::Race,
            OnReuse::Refuse => ReuseVerdict::Refused,
            OnReuse::EndSession => ReuseVerdict::Ended,
        };
        let end = |race_window_ms| {
            end_of(place, EndReason::TokenReuse, Why::Reuse { age_ms, race_window_ms })
        };
        self.change(subject.session, |twin| {
            if *verdict == ReuseVerdict::Ended {
                twin.recorded.end_at(end(*race_window_ms));
            }
            if other_verdict == ReuseVerdict::Ended {
                twin.other.end_at(end(other.race_window_ms));
            }
        });
    }

    fn extend(&mut self, id: SessionId, place: Place, extended: (Option<u64>, u64)) {
        let policies = self.policies;
        if let Some(twin) = self.twins.get_mut(&id) {
            twin.extend(&policies, place.moment_ms, extended);
        }
    }

    /// Changes a session; it goes once no later event can be about it.
    fn change(&mut self, id: SessionId, change: impl FnOnce(&mut Twin)) {
        let Some(twin) = self.twins.get_mut(&id) else { return };
        change(twin);
        if twin.recorded.end.is_some() && twin.other.end.is_some() {
            self.settle(id);
        }
    }

    fn settle(&mut self, id: SessionId) {
        if let Some(twin) = self.remove(id) {
            self.shifts.extend(twin.shift(id, u64::MAX));
        }
    }

    /// Lets go of sessions that are over, once there are twice as many as the last time.
    fn settle_if_due(&mut self) {
        if self.twins.len() < self.settle_at {
            return;
        }
        let swept_ms = self.swept_ms;
        let over = self.twins.iter().filter(|(_, twin)| twin.is_over(swept_ms));
        let over: Vec<_> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.settle(id);
        }
        self.settle_at = (2 * self.twins.len()).max(SETTLE_FROM);
    }

    fn ids_of(&self, user: &Text) -> Vec<SessionId> {
        self.by_user.get(user).into_iter().flatten().copied().collect()
    }

    /// Adds a session that is new in the span.
    fn insert(&mut self, id: SessionId, twin: Twin) {
        if self.twins.contains_key(&id) {
            // Opened anew under its id: what it was is over.
            self.settle(id);
        }
        self.sessions += 1;
        self.put(id, twin);
    }

    fn put(&mut self, id: SessionId, twin: Twin) {
        self.by_user.entry(twin.user.clone()).or_default().insert(id);
        self.twins.insert(id, twin);
    }

    fn remove(&mut self, id: SessionId) -> Option<Twin> {
        let twin = self.twins.remove(&id)?;
        if let Some(ids) = self.by_user.get_mut(&twin.user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_user.remove(&twin.user);
            }
        }
        Some(twin)
    }
}

fn end_of(place: Place, reason: EndReason, why: Why) -> EndOf {
    EndOf { at_ms: place.moment_ms, reason, sequence: Some(place.sequence), why }
}
