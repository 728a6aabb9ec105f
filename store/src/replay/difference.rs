//! What differs between two states: sessions that came, went and changed, and the policy.

use std::collections::BTreeSet;

use passbook_core::{PolicyInForce, SessionId, SessionState, Text};

use super::ending::Ending;

/// What differs between a state and a later one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Sessions that are only in the later one, in the order of ids.
    pub opened: Vec<SessionState>,
    /// Sessions that are only in the earlier one, in the order of ids.
    pub ended: Vec<Ended>,
    /// Sessions that are in both and not the same, in the order of ids.
    pub changed: Vec<SessionChange>,
    /// The policy before and after, if it is not the same.
    pub policy: Option<(PolicyInForce, PolicyInForce)>,
}

/// A session that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// As it was in the earlier state.
    pub state: SessionState,
    /// How it ended.
    pub ending: Ending,
}

/// A session that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionChange {
    /// Which.
    pub session: SessionId,
    /// Whose it is now.
    pub user: Text,
    /// What of it: at least one.
    pub fields: Vec<FieldChange>,
}

/// A field that changed, as it was and as it is. Times are Unix milliseconds, `u64::MAX` = never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldChange {
    /// Whose it is.
    User(Text, Text),
    /// Whether it is a guest's.
    Guest(bool, bool),
    /// The time of login, if the session was opened anew under its id.
    CreatedAt(u64, u64),
    /// The last login, refresh, upgrade or touch.
    LastActiveAt(u64, u64),
    /// When it expires.
    ExpiresAt(u64, u64),
    /// Beyond this nothing extends it.
    AbsoluteAt(u64, u64),
    /// How long a refresh or touch extends it, in milliseconds; 0 = for ever.
    Lifetime(u64, u64),
    /// The generation of the live token: a new token took the old one's place.
    Generation(u32, u32),
    /// What a person calls the device.
    Device(Option<Text>, Option<Text>),
    /// The organisation that it acts for.
    Tenant(Option<Text>, Option<Text>),
    /// A key of its data, with the value (JSON text) before and after; `None` = it has not the key.
    Data(Text, Option<Text>, Option<Text>),
}

impl Difference {
    /// Whether the two are the same.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
            && self.ended.is_empty()
            && self.changed.is_empty()
            && self.policy.is_none()
    }

    /// Adds one session, as it is in both states.
    pub(super) fn add_changed(&mut self, before: &SessionState, after: &SessionState) {
        let fields = fields(before, after);
        if !fields.is_empty() {
            let (session, user) = (after.id(), after.session.user_id.clone());
            self.changed.push(SessionChange { session, user, fields });
        }
    }
}

/// What of the session is not the same.
fn fields(before: &SessionState, after: &SessionState) -> Vec<FieldChange> {
    let (old, new) = (&before.session, &after.session);
    let mut fields = Vec::new();
    let mut note = |differs: bool, field: FieldChange| {
        if differs {
            fields.push(field);
        }
    };
    note(before.generation != after.generation || before.digest != after.digest, {
        FieldChange::Generation(before.generation, after.generation)
    });
    note(old.user_id != new.user_id, FieldChange::User(old.user_id.clone(), new.user_id.clone()));
    note(old.is_guest != new.is_guest, FieldChange::Guest(old.is_guest, new.is_guest));
    note(
        old.created_at_ms != new.created_at_ms,
        FieldChange::CreatedAt(old.created_at_ms, new.created_at_ms),
    );
    note(
        old.last_active_at_ms != new.last_active_at_ms,
        FieldChange::LastActiveAt(old.last_active_at_ms, new.last_active_at_ms),
    );
    note(
        old.expires_at_ms != new.expires_at_ms,
        FieldChange::ExpiresAt(old.expires_at_ms, new.expires_at_ms),
    );
    note(
        before.absolute_at_ms != after.absolute_at_ms,
        FieldChange::AbsoluteAt(before.absolute_at_ms, after.absolute_at_ms),
    );
    note(
        before.lifetime_ms != after.lifetime_ms,
        FieldChange::Lifetime(before.lifetime_ms, after.lifetime_ms),
    );
    note(old.device != new.device, FieldChange::Device(old.device.clone(), new.device.clone()));
    note(
        old.tenant_id != new.tenant_id,
        FieldChange::Tenant(old.tenant_id.clone(), new.tenant_id.clone()),
    );
    fields.extend(data_fields(before, after));
    fields
}

fn data_fields(before: &SessionState, after: &SessionState) -> Vec<FieldChange> {
    let (old, new) = (before.data.as_deref(), after.data.as_deref());
    if old == new {
        return Vec::new();
    }
    let keys: BTreeSet<_> = old.iter().chain(new.iter()).flat_map(|data| data.keys()).collect();
    let changes = keys.into_iter().filter_map(|key| {
        let value = |data: Option<&passbook_core::session::Data>| data?.get(key).cloned();
        let (old, new) = (value(old), value(new));
        (old != new).then(|| FieldChange::Data(key.text().clone(), old, new))
    });
    changes.collect()
}
