//! Carrying a session on: a new token for the old one, a touch, and what a spent token means.

use passbook_planted::Bug;

use super::{Decided, Outcome, Scene, answer, subject_of};
use crate::{
    Amr, Fact, OnReuse, ReuseVerdict, SessionRef, SessionState, SessionView, SpentToken,
    TokenDigest, TokenStanding, policy::deadline,
};

impl<V: SessionView> Scene<'_, V> {
    pub(super) fn refresh(
        &self,
        presented: &TokenDigest,
        successor: &TokenDigest,
        lifetime_ms: Option<u64>,
    ) -> Decided {
        self.rotate(presented, |state| {
            let lifetime_ms = lifetime_ms.unwrap_or(state.lifetime_ms);
            Fact::SessionRefreshed {
                subject: subject_of(state),
                digest: *successor,
                generation: state.generation.saturating_add(1),
                lifetime_ms,
                expires_at_ms: self.extended(state, lifetime_ms),
            }
        })
    }

    pub(super) fn reauthenticate(
        &self,
        presented: &TokenDigest,
        successor: &TokenDigest,
        amr: &Amr,
    ) -> Decided {
        self.rotate(presented, |state| Fact::SessionReauthenticated {
            subject: subject_of(state),
            amr: amr.clone(),
            digest: *successor,
            generation: state.generation.saturating_add(1),
            expires_at_ms: self.extended(state, state.lifetime_ms),
        })
    }

    /// The presented token's session gets a new one by that fact, if it is the live one.
    fn rotate(
        &self,
        presented: &TokenDigest,
        rotated: impl FnOnce(&SessionState) -> Fact,
    ) -> Decided {
        match self.view.token(presented) {
            None => answer(Outcome::NotFound),
            Some(TokenStanding::Live(state) | TokenStanding::Spent(state, _))
                if state.session.is_expired(self.moment_ms) =>
            {
                answer(Outcome::NotFound)
            }
            Some(TokenStanding::Live(state)) => {
                let events = vec![self.event(rotated(&state))];
                Decided { events, outcome: Outcome::Refreshed(state.id()) }
            }
            Some(TokenStanding::Spent(state, spent)) => self.reused(&state, spent),
        }
    }

    pub(super) fn touch(&self, session: SessionRef) -> Decided {
        self.change(session, |subject, state| {
            let expires_at_ms = self.extended(state, state.lifetime_ms);
            let same = expires_at_ms == state.session.expires_at_ms
                && state.session.last_active_at_ms == self.at_ms;
            (!same).then_some(Fact::SessionTouched { subject, expires_at_ms })
        })
    }

    /// When a session that is extended now expires: never past its absolute timeout.
    fn extended(&self, state: &SessionState, lifetime_ms: u64) -> u64 {
        let idle_at_ms = deadline(self.moment_ms, lifetime_ms);
        if Bug::AbsoluteTimeoutIgnored.is_planted() {
            return idle_at_ms;
        }
        idle_at_ms.min(state.absolute_at_ms)
    }

    /// A spent token was shown: a race, if its successor is young; else one of two bearers stole it.
    fn reused(&self, state: &SessionState, spent: SpentToken) -> Decided {
        let in_force = self.view.policy();
        let policy = in_force.policy;
        let age_ms = self.moment_ms.saturating_sub(spent.spent_at_ms);
        let verdict = match policy.on_reuse {
            _ if Bug::ReuseIsARace.is_planted() => ReuseVerdict::Race,
            _ if age_ms <= policy.race_window_ms => ReuseVerdict::Race,
            OnReuse::Refuse => ReuseVerdict::Refused,
            OnReuse::EndSession => ReuseVerdict::Ended,
        };
        let fact = Fact::TokenReuseDetected {
            subject: subject_of(state),
            presented_generation: spent.generation,
            current_generation: state.generation,
            spent_at_ms: spent.spent_at_ms,
            race_window_ms: policy.race_window_ms,
            policy_version: in_force.version,
            verdict,
        };
        let outcome = Outcome::Reused(state.id(), verdict);
        Decided { events: vec![self.event(fact)], outcome }
    }
}
