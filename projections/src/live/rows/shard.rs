//! One shard: its rows, the texts that they share, and what few of them have.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use hashbrown::HashMap;
use passbook_core::{
    Renewal, Session, SessionState, SpentToken, Text, TokenDigest,
    session::{Data, NEVER_MS},
    snapshot::SessionRecord,
};

use passbook_planted::Bug;

use super::aside::Aside;
use crate::live::{
    chunks::{Chunks, PART_LEN},
    labels::Labels,
    row::{Address, Row},
    slot::Slot,
};

/// Rows under one lock.
#[derive(Debug, Default)]
pub(crate) struct RowShard {
    rows: Chunks<Option<Row>>,
    /// Each shard has its own: readers of one text count its references in many places.
    labels: Labels,
    absolute_at_ms: HashMap<Slot, u64>,
    ipv6: HashMap<Slot, Ipv6Addr>,
    data: HashMap<Slot, Arc<Data>>,
    spent: HashMap<Slot, Vec<SpentToken>>,
    /// Only while a capture runs.
    aside: Option<Box<Aside>>,
}

impl RowShard {
    /// The row in that slot, if one is there.
    pub(crate) fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot.index_in_shard())?.as_ref()
    }

    /// The rows of one part, each with its slot, if this is the shard of that number; `None` beyond
    /// the last part.
    pub(super) fn part(
        &self,
        shard: u32,
        part: usize,
    ) -> Option<impl Iterator<Item = (Slot, &Row)>> {
        let rows = self.rows.part(part)?;
        let slots = (part * PART_LEN..).map(move |index| Slot::at(shard, index));
        Some(slots.zip(rows).filter_map(|(slot, row)| Some((slot?, row.as_ref()?))))
    }

    /// What a reader sees of the row in that slot.
    pub(crate) fn session(&self, slot: Slot, row: &Row) -> Session {
        let text = |label: Option<_>| label.and_then(|label| self.labels.text(label));
        Session {
            id: row.id,
            user_id: row.user.clone(),
            is_guest: row.is_guest,
            created_at_ms: row.created_at_ms,
            last_active_at_ms: row.last_active_at_ms,
            expires_at_ms: row.expires_at_ms,
            device: text(row.device),
            tenant_id: text(row.tenant),
            ip: match row.address {
                Address::Unknown => None,
                Address::V4(bytes) => Some(IpAddr::from(bytes)),
                Address::V6 => self.ipv6.get(&slot).copied().map(IpAddr::V6),
            },
            user_agent: text(row.user_agent),
            transport: row.transport,
        }
    }

    /// What rules see of the row in that slot.
    pub(crate) fn state(&self, slot: Slot, row: &Row) -> SessionState {
        SessionState {
            session: self.session(slot, row),
            digest: row.digest(),
            generation: row.generation,
            lifetime_ms: row.lifetime_ms,
            absolute_at_ms: self.absolute_at_ms.get(&slot).copied().unwrap_or(NEVER_MS),
            data: self.data(slot),
        }
    }

    /// The application's data of the session in that slot.
    pub(crate) fn data(&self, slot: Slot) -> Option<Arc<Data>> {
        self.data.get(&slot).cloned()
    }

    /// The spent tokens of the session in that slot, oldest first.
    pub(crate) fn spent(&self, slot: Slot) -> &[SpentToken] {
        self.spent.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// Adds a spent token.
    pub(crate) fn spend(&mut self, slot: Slot, token: SpentToken) {
        self.set_aside(slot);
        self.keep_spent(slot, token);
    }

    fn keep_spent(&mut self, slot: Slot, token: SpentToken) {
        if !Bug::SpentForgotten.is_planted() {
            self.spent.entry(slot).or_insert_with(|| Vec::with_capacity(1)).push(token);
        }
    }

    /// Takes the last spent token away again.
    pub(crate) fn unspend(&mut self, slot: Slot) -> Option<SpentToken> {
        self.set_aside(slot);
        let spent = self.spent.get_mut(&slot)?;
        let token = spent.pop();
        if spent.is_empty() {
            self.spent.remove(&slot);
        }
        token
    }

    /// Writes a session into a slot; if one is there, it keeps its spent tokens.
    pub(crate) fn put(&mut self, slot: Slot, state: &SessionState, user: Text) {
        self.set_aside(slot);
        self.put_beside(slot, state);
        let session = &state.session;
        let place = self.rows.grown_to(slot.index_in_shard());
        let [device, tenant, user_agent] = match &*place {
            Some(old) => [old.device, old.tenant, old.user_agent],
            None => Default::default(),
        };
        *place = Some(Row {
            digest: state.digest.unwrap_or(TokenDigest::from_bytes([0; 32])),
            id: session.id,
            user,
            created_at_ms: session.created_at_ms,
            last_active_at_ms: session.last_active_at_ms,
            expires_at_ms: session.expires_at_ms,
            lifetime_ms: state.lifetime_ms,
            device: self.labels.exchange(device, session.device.as_ref()),
            tenant: self.labels.exchange(tenant, session.tenant_id.as_ref()),
            user_agent: self.labels.exchange(user_agent, session.user_agent.as_ref()),
            generation: state.generation,
            address: match session.ip {
                None => Address::Unknown,
                Some(IpAddr::V4(address)) => Address::V4(address.octets()),
                Some(IpAddr::V6(_)) => Address::V6,
            },
            has_token: state.digest.is_some(),
            is_guest: session.is_guest,
            transport: session.transport,
        });
    }

    /// Renews the session in that slot, if one is there; the token that it spends by it is kept, and
    /// given.
    pub(crate) fn renew(&mut self, slot: Slot, renewal: &Renewal) -> Option<SpentToken> {
        self.set_aside(slot);
        let row = self.rows.get_mut(slot.index_in_shard())?.as_mut()?;
        row.last_active_at_ms = renewal.last_active_at_ms;
        row.expires_at_ms = renewal.expires_at_ms;
        row.lifetime_ms = renewal.lifetime_ms.unwrap_or(row.lifetime_ms);
        let (digest, generation) = renewal.token?;
        let spent = row.digest().map(|digest| SpentToken {
            digest,
            generation: row.generation,
            spent_at_ms: renewal.last_active_at_ms,
        });
        row.digest = digest;
        row.generation = generation;
        row.has_token = true;
        let spent = spent?;
        self.keep_spent(slot, spent);
        Some(spent)
    }

    /// What a row has no place for.
    fn put_beside(&mut self, slot: Slot, state: &SessionState) {
        let ipv6 = match state.session.ip {
            None | Some(IpAddr::V4(_)) => None,
            Some(IpAddr::V6(address)) => Some(address),
        };
        let absolute_at_ms = (state.absolute_at_ms != NEVER_MS).then_some(state.absolute_at_ms);
        set(&mut self.ipv6, slot, ipv6);
        set(&mut self.absolute_at_ms, slot, absolute_at_ms);
        set(&mut self.data, slot, state.data.clone());
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.set_aside(slot);
        let Some(row) = self.rows.get_mut(slot.index_in_shard()).and_then(Option::take) else {
            return;
        };
        for label in [row.device, row.tenant, row.user_agent] {
            self.labels.exchange(label, None);
        }
        set(&mut self.ipv6, slot, None);
        set(&mut self.absolute_at_ms, slot, None);
        set(&mut self.data, slot, None);
        set(&mut self.spent, slot, None);
    }

    /// The row in that slot with its spent tokens, if one is there.
    fn record(&self, slot: Slot) -> Option<SessionRecord> {
        let row = self.row(slot)?;
        Some((self.state(slot, row), self.spent(slot).to_vec()))
    }

    /// Before a change: while a capture runs, what it has not copied is kept as it was.
    #[inline]
    fn set_aside(&mut self, slot: Slot) {
        if self.aside.is_some() {
            self.set_aside_now(slot);
        }
    }

    #[cold]
    fn set_aside_now(&mut self, slot: Slot) {
        let is_wanted = self.aside.as_mut().is_some_and(|kept| kept.wants(slot.index_in_shard()));
        let record = if is_wanted { self.record(slot) } else { None };
        if let (Some(aside), Some(record)) = (&mut self.aside, record) {
            aside.keep(record);
        }
    }

    /// Begins a capture of the rows before `end`.
    pub(super) fn begin_capture(&mut self, end: usize) {
        self.aside = Some(Box::new(Aside::new(end)));
    }

    /// Ends it.
    pub(super) fn end_capture(&mut self) -> Option<Box<Aside>> {
        self.aside.take()
    }

    /// Copies up to `len` rows from that index on, if this is the shard of that number, and hands
    /// over what was set aside; whether there are more.
    pub(super) fn copy(
        &self,
        shard: u32,
        from: usize,
        len: usize,
        records: &mut Vec<SessionRecord>,
    ) -> Option<Copied> {
        let aside = self.aside.as_deref()?;
        let to = aside.end().min(from + len);
        for index in from..to {
            if let Some(slot) = Slot::at(shard, index)
                && !aside.has_changed(index)
            {
                records.extend(self.record(slot));
            }
        }
        Some(Copied { has_more: to < aside.end(), set_aside: aside.copied_to(to) })
    }

    pub(super) fn labels(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn beside(&self) -> usize {
        self.absolute_at_ms.len() + self.ipv6.len() + self.data.len() + self.spent.len()
    }
}

/// What a step of a copy came to, beside the rows copied.
#[derive(Debug)]
pub(crate) struct Copied {
    /// Whether rows are left that belong to the picture.
    pub(crate) has_more: bool,
    /// Rows as they were before they changed.
    pub(crate) set_aside: Vec<SessionRecord>,
}

fn set<T>(table: &mut HashMap<Slot, T>, slot: Slot, value: Option<T>) {
    match value {
        Some(value) => drop(table.insert(slot, value)),
        None if table.is_empty() => {}
        None => drop(table.remove(&slot)),
    }
}
