//! What the archive keeps of each event, and under whose name.

use passbook_core::{Fact, codec};
use passbook_journal::{Curator, Keep, RecordRef};
use passbook_planted::Bug;
use passbook_projections::history::filed_under;

/// Sorts events for the archive. All of an event is kept but for the data of sessions, which is the
/// application's, may be large and is in nobody's history.
#[derive(Debug)]
pub(super) struct Sorted;

impl Curator for Sorted {
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        // What this version can't read is kept for one that can.
        let Ok(event) = codec::decode(record.payload) else { return Keep::Whole };
        keys.extend(filed_under(&event).iter().map(|name| name.as_bytes().to_vec()));
        keep(&event.fact)
    }
}

/// How much of an event outlives its segment.
pub(crate) fn keep(fact: &Fact) -> Keep {
    match fact {
        Fact::DataSet { .. } | Fact::DataRemoved { .. } => Keep::Leaf,
        Fact::SessionCreated { .. } if Bug::LoginNotArchived.is_planted() => Keep::Leaf,
        Fact::SessionRevoked { .. } if Bug::EndNotArchived.is_planted() => Keep::Leaf,
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::SessionCreated { .. }
        | Fact::SessionTouched { .. }
        | Fact::SessionRefreshed { .. }
        | Fact::SessionReauthenticated { .. }
        | Fact::SessionUpgraded { .. }
        | Fact::SessionRevoked { .. }
        | Fact::UserSessionsRevoked { .. }
        | Fact::SessionsExpired { .. }
        | Fact::Compacted { .. }
        | Fact::DeviceSet { .. }
        | Fact::TenantSet { .. }
        | Fact::TokenReuseDetected { .. }
        | Fact::LoginFailed { .. }
        | Fact::Bookmark { .. }
        | Fact::Salvaged { .. } => Keep::Whole,
    }
}
