//! Who is logged in after some events: a fold of its own, as plain as can be.

use std::collections::BTreeMap;

use passbook::core::{Event, Fact, ReuseVerdict, SessionId};

/// What is known of a session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose it is.
    pub user: String,
    /// When it expires; `u64::MAX` = never.
    pub expires_at_ms: u64,
    /// What the device is called.
    pub device: Option<String>,
    /// For whom it acts.
    pub tenant: Option<String>,
    /// Its data.
    pub data: BTreeMap<String, String>,
}

/// The sessions that have not ended.
pub type Sessions = BTreeMap<SessionId, Row>;

/// Takes an event in. What it says of sessions that are not there changes nothing.
pub fn take(sessions: &mut Sessions, event: &Event) {
    if let Fact::SessionCreated { subject, device, tenant, expires_at_ms, .. } = &event.fact {
        let row = Row {
            user: subject.user.to_string(),
            expires_at_ms: *expires_at_ms,
            device: device.as_ref().map(ToString::to_string),
            tenant: tenant.as_ref().map(ToString::to_string),
            data: BTreeMap::new(),
        };
        sessions.insert(subject.session, row);
        return;
    }
    if !end(sessions, event)
        && let Some(row) =
            event.fact.subject().and_then(|subject| sessions.get_mut(&subject.session))
    {
        change(row, event);
    }
}

/// Ends what the event ends; whether it is of a kind that ends something.
fn end(sessions: &mut Sessions, event: &Event) -> bool {
    match &event.fact {
        Fact::SessionRevoked { subject, .. }
        | Fact::TokenReuseDetected { subject, verdict: ReuseVerdict::Ended, .. } => {
            sessions.remove(&subject.session);
        }
        Fact::UserSessionsRevoked { user, except, .. } => {
            sessions.retain(|id, row| row.user != **user || Some(*id) == *except);
        }
        Fact::SessionsExpired { effective_now_ms, .. }
        | Fact::Compacted { effective_now_ms, .. } => {
            let now_ms = *effective_now_ms;
            sessions.retain(|_, row| row.expires_at_ms == u64::MAX || row.expires_at_ms > now_ms);
        }
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::SessionCreated { .. }
        | Fact::SessionRefreshed { .. }
        | Fact::SessionReauthenticated { .. }
        | Fact::SessionUpgraded { .. }
        | Fact::DeviceSet { .. }
        | Fact::TenantSet { .. }
        | Fact::DataSet { .. }
        | Fact::DataRemoved { .. }
        | Fact::SessionTouched { .. }
        | Fact::TokenReuseDetected { .. }
        | Fact::LoginFailed { .. }
        | Fact::Bookmark { .. }
        | Fact::Salvaged { .. } => return false,
    }
    true
}

fn change(row: &mut Row, event: &Event) {
    match &event.fact {
        Fact::SessionRefreshed { expires_at_ms, .. }
        | Fact::SessionTouched { expires_at_ms, .. } => row.expires_at_ms = *expires_at_ms,
        Fact::SessionReauthenticated { amr, expires_at_ms, .. } => {
            row.expires_at_ms = *expires_at_ms;
            let amr: Vec<_> = amr.methods().map(|method| format!("{method:?}")).collect();
            let at_ms = event.occurred_at_ms.unwrap_or(event.at_ms);
            let value = format!("{{\"auth_time_ms\":{at_ms},\"amr\":[{}]}}", amr.join(","));
            row.data.insert("passbook:step_up".to_owned(), value);
        }
        Fact::SessionUpgraded { subject, .. } => row.user = subject.user.to_string(),
        Fact::DeviceSet { device, .. } => row.device = Some(device.to_string()),
        Fact::TenantSet { tenant, .. } => row.tenant = tenant.as_ref().map(ToString::to_string),
        Fact::DataSet { key, value, .. } => {
            row.data.insert(key.to_string(), value.to_string());
        }
        Fact::DataRemoved { key, .. } => {
            row.data.remove(&**key);
        }
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::SessionCreated { .. }
        | Fact::SessionRevoked { .. }
        | Fact::UserSessionsRevoked { .. }
        | Fact::SessionsExpired { .. }
        | Fact::TokenReuseDetected { .. }
        | Fact::LoginFailed { .. }
        | Fact::Bookmark { .. }
        | Fact::Compacted { .. }
        | Fact::Salvaged { .. } => {}
    }
}
