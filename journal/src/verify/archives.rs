//! Checking stubs and archives, and that they and the journal are one chain from the first record.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{join, plain_damage};
use crate::archive::book::Fault;
use crate::archive::check::check_whole;
use crate::archive::shelf::Shelf;
use crate::damage::Damage;
use crate::error::JournalError;
use crate::format::archive::{ArchiveHeader, Form, Name};
use crate::format::segment::SegmentHeader;
use crate::leaf::CHAIN_START;
use crate::recovery::walk::Position;

/// From where on the history is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteFrom {
    /// Sequence of the first record in archives and journal together.
    pub sequence: u64,
    /// Its time in Unix milliseconds; nothing if there is no record, or it can't be read.
    pub time_ms: Option<u64>,
}

/// A stub or an archive to check.
pub(super) type Volume = Name;

/// What the check of one found.
#[derive(Debug)]
pub(super) struct CheckedVolume {
    volume: Volume,
    /// Its header, if that verifies.
    header: Option<ArchiveHeader>,
    damage: Option<Damage>,
}

/// What all of them amount to.
#[derive(Debug, Default)]
pub(super) struct Shelved {
    pub(super) archives: u64,
    pub(super) archive_bytes: u64,
    pub(super) stubs: u64,
    pub(super) records: u64,
    pub(super) intact: Vec<RangeInclusive<u64>>,
    pub(super) damages: Vec<Damage>,
}

/// All stubs and archives by name, in order.
pub(super) fn volumes(shelf: &Shelf) -> Vec<Volume> {
    let archives = shelf.archives.iter().map(|(number, base)| Name::of(*number, *base, Form::Full));
    shelf.stubs.iter().copied().chain(archives).collect()
}

/// Checks every byte of one; `advance` hears of the bytes that are done.
pub(super) fn check_volume(
    shelf: &Shelf,
    volume: Volume,
    advance: &dyn Fn(u64),
) -> Result<CheckedVolume, JournalError> {
    let Volume { number, base, form, .. } = volume;
    let mut header = None;
    let told = Cell::new(0);
    let tell = |bytes| {
        told.set(told.get() + bytes);
        advance(bytes);
    };
    let checked = shelf.open_named(volume).and_then(|archive| {
        header = Some(archive.header.clone());
        match form {
            Form::Full => check_whole(&archive, &tell),
            Form::Stub => Ok(()),
        }
    });
    if form == Form::Full {
        // Header and indexes, or all of it if it can't be read.
        advance(shelf.measure(number, base).saturating_sub(told.get()));
    }
    let damage = match checked {
        Ok(()) => None,
        Err(Fault::Io(error)) => return Err(error),
        Err(Fault::Damaged { offset, why }) => {
            Some(plain_damage(&shelf.path_of(&volume), offset, base, &why))
        }
        Err(Fault::Newer { found }) => {
            let why = format!("it has format {found}, which this program does not read");
            Some(plain_damage(&shelf.path_of(&volume), 8, base, &why))
        }
    };
    Ok(CheckedVolume { volume, header, damage })
}

/// Puts stubs, archives and the journal's first segment together.
pub(super) fn shelve(
    shelf: &Shelf,
    checked: Vec<CheckedVolume>,
    first: Option<(&Path, &SegmentHeader)>,
) -> Shelved {
    let mut shelved = Shelved::default();
    let start = Position { next: 1, chain: CHAIN_START, time_ms: 0 };
    // Where the next one must begin, if its predecessor could be read.
    let mut expected = Some(start);
    let mut number_next = 1;
    for CheckedVolume { volume, header, damage } in checked {
        if number_next < volume.number_first {
            let missing = number_next..=volume.number_first - 1;
            shelved.damages.extend(missing_volumes(shelf, missing, volume.base));
            expected = None;
        }
        number_next = volume.number + 1;
        let path = shelf.path_of(&volume);
        if let Some(header) = &header {
            let begins = Position {
                next: header.base,
                chain: header.chain_in,
                time_ms: header.previous_time_ms,
            };
            shelved.damages.extend(broken_chain(&path, expected.as_ref(), &begins));
            shelved.count(header, damage.is_none());
        }
        expected = header.map(|header| Position {
            next: header.last + 1,
            chain: header.chain_out,
            time_ms: header.time_last_ms,
        });
        shelved.damages.extend(damage);
    }
    let segment_first = shelf.manifest.segment_first;
    if number_next < segment_first {
        let (missing, sequence) = (number_next..=segment_first - 1, shelf.manifest.sequence_first);
        shelved.damages.extend(missing_volumes(shelf, missing, sequence));
        expected = None;
    }
    if let Some((path, header)) = first.filter(|(_, header)| header.number == segment_first) {
        let begins = Position::at_start_of(header);
        shelved.damages.extend(broken_chain(path, expected.as_ref(), &begins));
        let named = shelf.manifest.sequence_first;
        if header.base != named {
            let why = format!("the manifest says that it begins with @{named}");
            shelved.damages.push(plain_damage(path, 0, named.min(header.base), &why));
        }
    }
    shelved
}

impl Shelved {
    fn count(&mut self, header: &ArchiveHeader, good: bool) {
        match header.form {
            Form::Stub => self.stubs += Name::of_header(header).segments(),
            Form::Full => {
                self.archives += 1;
                self.archive_bytes += header.file_bytes;
                if good && header.last >= header.base {
                    self.records += header.last + 1 - header.base;
                    join(&mut self.intact, header.base..=header.last);
                }
            }
        }
    }
}

fn broken_chain(path: &Path, expected: Option<&Position>, begins: &Position) -> Option<Damage> {
    let expected = expected.filter(|expected| *expected != begins)?;
    let why = "it does not continue the chain of what is before it";
    Some(plain_damage(path, 0, expected.next.min(begins.next), why))
}

/// Segments of which nothing is left, before the record `sequence`: one damage for the stubs and one
/// for the archives that should be there, however many a manifest names.
fn missing_volumes(
    shelf: &Shelf,
    missing: RangeInclusive<u64>,
    sequence: u64,
) -> impl Iterator<Item = Damage> {
    let (first, last) = missing.into_inner();
    let archive_first = shelf.manifest.archive_first;
    let stubs = (first, last.min(archive_first.saturating_sub(1)), "stub");
    let archives = (first.max(archive_first), last, "archive");
    let dir = shelf.path(first, sequence, Form::Full);
    let dir = dir.parent().unwrap_or(&dir).to_owned();
    [stubs, archives].into_iter().filter(|(first, last, _)| first <= last).map(
        move |(first, last, form)| {
            let why = if first == last {
                format!("the {form} of segment {first} is missing")
            } else {
                format!("the {form}s of segments {first} to {last} are missing")
            };
            plain_damage(&dir, 0, sequence, &why)
        },
    )
}
