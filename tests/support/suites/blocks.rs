//! Misplaced bytes: sectors, blocks and files that are zeroed, swapped, doubled, cut short, from
//! another ledger or from an older time.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use passbook::journal::sim::SimVfs;
use rand::{RngExt as _, rngs::SmallRng};

use super::flip::named;
use crate::{
    decoder::segment::segment,
    fuzz::mend,
    oracle::Oracle,
    plan::{Failure, Plan, Report, Tally},
    specimen::{DATA_START, LastBatch, Sets, Specimen},
};

/// What is done to bytes whose checksums are right again: an opening can't notice.
const FORGED: &str = "forged payloads";

/// Damages of one case.
const DAMAGES: usize = 64;

/// Cases with one set of ledgers.
const CASES_OF_SET: u64 = 64;

/// Runs the suite.
///
/// # Errors
/// The first case that failed.
pub(super) fn run(plan: &Plan) -> Result<Report, Failure> {
    let sets = Sets::default();
    plan.run("blocks", |number, rng, tally| {
        let set = sets.set(usize::try_from(number / CASES_OF_SET).expect("few sets"), plan.seed);
        for _ in 0..DAMAGES {
            let at = rng.random_range(0..set.len());
            let other = (at + rng.random_range(1..set.len())) % set.len();
            if let (Some(specimen), Some(other)) = (set.get(at), set.get(other)) {
                damage(specimen, other, rng, tally);
            }
        }
    })
}

fn damage(specimen: &Specimen, other: &Specimen, rng: &mut SmallRng, tally: &mut Tally) {
    let image = specimen.image.fork();
    let mut hand = Hand { specimen, image: &image, rng, proven: specimen.proven };
    let (kind, what) = hand.strike(other);
    let proven = hand.proven;
    tally.add("damages", 1);
    tally.add(kind, 1);
    if image.differing(&specimen.image).is_empty() {
        tally.add("that changed nothing", 1);
        return;
    }
    // Whole sectors are gone: only what a note speaks of can be missed.
    let mut truth = specimen.truth.clone();
    truth.acked = proven;
    let oracle = Oracle::new(&truth, specimen.now_ms);
    let fail = |why: String| -> ! { panic!("{kind}: {what}: {why}") };
    if kind == FORGED {
        return oracle.after_forgery(&image).unwrap_or_else(|why| fail(why));
    }
    tally.add(named(oracle.after_damage(&image).unwrap_or_else(|why| fail(why))), 1);
}

/// What does the damage.
struct Hand<'a> {
    specimen: &'a Specimen,
    image: &'a SimVfs,
    rng: &'a mut SmallRng,
    /// The highest record that a note speaks of which was not hit.
    proven: u64,
}

/// Where the payloads of a segment are; a batch's mask changes nothing in that.
fn payloads_of(file: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut begins = DATA_START;
    for batch in segment(file).map(|segment| segment.batches).unwrap_or_default() {
        let mut at = begins + 128;
        for record in &batch.records {
            let len = record.payload.as_ref().map_or(0, Vec::len);
            places.push(at + 16..at + 16 + len);
            at += 16 + len;
        }
        begins = batch.end;
    }
    places.retain(|place| !place.is_empty());
    places
}

/// A stretch of a file.
struct Unit {
    path: PathBuf,
    from: usize,
    bytes: Vec<u8>,
}

impl Hand<'_> {
    /// Damages the image in one way: which, and where.
    fn strike(&mut self, other: &Specimen) -> (&'static str, String) {
        let length = if self.rng.random() { 512 } else { 4096 };
        let unit = self.unit(&self.specimen.image, length);
        let place = format!("{} bytes at {} of {}", length, unit.from, unit.path.display());
        match self.rng.random_range(0..10) {
            0 => {
                self.put(&unit.path, unit.from, &vec![0; unit.bytes.len()]);
                self.proven = self.specimen.proven_without(&unit.path, unit.from, length);
                ("zeroed", place)
            }
            1 => {
                let second = self.unit(&self.specimen.image, length);
                self.put(&unit.path, unit.from, &second.bytes);
                self.put(&second.path, second.from, &unit.bytes);
                ("swapped", format!("{place} with {} of {}", second.from, second.path.display()))
            }
            2 => {
                let second = self.unit(&self.specimen.image, length);
                self.put(&second.path, second.from, &unit.bytes);
                ("doubled", format!("{place} to {} of {}", second.from, second.path.display()))
            }
            3 => {
                let bytes =
                    u64::try_from(unit.from).expect("small") + self.rng.random_range(0..512);
                self.image.truncate(&unit.path, bytes);
                ("cut short", format!("{} at {bytes}", unit.path.display()))
            }
            4 => {
                let foreign = self.unit(&other.image, length);
                self.put(&unit.path, unit.from, &foreign.bytes);
                ("foreign units", place)
            }
            5 => {
                let (_, from) = self.file(&other.image);
                self.image.put(&unit.path, &from);
                ("foreign files", unit.path.display().to_string())
            }
            6 => {
                let older = self.older().read_all(&unit.path).unwrap_or_default();
                let piece = older.get(unit.from..).unwrap_or_default();
                let piece = piece.get(..unit.bytes.len()).unwrap_or(piece).to_vec();
                self.put(&unit.path, unit.from, &piece);
                ("older units", place)
            }
            7 => (FORGED, self.forge()),
            8 => ("a twin's batch", self.put_twin()),
            _ => {
                let older = self.older().clone();
                let (path, bytes) = self.file(&older);
                self.image.put(&path, &bytes);
                ("older files", path.display().to_string())
            }
        }
    }

    /// Changes a bit of a payload in a segment, and makes the checksums right again.
    fn forge(&mut self) -> String {
        let paths = self.image.files().into_iter();
        let paths = paths.filter(|path| path.extension() == Some("seg".as_ref()));
        let mut payloads = Vec::new();
        for path in paths {
            let bytes = self.image.read_all(&path).unwrap_or_default();
            let places = payloads_of(&bytes);
            payloads.extend(places.into_iter().map(|place| (path.clone(), place)));
        }
        if payloads.is_empty() {
            return "nothing".to_owned();
        }
        let at = self.rng.random_range(0..payloads.len());
        let (path, place) = payloads.swap_remove(at);
        let mut bytes = self.image.read_all(&path).unwrap_or_default();
        let at = self.rng.random_range(place);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.rng.random_range(0..8);
        }
        mend::batches(&mut bytes);
        self.image.put(&path, &bytes);
        format!("byte {at} of {}", path.display())
    }

    /// Puts the last batch of a twin in the place of ours.
    fn put_twin(&mut self) -> String {
        let LastBatch { path, from, .. } = &self.specimen.last;
        let theirs = self.specimen.twin.as_ref().and_then(|twin| twin.read_all(path));
        let batch = theirs.as_deref().and_then(|bytes| bytes.get(*from..)).unwrap_or_default();
        self.put(path, *from, batch);
        format!("from {from} on of {}", path.display())
    }

    fn older(&mut self) -> &SimVfs {
        let at = self.rng.random_range(0..self.specimen.older.len());
        self.specimen.older.get(at).expect("below their number")
    }

    fn file(&mut self, image: &SimVfs) -> (PathBuf, Vec<u8>) {
        let files = image.files();
        let at = self.rng.random_range(0..files.len());
        let path = files.get(at).expect("below their number").clone();
        let bytes = image.read_all(&path).unwrap_or_default();
        (path, bytes)
    }

    /// One that is not of free space, mostly: that is most of a young ledger.
    fn unit(&mut self, image: &SimVfs, length: usize) -> Unit {
        let mut unit = self.any_unit(image, length);
        for _ in 0..3 {
            if unit.bytes.iter().any(|byte| *byte != 0) {
                break;
            }
            unit = self.any_unit(image, length);
        }
        unit
    }

    fn any_unit(&mut self, image: &SimVfs, length: usize) -> Unit {
        let (path, bytes) = self.file(image);
        let units = bytes.len().div_ceil(length).max(1);
        let from = self.rng.random_range(0..units) * length;
        let rest = bytes.get(from..).unwrap_or_default();
        let bytes = rest.get(..length).unwrap_or(rest).to_vec();
        Unit { path, from, bytes }
    }

    fn put(&self, path: &Path, from: usize, piece: &[u8]) {
        let mut bytes = self.image.read_all(path).unwrap_or_default();
        let end = bytes.len().max(from + piece.len());
        bytes.resize(end, 0);
        if let Some(place) = bytes.get_mut(from..from + piece.len()) {
            place.copy_from_slice(piece);
        }
        self.image.put(path, &bytes);
    }
}
