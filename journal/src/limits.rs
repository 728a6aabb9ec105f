//! Every limit of the journal, in one place, with its unit in its name.
//!
//! What happens at a limit is left to the code that meets it; each is tested at it and one past it.

/// Largest extent of one batch on disk, in bytes: header, records, trailer and padding.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that every record costs beside its payload.
pub const RECORD_OVERHEAD_BYTES: usize = 16;

/// Bytes that every batch costs beside its records: header and trailer.
pub const BATCH_OVERHEAD_BYTES: usize = 192;

/// Largest group, in bytes: the payloads plus [`RECORD_OVERHEAD_BYTES`] each. A file journal with
/// small segments allows less, see [`group_bytes_max`].
pub const GROUP_BYTES_MAX: usize = BATCH_BYTES_MAX - BATCH_OVERHEAD_BYTES;

/// Most records in one group.
pub const GROUP_RECORDS_MAX: usize = 16_384;

/// Most records in one batch (several groups may share a batch).
pub const BATCH_RECORDS_MAX: usize = 65_536;

/// Bytes that may wait to be written before `append` holds its caller back.
pub const QUEUE_BYTES_MAX: usize = 8 * BATCH_BYTES_MAX;

/// Batches start at multiples of this many bytes.
pub const BLOCK_BYTES: usize = 4096;

/// The unit that the medium writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// Bytes before the first batch of a segment: the header, written twice.
pub const SEGMENT_HEADER_BYTES: usize = 2 * BLOCK_BYTES;

/// Smallest segment, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 16 * 1024;

/// Largest segment, in bytes.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Segments begin with this length, or with the largest one that the options allow if that is less,
/// in bytes.
pub const SEGMENT_BYTES_FIRST: u64 = 4 * 1024 * 1024;

/// A segment that was filled in less time than this, by its records, is followed by one of twice its
/// length, in milliseconds.
pub const SEGMENT_FILL_MS_MIN: u64 = 10_000;

/// A segment that took longer than this is followed by one of half its length, in milliseconds.
pub const SEGMENT_FILL_MS_MAX: u64 = 600_000;

/// Longest segments unless the options say otherwise, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Most batches whose sync may be under way at once.
pub const SYNC_DEPTH_MAX: usize = 4;

/// Batches whose sync may be under way at once unless the options say otherwise.
pub const SYNC_DEPTH_DEFAULT: usize = 2;

/// Largest span of bytes that a power cut can leave half-written: debris past it is damage.
pub const WINDOW_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Longest key under which an archived record is found again, in bytes.
pub const ARCHIVE_KEY_BYTES_MAX: usize = 1024;

/// An archive's block is closed once it has this many bytes, before compression.
pub const ARCHIVE_BLOCK_BYTES: usize = 128 * 1024;

/// Largest block of an archive before compression, in bytes: it takes whole batches, and a record
/// without a payload costs 32 bytes there.
pub const ARCHIVE_BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A page of an archive's postings is closed once it has this many bytes, before compression.
pub const ARCHIVE_PAGE_BYTES: usize = 16 * 1024;

/// Largest page of postings before compression, in bytes.
pub const ARCHIVE_PAGE_BYTES_MAX: usize = 128 * 1024;

/// Most sequences of one key in one entry of a page; a key with more has several entries.
pub const ARCHIVE_ENTRY_SEQUENCES_MAX: u64 = 8192;

/// Largest index of an archive before compression, in bytes.
pub const ARCHIVE_INDEX_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest owner text in `LOCK`, in bytes.
pub const OWNER_BYTES_MAX: usize = 200;

/// Longest section of a snapshot before compression, in bytes.
pub const SNAPSHOT_SECTION_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Most sections in one snapshot.
pub const SNAPSHOT_SECTIONS_MAX: u32 = 65_536;

/// Snapshots that are always kept: the newest, and the one before in case the newest is damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Most older snapshots that are kept beside them, so that the past is near one.
pub const SNAPSHOTS_OLDER_MAX: usize = 8;

/// Default of [`Options::snapshot_spacing`](crate::Options::snapshot_spacing), in records.
pub const SNAPSHOT_SPACING_DEFAULT: u64 = 1_000_000;

/// Lowest rate that background work may be held to, in bytes a second.
pub const BACKGROUND_RATE_MIN: u64 = 256 * 1024;

/// Rate that background work is held to unless the options say otherwise, in bytes a second.
pub const BACKGROUND_RATE_DEFAULT: u64 = 64 * 1024 * 1024;

/// Largest group of a journal with segments of `segment_bytes`, counted as in
/// [`GROUP_BYTES_MAX`].
///
/// ```
/// use passbook_journal::limits::{GROUP_BYTES_MAX, SEGMENT_BYTES_DEFAULT, group_bytes_max};
/// assert_eq!(group_bytes_max(SEGMENT_BYTES_DEFAULT), GROUP_BYTES_MAX);
/// assert_eq!(group_bytes_max(16 * 1024), 8 * 1024 - 192);
/// ```
pub fn group_bytes_max(segment_bytes: u64) -> usize {
    let segment_bytes = usize::try_from(segment_bytes).unwrap_or(usize::MAX);
    let capacity = segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES);
    let capacity = capacity - capacity % BLOCK_BYTES;
    capacity.min(BATCH_BYTES_MAX).saturating_sub(BATCH_OVERHEAD_BYTES)
}
