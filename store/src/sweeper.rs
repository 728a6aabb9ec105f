//! Ends what has expired, on a schedule.

use passbook_core::{Act, Actor, Command};

use crate::execute::{Committer, Engine};

/// A sweep that fails is tried again with the next: expired sessions are dead without it.
pub(crate) fn sweep(engine: &Engine) {
    let command = Command { actor: Actor::System, ..Command::new(Act::Sweep) };
    if let Err(error) =
        engine.submit(&command, Committer::Caller).and_then(super::inflight::Pending::wait)
    {
        tracing::warn!(%error, code = error.code(), "the sweep of expired sessions failed");
    }
}
