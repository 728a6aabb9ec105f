//! Checking the snapshots: every section, and that each belongs to the journal beside it.

use super::files::Files;
use super::plain_damage;
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::StoreId;
use crate::layout::Layout;
use crate::snapshot::place::locate;
use crate::snapshot::shelf::{self, BadSnapshot};
use crate::snapshot::stored::StoredSnapshot;
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotSource};

/// The snapshots whose header verifies, and the damage that shows already.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    opened: Vec<StoredSnapshot>,
    damages: Vec<Damage>,
}

impl Snapshots {
    pub(super) fn look(
        disk: &Disk,
        layout: &Layout,
        store: Option<StoreId>,
    ) -> Result<Self, JournalError> {
        let mut snapshots = Self::default();
        // Without a manifest we don't know whose they should be.
        let Some(store) = store else { return Ok(snapshots) };
        for sequence in shelf::sequences(disk, layout)? {
            match shelf::open(disk, layout, &store, sequence) {
                Ok(snapshot) => snapshots.opened.push(snapshot),
                // A writer has removed it meanwhile.
                Err(SnapshotError::Missing { .. }) => {}
                Err(error) => snapshots.damages.push(damage(layout, sequence, &error)),
            }
        }
        Ok(snapshots)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.opened.iter().map(|snapshot| snapshot.info().bytes).sum()
    }

    /// Checks all of them; the good ones, newest first, and the damage. `advance` hears of the
    /// bytes that are done.
    pub(super) fn check(
        self,
        disk: &Disk,
        layout: &Layout,
        files: &Files,
        advance: &dyn Fn(u64),
    ) -> (Vec<SnapshotInfo>, Vec<Damage>) {
        let (mut good, mut damages) = (Vec::new(), self.damages);
        for snapshot in self.opened {
            let info = snapshot.info().clone();
            match snapshot.check_sections().and_then(|()| check_place(disk, files, &info)) {
                Ok(()) => good.push(info.clone()),
                Err(error) => damages.push(damage(layout, info.sequence, &error)),
            }
            advance(info.bytes);
        }
        (good, damages)
    }
}

/// The journal, where it can be read, must say the same of the snapshot's record.
fn check_place(disk: &Disk, files: &Files, info: &SnapshotInfo) -> Result<(), SnapshotError> {
    let piece = files.pieces.iter().rfind(|piece| piece.header.base <= info.sequence + 1);
    let Some(piece) = piece else { return Ok(()) };
    let place = locate(disk, (&piece.path, &piece.header), None, info.sequence);
    // Where the journal itself is damaged, its own check says so.
    let Ok(place) = place else { return Ok(()) };
    let same = (place.time_ms, place.chain_sequence, place.chain)
        == (info.time_ms, info.chain_sequence, info.chain);
    let path = info.path.clone().unwrap_or_default();
    if same {
        Ok(())
    } else {
        Err(SnapshotError::corrupt(&path, 0, "its chain is not the journal's"))
    }
}

fn damage(layout: &Layout, sequence: u64, error: &SnapshotError) -> Damage {
    let bad = BadSnapshot::new(sequence, layout.snapshot(sequence), error);
    let damage = plain_damage(&bad.path, bad.offset, sequence, &bad.why);
    Damage { sequence_last: Some(sequence), ..damage }
}

/// The records that a good snapshot shows to be missing at the end of the journal.
pub(super) fn missing_at_end(
    files: &Files,
    good: &[SnapshotInfo],
    sequence_last: u64,
) -> Option<Damage> {
    let sequence = good.first()?.sequence;
    let piece = files.pieces.last().filter(|_| sequence > sequence_last)?;
    let damage = plain_damage(&piece.path, 0, sequence_last + 1, "records are missing");
    let evidence = Evidence::Snapshot { sequence };
    Some(Damage { sequence_last: Some(sequence), evidence, ..damage })
}
