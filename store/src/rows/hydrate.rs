//! Taking the rows of a table over into a ledger that is empty.

use passbook_core::{
    Act, Actor, AdoptedSession, Command, DataKey, DeviceLabel, NewSession, Origin, TenantId,
    Transport, UserAgent, UserId,
};
use passbook_projections::rows::SessionRow;

use crate::{
    Ledger,
    error::LedgerError,
    execute::{Committer, Reply},
    inflight::Pending,
};

/// Adopts all of them and waits for the last: what came before it is there then too.
pub(super) fn adopt_all(ledger: &Ledger, rows: Vec<SessionRow>) -> Result<(), LedgerError> {
    let mut last = None;
    for row in rows {
        last = Some(adopt(ledger, row)?);
    }
    last.map_or(Ok(()), |pending| pending.wait().map(|_reply| ()))
}

fn adopt(ledger: &Ledger, row: SessionRow) -> Result<Pending<Reply>, LedgerError> {
    let data = row.data.into_iter().map(|(key, value)| Ok((DataKey::new(key)?, value)));
    let data = data.collect::<Result<_, LedgerError>>()?;
    let session = NewSession {
        id: row.id,
        digest: row.token_digest,
        user: UserId::new(row.user_id)?,
        is_guest: row.is_guest,
        device: row.device.map(DeviceLabel::new).transpose()?,
        tenant: row.tenant_id.map(TenantId::new).transpose()?,
        transport: Transport::Token,
        lifetime_ms: None,
        absolute_timeout_ms: None,
        data,
        replaces: None,
        sessions_per_user_max: None,
    };
    let origin = Origin {
        ip: row.ip,
        user_agent: row.user_agent.as_deref().map(UserAgent::new),
        imported: None,
    };
    let adopted = AdoptedSession {
        session,
        created_at_ms: row.created_at_ms,
        last_active_at_ms: row.last_active_at_ms,
        expires_at_ms: row.expires_at_ms,
    };
    submit(ledger, Act::Adopt(adopted), origin)
}

fn submit(ledger: &Ledger, act: Act, origin: Origin) -> Result<Pending<Reply>, LedgerError> {
    let command = Command { actor: Actor::System, origin, ..Command::new(act) };
    ledger.engine.submit(&command, Committer::Journal)
}
