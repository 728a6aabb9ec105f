//! A simulated file: what is durable, what a reader sees, and the writes between the two.

use std::sync::Arc;

use super::pages::Pages;

/// A write that isn't durable: part of one sector, or a stretch of zeros that only makes the file
/// longer.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) offset: u64,
    pub(super) bytes: Arc<[u8]>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) durable: Pages,
    pub(super) current: Pages,
    pub(super) pending: Vec<Pending>,
}

impl Inode {
    /// Whether a write changes nothing: the same bytes are durable and nothing is pending there.
    /// Leaving it out keeps the number of crash images small, and their set the same.
    pub(super) fn is_there_already(&self, sector: &[u8], offset: u64) -> bool {
        let end = offset + u64::try_from(sector.len()).expect("lengths fit");
        let overlaps = |write: &Pending| {
            let write_end = write.offset + u64::try_from(write.bytes.len()).expect("lengths fit");
            write.offset < end && offset < write_end
        };
        let mut durable = vec![0; sector.len()];
        self.durable.read(&mut durable, offset) == sector.len()
            && durable == sector
            && !self.pending.iter().any(overlaps)
    }

    /// Makes everything pending durable.
    pub(super) fn persist(&mut self) {
        for write in self.pending.drain(..) {
            self.durable.write(&write.bytes, write.offset);
        }
    }
}
