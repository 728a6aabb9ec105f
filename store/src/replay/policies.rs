//! Which policy was in force before an event.

use passbook_core::{
    PolicyInForce, SessionView, State, apply,
    codec::About,
    snapshot::{Section, decode as decode_section},
};
use passbook_journal::{Journal, Record};
use passbook_projections::postings::Key;

use super::{
    Replay,
    moment::{decode, glance},
    picker::Picker,
};
use crate::{error::LedgerError, postings::Stretch};

/// The policy in force before the event `from`, if any event or snapshot that is kept says so.
pub(super) fn policy_before(
    replay: &Replay<'_>,
    from: u64,
) -> Result<Option<PolicyInForce>, LedgerError> {
    let holds = |policy: &PolicyInForce| policy.since_sequence < from;
    if let Some(policy) = replay.live.map(SessionView::policy).filter(holds) {
        return Ok(Some(policy));
    }
    let journal = replay.journal;
    let mut known: Option<(u64, PolicyInForce)> = None;
    for info in journal.snapshots()? {
        let Ok(source) = journal.open_snapshot(info.sequence) else { continue };
        let Ok(bytes) = source.section(0) else { continue };
        let Ok(Section::Head(head)) = decode_section(&bytes) else { continue };
        if holds(&head.policy) {
            known = Some((info.sequence, head.policy));
            if info.sequence + 1 >= from {
                return Ok(Some(head.policy));
            }
            break;
        }
    }
    let first = journal.extent().kept_first.max(1);
    let (start, policy) = match known {
        Some((sequence, policy)) => (sequence + 1, Some(policy)),
        None => (first, (first == 1).then(PolicyInForce::default)),
    };
    for stretch in replay.stretches(start, from.saturating_sub(1)).into_iter().rev() {
        if let Some(set) = last_set(journal, &stretch)? {
            return Ok(Some(set));
        }
    }
    Ok(policy)
}

/// The last policy that came into force in these events.
fn last_set(
    journal: &dyn Journal,
    stretch: &Stretch<'_>,
) -> Result<Option<PolicyInForce>, LedgerError> {
    let Some(found) = stretch.find(&[Key::Policy]) else {
        let mut last = None;
        for record in journal.read_kept(stretch.first)? {
            let record = record?;
            if record.sequence > stretch.last {
                break;
            }
            last = set_by(&record)?.or(last);
        }
        return Ok(last);
    };
    for sequence in found.into_iter().rev() {
        if let Some(record) = Picker::new(journal).pick(sequence)?
            && let Some(set) = set_by(&record)?
        {
            return Ok(Some(set));
        }
    }
    Ok(None)
}

/// The policy that the event puts into force.
fn set_by(record: &Record) -> Result<Option<PolicyInForce>, LedgerError> {
    if glance(record)?.about != About::Policy {
        return Ok(None);
    }
    let mut state = State::new();
    apply(&mut state, record.sequence, &decode(record)?);
    Ok(Some(state.policy()))
}
