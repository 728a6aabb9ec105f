//! A whole ledger: which files count, and whether they fit together.

use std::{collections::BTreeMap, path::Path};

use passbook::journal::sim::SimVfs;

use super::{
    archive::{self, Archive},
    bytes::{Broken, ensure},
    segment::{self, Record, Segment},
    small::{Manifest, Watermark, manifest, watermark},
    snapshot::{self, Snapshot},
};

/// The files of a ledger, by their names within its folder.
#[derive(Debug, Clone, Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

/// A ledger, read whole.
#[derive(Debug)]
pub struct Reading {
    /// `MANIFEST`.
    pub manifest: Manifest,
    /// `WATERMARK`, if any slot is valid.
    pub watermark: Option<Watermark>,
    /// Stubs and archives, oldest first.
    pub archives: Vec<Archive>,
    /// Segments, oldest first.
    pub segments: Vec<Segment>,
    /// Snapshots, newest first.
    pub snapshots: Vec<Snapshot>,
    /// The chain over all records.
    pub chain: [u8; 32],
}

impl Files {
    /// What a simulated disk holds below a folder.
    pub fn of(vfs: &SimVfs, folder: &Path) -> Self {
        let named = vfs.files().into_iter().filter_map(|path| {
            let name = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
            Some((name, vfs.read_all(&path)?))
        });
        Self(named.collect())
    }

    fn file(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().filter_map(move |(path, bytes)| {
            Some((path.strip_prefix(folder)?.strip_prefix('/')?, bytes.as_slice()))
        })
    }

    /// Segment numbers, first sequences and bytes, in order.
    fn numbered(&self, folder: &str, suffix: &str) -> Vec<(u64, u64, &[u8])> {
        let mut found: Vec<_> = self
            .below(folder)
            .filter_map(|(name, bytes)| {
                let (number, first) = segment::name(name, suffix).ok()?;
                Some((number, first, bytes))
            })
            .collect();
        found.sort_unstable();
        found
    }
}

/// Reads everything that the manifest says counts, and wants all of it to fit together: names,
/// stores, numbers, sequences, times and the chain from the first stub to the last batch.
///
/// # Errors
/// The first thing that does not.
pub fn read(files: &Files) -> Result<Reading, Broken> {
    let manifest = manifest(files.file("MANIFEST").ok_or(Broken("there is no MANIFEST"))?)?;
    let watermark = files.file("WATERMARK").and_then(watermark);
    let archives = archives(files, &manifest)?;
    let segments = segments(files, &manifest)?;
    let mut chain = [0; 32];
    let mut next = 1;
    for archive in &archives {
        let header = &archive.header;
        ensure(header.store == manifest.store, "an archive is of another store")?;
        ensure(header.sequences.0 == next && header.chains.0 == chain, "an archive is missing")?;
        (next, chain) = (header.sequences.1 + 1, header.chains.1);
    }
    let last = segments.len().saturating_sub(1);
    for (place, segment) in segments.iter().enumerate() {
        let header = &segment.header;
        ensure(header.store == manifest.store, "a segment is of another store")?;
        ensure(header.first == next && header.chain == chain, "a segment does not follow")?;
        ensure(segment.flaw.is_none() || place == last, "a sealed segment is not whole")?;
        for batch in &segment.batches {
            ensure(batch.is_linked(), "a batch is not what its chain says")?;
            chain = batch.chain;
        }
        next = segment.records().last().map_or(next, |record| record.sequence + 1);
    }
    let mut snapshots = Vec::new();
    for (name, bytes) in files.below("snap") {
        if let Some(sequence) = name.strip_suffix(".snap") {
            let snapshot = snapshot::snapshot(bytes)?;
            ensure(snapshot.at.0.to_string() == sequence, "a snapshot has another's name")?;
            ensure(snapshot.store == manifest.store, "a snapshot is of another store")?;
            snapshots.push(snapshot);
        }
    }
    snapshots.sort_unstable_by_key(|snapshot| std::cmp::Reverse(snapshot.at.0));
    Ok(Reading { manifest, watermark, archives, segments, snapshots, chain })
}

/// Stubs up to the oldest archive that counts, archives from there to the oldest segment.
fn archives(files: &Files, manifest: &Manifest) -> Result<Vec<Archive>, Broken> {
    let mut archives = stubs(files, manifest)?;
    let counts = |number: u64| (manifest.archive.0..manifest.segment.0).contains(&number);
    for (number, first, bytes) in files.numbered("archive", ".arc") {
        if counts(number) {
            archives.push(named_archive(bytes, (number, number, first), false)?);
        }
    }
    Ok(archives)
}

/// Those that count: each of some segments, and not of a part of another's.
fn stubs(files: &Files, manifest: &Manifest) -> Result<Vec<Archive>, Broken> {
    let mut found: Vec<_> = files
        .below("archive")
        .filter_map(|(name, bytes)| Some((stub_name(name)?, bytes)))
        .filter(|((_, last, _), _)| *last < manifest.archive.0)
        .collect();
    // Of those that begin at the same segment the longest first.
    found.sort_unstable_by_key(|((first, last, _), _)| (*first, std::cmp::Reverse(*last)));
    let (mut stubs, mut covered) = (Vec::new(), 0);
    for (name, bytes) in found {
        if name.1 > covered {
            covered = name.1;
            stubs.push(named_archive(bytes, name, true)?);
        }
    }
    Ok(stubs)
}

/// First and last segment and first sequence, of `<segment>-<sequence>.stub` or
/// `<segment>-<segment>-<sequence>.stub`.
fn stub_name(name: &str) -> Option<(u64, u64, u64)> {
    if let Ok((number, sequence)) = segment::name(name, ".stub") {
        return Some((number, number, sequence));
    }
    let (first, rest) = name.split_once('-')?;
    let (last, sequence) = segment::name(rest, ".stub").ok()?;
    let first: u64 = first.parse().ok()?;
    (name == format!("{first:06}-{rest}") && first < last).then_some((first, last, sequence))
}

fn named_archive(bytes: &[u8], name: (u64, u64, u64), is_stub: bool) -> Result<Archive, Broken> {
    let archive = archive::archive(bytes)?;
    let header = &archive.header;
    let says = (header.number_first, header.number, header.sequences.0);
    ensure(says == name, "an archive has another's name")?;
    ensure(header.is_stub == is_stub, "a stub has an archive's name")?;
    Ok(archive)
}

fn segments(files: &Files, manifest: &Manifest) -> Result<Vec<Segment>, Broken> {
    let numbered = files.numbered("journal", ".seg");
    let mut segments = Vec::new();
    for (number, first, bytes) in numbered.into_iter().filter(|(n, ..)| *n >= manifest.segment.0) {
        let expected = manifest.segment.0.checked_add(u64::try_from(segments.len()).unwrap_or(0));
        ensure(expected == Some(number), "a segment is missing")?;
        let segment = segment::segment(bytes)?;
        let named = (segment.header.number, segment.header.first);
        ensure(named == (number, first), "a segment has another's name")?;
        segments.push(segment);
    }
    Ok(segments)
}

impl Reading {
    /// All records, of archives and of segments.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let archived = self.archives.iter().flat_map(|archive| &archive.records);
        archived.chain(self.segments.iter().flat_map(Segment::records))
    }
}
