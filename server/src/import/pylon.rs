//! Sessions of pylon: the table `_pylon_sessions`, with tokens in plain text and times in seconds.

use passbook::{Transport, core::session::NEVER_MS};

use super::{
    columns::{Cells, Wanted},
    session::{Incoming, Reason, Told, foreign_digest, lifetime, ms_of_seconds},
};

/// The table.
pub(crate) const TABLE: &str = "_pylon_sessions";
/// Its columns; the first versions had no tenant.
pub(crate) const WANTED: Wanted = Wanted {
    columns: &["token", "user_id", "expires_at", "created_at", "device"],
    optional: &["tenant_id"],
};
/// What pylon puts in front of a guest's id.
const GUEST_PREFIX: &str = "guest_";

pub(crate) fn told(row: &dyn Cells) -> Result<Incoming, Reason> {
    let seconds = |name: &str| {
        let ms = row.integer(name)?.and_then(ms_of_seconds);
        ms.ok_or_else(|| format!("{name} is no count of seconds since 1970"))
    };
    let (created_at_ms, expires_at_ms) = (seconds("created_at")?, seconds("expires_at")?);
    let user = row.text("user_id")?.to_string();
    let never = expires_at_ms == 0;
    Told {
        digest: Some(foreign_digest(&row.text("token")?)?),
        is_guest: user.starts_with(GUEST_PREFIX),
        user,
        transport: Transport::Token,
        created_at_ms,
        last_active_at_ms: created_at_ms,
        expires_at_ms: if never { NEVER_MS } else { expires_at_ms },
        lifetime_ms: if never { Some(0) } else { lifetime(created_at_ms, expires_at_ms) },
        device: row.label("device")?,
        tenant: row.label("tenant_id")?,
        ..Told::default()
    }
    .into_incoming("pylon")
}
