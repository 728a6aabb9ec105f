//! A session's data: keys that are set and removed, all of a command's or none.

use super::{Decided, Outcome, Rejection, Scene, answer, subject_of};
use crate::{
    DataKey, Event, Fact, SessionRef, SessionView, Subject, Text, limits,
    session::{Data, bytes_of},
};

impl<V: SessionView> Scene<'_, V> {
    /// What is as wanted already leaves no event.
    pub(super) fn change_data(
        &self,
        session: SessionRef,
        changes: &[(DataKey, Option<Text>)],
    ) -> Result<Decided, Rejection> {
        let Some(state) = self.live(session) else { return Ok(answer(Outcome::NotFound)) };
        let mut data = state.data.as_deref().cloned().unwrap_or_default();
        let mut events = Vec::with_capacity(changes.len());
        let mut is_larger = false;
        for (key, value) in changes {
            let (subject, key) = (subject_of(&state), key.clone());
            match value {
                Some(value) if data.get(&key) != Some(value) => {
                    is_larger = true;
                    data.insert(key.clone(), value.clone());
                    let value = value.clone();
                    events.push(self.event(Fact::DataSet { subject, key, value }));
                }
                None if data.remove(&key).is_some() => {
                    events.push(self.event(Fact::DataRemoved { subject, key }));
                }
                Some(_) | None => {}
            }
        }
        if is_larger {
            check(&data)?;
        }
        let id = state.id();
        let outcome = if events.is_empty() { Outcome::Unchanged(id) } else { Outcome::Changed(id) };
        Ok(Decided { events, outcome })
    }

    /// The first data of a session.
    pub(super) fn first_data(&self, subject: &Subject, data: &Data) -> Vec<Event> {
        let set = |(key, value): (&DataKey, &Text)| {
            let (subject, key, value) = (subject.clone(), key.clone(), value.clone());
            self.event(Fact::DataSet { subject, key, value })
        };
        data.iter().map(set).collect()
    }
}

/// Refuses data that is over the limit of a session.
pub(super) fn check(data: &Data) -> Result<(), Rejection> {
    match bytes_of(data) {
        0..=limits::DATA_BYTES_MAX => Ok(()),
        bytes => Err(Rejection::DataTooLarge { bytes }),
    }
}
