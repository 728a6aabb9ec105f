//! Where the files of a ledger lie.

use std::path::{Path, PathBuf};

use crate::format::snapshot;

/// Names at the top of the folder that exist before the manifest does.
pub(crate) const NAMES_BEFORE_MANIFEST: [&str; 4] =
    ["LOCK", "MANIFEST.tmp", "WATERMARK", "journal"];

/// Names at the top of the folder that come after the manifest.
pub(crate) const NAMES_AFTER_MANIFEST: [&str; 4] = ["archive", "idx", "quarantine", "snap"];

/// The name of the mark of a folder that is being filled.
pub(crate) const INCOMPLETE: &str = "INCOMPLETE";

/// Paths inside one ledger's folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("LOCK")
    }

    /// What marks a folder until all of it is there.
    pub(crate) fn incomplete(&self) -> PathBuf {
        self.dir.join(INCOMPLETE)
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.dir.join("MANIFEST")
    }

    pub(crate) fn manifest_tmp(&self) -> PathBuf {
        self.dir.join("MANIFEST.tmp")
    }

    pub(crate) fn watermark(&self) -> PathBuf {
        self.dir.join("WATERMARK")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.dir.join("quarantine")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.dir.join("snap")
    }

    /// The snapshot at a sequence.
    pub(crate) fn snapshot(&self, sequence: u64) -> PathBuf {
        self.snapshots().join(snapshot::file_name(sequence))
    }

    /// The same while it is being written.
    pub(crate) fn snapshot_tmp(&self, sequence: u64) -> PathBuf {
        self.snapshots().join(snapshot::tmp_name(sequence))
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    /// An archive or a stub.
    pub(crate) fn archived(&self, file_name: &str) -> PathBuf {
        self.archive().join(file_name)
    }

    /// An archive or a stub while it is being written.
    pub(crate) fn archive_tmp(&self) -> PathBuf {
        self.archive().join("next.tmp")
    }

    pub(crate) fn segment(&self, file_name: &str) -> PathBuf {
        self.journal().join(file_name)
    }

    /// The next segment while it is being filled with zeros.
    pub(crate) fn next_tmp(&self) -> PathBuf {
        self.journal().join("next.tmp")
    }

    /// The next segment, all zero and synced.
    pub(crate) fn next_free(&self) -> PathBuf {
        self.journal().join("next.free")
    }
}
