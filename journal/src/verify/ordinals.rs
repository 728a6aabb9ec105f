//! Whether no archive lacks a record that another one counts: the ordinals of each key, and the
//! number of all postings, go on from archive to archive.
//!
//! All archives are read side by side, in the order of the keys, so that memory holds a page of
//! each, however many keys there are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;
use std::vec;

use super::plain_damage;
use crate::archive::book::{Archive, Fault};
use crate::archive::shelf::Shelf;
use crate::damage::Damage;
use crate::error::JournalError;
use crate::format::archive::Form;
use crate::format::archive::index::PagePlace;
use crate::format::archive::postings::PageReader;

/// One archive's entries, in order of their keys.
struct Postings {
    archive: Archive,
    /// Sequence of its first record.
    base: u64,
    /// Whether all archives that were counted when it was written are here still.
    counts_all: bool,
    pages: vec::IntoIter<PagePlace>,
    entries: VecDeque<Span>,
    /// How many were read.
    count: u64,
}

/// The records of one key in one archive, or a part of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    key: Vec<u8>,
    /// Which archive, from the oldest.
    archive: usize,
    first: u64,
    end: u64,
}

/// Checks archives that verify one by one; the first contradiction is told.
pub(super) fn check_ordinals(shelf: &Shelf) -> Result<Option<Damage>, JournalError> {
    let mut all = Vec::new();
    for (number, base) in &shelf.archives {
        let opened = shelf.open(*number, *base, Form::Full).and_then(|archive| {
            let kept_first = shelf.archives.first().map_or(0, |(first, _)| *first);
            let counts_all = kept_first <= archive.header.counted_from;
            let pages = archive.page_places()?.into_iter();
            let entries = VecDeque::new();
            Ok(Postings { archive, base: *base, counts_all, pages, entries, count: 0 })
        });
        match opened {
            Ok(postings) => all.push(postings),
            Err(fault) => return told(fault, &shelf.path(*number, *base, Form::Full), *base),
        }
    }
    match merge(&mut all).and_then(|()| count(&all)) {
        Ok(()) => Ok(None),
        Err((index, fault)) => match all.get(index) {
            Some(Postings { archive, base, .. }) => told(fault, archive.path(), *base),
            None => Ok(None),
        },
    }
}

fn told(fault: Fault, path: &Path, sequence: u64) -> Result<Option<Damage>, JournalError> {
    match fault {
        Fault::Io(error) => Err(error),
        Fault::Damaged { offset, why } => Ok(Some(plain_damage(path, offset, sequence, &why))),
        // Told where the archive itself is checked.
        Fault::Newer { .. } => Ok(None),
    }
}

/// The index of an archive that contradicts those before it, and how.
fn merge(all: &mut [Postings]) -> Result<(), (usize, Fault)> {
    let mut heap = BinaryHeap::new();
    for (index, postings) in all.iter_mut().enumerate() {
        heap.extend(postings.next(index).map_err(|fault| (index, fault))?.map(Reverse));
    }
    let mut before: Option<Span> = None;
    while let Some(Reverse(span)) = heap.pop() {
        let index = span.archive;
        let Some(postings) = all.get_mut(index) else { break };
        let expected = match &before {
            Some(before) if before.key == span.key => Some(before.end),
            Some(_) | None => postings.counts_all.then_some(0),
        };
        if expected.is_some_and(|expected| expected != span.first) {
            let offset = postings.archive.header.postings_offset;
            let why = "records with one of its keys are missing in the archives before it";
            return Err((index, Fault::damaged(offset, why)));
        }
        before = Some(span);
        heap.extend(postings.next(index).map_err(|fault| (index, fault))?.map(Reverse));
    }
    Ok(())
}

/// The same of the numbers of all postings so far, which every archive says.
fn count(all: &[Postings]) -> Result<(), (usize, Fault)> {
    let mut before = None;
    for (index, postings) in all.iter().enumerate() {
        let header = &postings.archive.header;
        let expected = before.and_then(|before: u64| before.checked_add(postings.count));
        if expected.is_some() && header.postings_end.is_some() && expected != header.postings_end {
            let why = "it counts other postings before it than there are";
            return Err((index, Fault::damaged(header.postings_offset, why)));
        }
        before = header.postings_end;
    }
    Ok(())
}

impl Postings {
    fn next(&mut self, index: usize) -> Result<Option<Span>, Fault> {
        while self.entries.is_empty() {
            let Some(place) = self.pages.next() else { return Ok(None) };
            let (frame, raw) = self.archive.page(&place)?;
            for entry in PageReader::new(&raw, frame.count) {
                let (key, entry) = entry.map_err(|why| Fault::damaged(place.offset, why))?;
                self.entries.push_back(Span {
                    key: key.to_vec(),
                    archive: index,
                    first: entry.ordinal_first,
                    end: entry.ordinal_end(),
                });
            }
        }
        let span = self.entries.pop_front();
        self.count += span.as_ref().map_or(0, |span| span.end - span.first);
        Ok(span)
    }
}
