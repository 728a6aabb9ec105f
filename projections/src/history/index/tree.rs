//! The one file that names sled: ordered keys and values, changed in atomic batches.
//!
//! Why it is kept at this distance: `flush` does not reach the medium on every system, and a
//! flipped bit can make it lose records without a word, or panic. So whatever it does, an error, a
//! panic or a record that does not verify, comes out as a doubt. Every value carries a CRC-32 of its
//! key and itself, little-endian, behind it.

use std::{
    fs, io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use super::error::{HistoryError, doubt};

const CRC_BYTES: usize = 4;
/// How sled says that somebody else has the folder open: it has no error of its own for that.
const LOCKED: &str = "could not acquire lock";
/// sled's threads can hold the lock a little longer than the handle that was dropped, and there is
/// nothing to wait for: so it is tried again, in all for two seconds.
const LOCK_WAIT: Duration = Duration::from_millis(5);
const LOCK_WAITS_MAX: u32 = 400;

/// Ordered keys and values in one folder.
pub(super) struct Tree {
    /// `None` only while it is dropped.
    db: Option<sled::Db>,
}

/// A key, its value, and the checksum that the value had on disk.
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) crc: u32,
}

/// Changes that take place together or not at all.
#[derive(Default)]
pub(super) struct Changes {
    batch: sled::Batch,
}

impl Changes {
    /// Puts the value there; gives its checksum.
    pub(super) fn put(&mut self, key: Vec<u8>, mut value: Vec<u8>) -> u32 {
        let crc = crc_of(&key, &value);
        value.extend_from_slice(&crc.to_le_bytes());
        self.batch.insert(key, value);
        crc
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.batch.remove(key);
    }
}

impl Tree {
    /// Opens or creates it. `cache_bytes` bounds what is kept of it in memory.
    pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, HistoryError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            // Nobody waits for it to be durable: what a crash takes is told again.
            .flush_every_ms(None)
            .use_compression(false);
        let mut waits = 0;
        loop {
            match guarded("open", || config.open()) {
                Ok(db) => return Ok(Self { db: Some(db) }),
                Err(HistoryError::Doubt { why }) if why.contains(LOCKED) => {
                    // What another process has open is no damage, and may not be removed.
                    if waits == LOCK_WAITS_MAX {
                        return Err(HistoryError::Unusable { path: folder.to_owned(), why });
                    }
                    waits += 1;
                    thread::park_timeout(LOCK_WAIT);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn with<T>(
        &self,
        what: &str,
        run: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, HistoryError> {
        let db = self.db.as_ref().ok_or_else(|| doubt("it is closed"))?;
        guarded(what, || run(db))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Row>, HistoryError> {
        let value = self.with("read", |db| db.get(key))?;
        value.map(|value| checked(key, &value)).transpose()
    }

    /// Visits the keys of `first..end` in order, or in falling order, until `visit` says no.
    pub(super) fn scan(
        &self,
        (first, end): (&[u8], Bound<&[u8]>),
        order: Order,
        visit: &mut dyn FnMut(Row) -> Result<bool, HistoryError>,
    ) -> Result<(), HistoryError> {
        let mut rows =
            self.with("scan", |db| Ok(db.range::<&[u8], _>((Bound::Included(first), end))))?;
        loop {
            let next = guarded("scan", || {
                match order {
                    Order::Rising => rows.next(),
                    Order::Falling => rows.next_back(),
                }
                .transpose()
            })?;
            let Some((key, value)) = next else { return Ok(()) };
            if !visit(checked(&key, &value)?)? {
                return Ok(());
            }
        }
    }

    pub(super) fn apply(&self, changes: Changes) -> Result<(), HistoryError> {
        self.with("write", |db| db.apply_batch(changes.batch))
    }

    /// Hands everything to the operating system.
    pub(super) fn flush(&self) -> Result<(), HistoryError> {
        self.with("flush", |db| db.flush()).map(|_bytes| ())
    }

    pub(super) fn bytes_on_disk(&self) -> Result<u64, HistoryError> {
        self.with("measure", sled::Db::size_on_disk)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let db = self.db.take();
        // It flushes when it is dropped, and may panic over what it finds.
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    }
}

/// In which order keys are visited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Rising,
    Falling,
}

/// Removes what sled keeps in that folder, and nothing else that may be there.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = ["conf", "db", "blobs"].iter().any(|ours| name == *ours)
            || name.to_string_lossy().starts_with("snap.");
        if !is_ours {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            remove_one(&entry.path())?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the index is sled's own, beside the journal's port")]
fn remove_one(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

fn crc_of(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

fn checked(key: &[u8], value: &[u8]) -> Result<Row, HistoryError> {
    let bad = || doubt(format!("the record {key:02x?} does not verify"));
    let (value, crc) = value.split_last_chunk::<CRC_BYTES>().ok_or_else(bad)?;
    let crc = u32::from_le_bytes(*crc);
    if crc != crc_of(key, value) {
        return Err(bad());
    }
    Ok(Row { key: key.to_vec(), value: value.to_vec(), crc })
}

fn guarded<T>(what: &str, run: impl FnOnce() -> sled::Result<T>) -> Result<T, HistoryError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(doubt(format!("{what}: {error}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
            Err(doubt(format!("{what}: sled panicked: {text}")))
        }
    }
}
