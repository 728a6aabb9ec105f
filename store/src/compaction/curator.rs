//! What the archive keeps of each event, and under whose name.

use passbook_core::{Fact, codec};
use passbook_journal::{Curator, Keep, RecordRef};
use passbook_projections::history::{Audience, audience};

/// Sorts events for the archive. All of an event is kept but for the data of sessions, which is the
/// application's, may be large and is in nobody's history.
#[derive(Debug)]
pub(super) struct Sorted;

impl Curator for Sorted {
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        // What this version can't read is kept for one that can.
        let Ok(event) = codec::decode(record.payload) else { return Keep::Whole };
        let key = |user: &str| user.as_bytes().to_vec();
        match audience(&event) {
            Audience::Users(users) => keys.extend(users.iter().map(|user| key(user))),
            Audience::Anyone => keys.push(Vec::new()),
            Audience::Nobody => {}
        }
        match &event.fact {
            Fact::DataSet { .. } | Fact::DataRemoved { .. } => Keep::Leaf,
            // A touch is no line, and says when a sweep ended the session.
            Fact::SessionTouched { subject, .. } => {
                keys.push(key(&subject.user));
                Keep::Whole
            }
            Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
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
}
