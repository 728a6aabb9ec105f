//! Whether the history's index has as many events as the archive and the journal.
//!
//! An index can agree with itself and still lack a user. What the archive has filed is counted in
//! its newest header; what the journal has by then is counted here, which costs a read of it.

use passbook_journal::{Journal, ReadError};
use passbook_projections::history::{Covered, filed_under};

use crate::{error::LedgerError, subscribe::decode_record};

/// Why the index lacks something or has too much; `None` = it agrees, or nobody has counted.
pub(super) fn miscount(
    journal: &dyn Journal,
    covered: &Covered,
) -> Result<Option<String>, LedgerError> {
    let extent = journal.extent();
    let (Some(archived), Some(indexed)) = (extent.postings, covered.postings) else {
        return Ok(None);
    };
    // A journal without an archive has nothing to compare with but what the index was made of.
    let is_archived = extent.sequence_first > 1;
    if !is_archived || covered.checkpoint + 1 < extent.sequence_first {
        return Ok(None);
    }
    let mut counted = archived;
    let records = match journal.read_kept(extent.sequence_first) {
        Ok(records) => records,
        // The retention was faster. It is compared at the next start.
        Err(ReadError::Trimmed { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    for record in records {
        let recorded = decode_record(&record?)?;
        if recorded.sequence > covered.checkpoint {
            break;
        }
        let names = filed_under(&recorded.event).len();
        counted = counted.saturating_add(u64::try_from(names).unwrap_or(u64::MAX));
    }
    let checkpoint = covered.checkpoint;
    Ok((counted != indexed).then(|| {
        format!("up to @{checkpoint} it has {indexed} postings, archive and journal {counted}")
    }))
}
