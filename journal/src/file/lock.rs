//! The lock: one writer a ledger, and a note for whoever comes second.
//!
//! The kernel's lock on the open file is what counts; it ends with the process. The note inside
//! only says whom to ask, and is written when opening succeeds.

use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, OpenError};
use crate::layout::Layout;
use crate::vfs::{LockKind, OpenMode};

/// Length of the file, in bytes: always written whole, padded with spaces.
const NOTE_BYTES: usize = 512;

/// A reader probes the lock for an instant (see [`is_held`]): a writer asks again so often.
const TRIES: usize = 16;

/// Takes the lock, or says who holds it.
pub(crate) fn take(disk: &Disk, layout: &Layout, mode: OpenMode) -> Result<DiskFile, OpenError> {
    let file = disk.open(&layout.lock(), mode)?;
    for _ in 0..TRIES {
        if file.try_lock(LockKind::Exclusive)? {
            return Ok(file);
        }
        std::thread::yield_now();
    }
    Err(held_by(&file)?)
}

/// Whether a writer holds the ledger at this moment. A ledger without the file has no writer.
pub(crate) fn is_held(disk: &Disk, layout: &Layout) -> Result<bool, JournalError> {
    match disk.open(&layout.lock(), OpenMode::Read) {
        Ok(file) => Ok(!file.try_lock(LockKind::Shared)?),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the note for whoever comes second. Not synced: it matters only while we live.
pub(crate) fn sign(file: &DiskFile, owner: &str, since_ms: u64) -> Result<(), JournalError> {
    let pid = std::process::id();
    let mut note = format!("pid {pid}\nowner {owner}\nsince_ms {since_ms}\n").into_bytes();
    note.resize(NOTE_BYTES, b' ');
    file.write_at(&note, 0)
}

fn held_by(file: &DiskFile) -> Result<OpenError, JournalError> {
    let mut bytes = [0; NOTE_BYTES];
    let count = file.read_at(&mut bytes, 0)?;
    let note = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned();
    let field = |name: &str| note.lines().find_map(|line| line.strip_prefix(name));
    Ok(OpenError::Locked {
        path: file.path().to_owned(),
        pid: field("pid ").and_then(|pid| pid.parse().ok()),
        owner: field("owner ").unwrap_or_default().to_owned(),
        since_ms: field("since_ms ").and_then(|since| since.parse().ok()),
    })
}
