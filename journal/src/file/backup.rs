//! A backup beside the commits: what counts at one moment, and for how long it stays.
//!
//! Copying is left to `backup`.

use std::path::Path;

use super::engine::Engine;
use crate::backup::{BackupError, BackupInfo, Job, Sharing, View};
use crate::format::manifest::Manifest;
use crate::pace::Pace;
use crate::verify::Progress;

impl Engine {
    /// Holds off compactions; commits and snapshots go on.
    pub(super) fn backup(
        &self,
        into: &Path,
        told: &dyn Fn(Progress),
    ) -> Result<BackupInfo, BackupError> {
        let manifest = self.manifest.lock();
        self.check_open()?;
        let bad = self.shelf.lock().bad.clone();
        let (disk, source) = (&self.disk, &self.layout);
        let mut pace = Pace::new(self.background_bytes_per_second);
        let job = Job { disk, source, into, sharing: Sharing::Links, bad, told };
        job.run(&mut |_| self.view(&manifest), &mut |bytes| {
            self.check_open()?;
            pace.spend(bytes, &mut |slice| {
                self.pause(slice);
                self.check_open()
            })
        })
    }

    /// What is on the medium now.
    fn view(&self, manifest: &Manifest) -> Result<View, BackupError> {
        let durable = self.queue.lock().durable;
        self.sync_through(durable).map_err(BackupError::Unavailable)?;
        let mark = self.queue.lock().mark;
        // The catalog is never behind the mark, and nothing is dropped from it meanwhile.
        let mut segments = self.catalog.lock().headers();
        segments.retain(|header| header.number <= mark.segment);
        Ok(View { manifest: manifest.clone(), segments, through: mark.durable })
    }

    /// Once it is closed, the files may be another process's.
    fn check_open(&self) -> Result<(), BackupError> {
        if self.queue.lock().closed { Err(BackupError::Closed) } else { Ok(()) }
    }
}
