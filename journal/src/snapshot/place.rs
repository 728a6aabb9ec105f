//! Where a snapshot belongs in the journal: the time of its record, and the chain before it.

use std::path::Path;
use std::sync::Arc;

use super::SnapshotError;
use crate::disk::Disk;
use crate::error::{JournalError, ReadError};
use crate::format::batch::Batch;
use crate::format::segment::SegmentHeader;
use crate::leaf::Chain;
use crate::recovery::DATA_START;
use crate::recovery::walk::Walk;
use crate::vfs::OpenMode;

/// What the journal knows at one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotPlace {
    /// Time of the record.
    pub(crate) time_ms: u64,
    /// The last record of the last batch that ends at or before it.
    pub(crate) chain_sequence: u64,
    /// Link of that batch.
    pub(crate) chain: Chain,
}

/// Looks into the segment that holds `at`, or that begins behind it; `offset` is a batch at or
/// before it.
pub(crate) fn locate(
    disk: &Disk,
    (path, header): (&Path, &SegmentHeader),
    offset: Option<u64>,
    at: u64,
) -> Result<SnapshotPlace, SnapshotError> {
    if at + 1 == header.base {
        return Ok(SnapshotPlace {
            time_ms: header.previous_time_ms,
            chain_sequence: at,
            chain: header.previous_chain,
        });
    }
    let mut offset = offset.unwrap_or(DATA_START);
    let damage = |offset, why: &str| {
        let (path, why) = (path.to_owned(), why.to_owned());
        SnapshotError::Records(ReadError::Corrupt { path, offset, sequence: at, why })
    };
    let failed = |error: JournalError| SnapshotError::Records(ReadError::Io(Arc::new(error)));
    let mut walk = Walk::new(disk.open(path, OpenMode::Read).map_err(failed)?, header);
    loop {
        let header = walk.header_at(offset).map_err(failed)?;
        let header = header.map_err(|flaw| damage(offset, flaw.why()))?;
        if header.sequence_last() < at {
            offset += header.extent();
            continue;
        }
        if header.sequence_first > at {
            return Err(damage(offset, "the batch does not hold the expected sequence"));
        }
        let batch = walk.batch_at(offset).map_err(failed)?;
        return Ok(place_in(&batch.map_err(|flaw| damage(offset, flaw.why()))?, at));
    }
}

fn place_in(batch: &Batch<'_>, at: u64) -> SnapshotPlace {
    let header = &batch.header;
    let record = batch.records().find(|record| record.sequence == at);
    let time_ms = record.map_or(header.time_last_ms, |record| record.time_ms);
    let (chain_sequence, chain) = if header.sequence_last() == at {
        (at, batch.chain)
    } else {
        (header.sequence_first - 1, header.previous_chain)
    };
    SnapshotPlace { time_ms, chain_sequence, chain }
}
