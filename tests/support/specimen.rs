//! Ledgers to be damaged: each has every kind of file, and everything in it was acknowledged.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use passbook::journal::{sim::SimVfs, stat};
use rand::{SeedableRng as _, rngs::SmallRng};

use crate::{
    oracle::{Content, Truth},
    rig::FOLDER,
    script::{Disturbance, Line, Run, Script},
};

/// One of them.
#[derive(Debug)]
pub struct Specimen {
    /// What lies on the disk.
    pub image: SimVfs,
    /// The same at earlier moments.
    pub older: Vec<SimVfs>,
    /// Another ledger's disk that has the same records in the same places, but for the last batch.
    pub twin: Option<SimVfs>,
    /// The last batch.
    pub last: LastBatch,
    /// What was acknowledged.
    pub truth: Truth,
    /// The highest record that a note on the disk speaks of: what lies behind it can't be told from
    /// a write that was never acknowledged if whole sectors of it are gone.
    pub proven: u64,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
    /// Its files, with their length in bytes.
    pub files: Vec<(PathBuf, u64)>,
}

/// The last batch of a ledger.
#[derive(Debug, Clone)]
pub struct LastBatch {
    /// Its file.
    pub path: PathBuf,
    /// Where it begins.
    pub from: usize,
    /// Up to which record it says that all is durable.
    pub durable: u64,
}

/// What each must have.
const KINDS: [&str; 6] = [".seg", ".snap", ".arc", ".stub", "MANIFEST", "WATERMARK"];

/// Where the first batch of a segment begins.
pub const DATA_START: usize = 8_192;

/// Last changes drawn until one makes a twin.
const TWINS_MAX: u64 = 20;

/// Scripts drawn until one comes to every kind of file.
const TRIES_MAX: u64 = 1_000;

impl Specimen {
    /// Makes one that was left by a close or by a death.
    pub fn make(content: Content, end: &Line, seed: u64) -> Self {
        for offset in 0..TRIES_MAX {
            let mut rng = SmallRng::seed_from_u64(seed.wrapping_mul(TRIES_MAX) + offset);
            let script = Script::filled(content, end.clone(), &mut rng);
            if let Some(specimen) = Self::of(&script) {
                return Self { twin: specimen.find_twin(&script, &mut rng), ..specimen };
            }
        }
        panic!("no script of {TRIES_MAX} comes to every kind of file")
    }

    fn of(script: &Script) -> Option<Self> {
        let run = Run::play(script, Disturbance::None);
        let image = durable(&run.vfs);
        let truth = run.truth();
        let paths = image.files();
        let has = |kind: &&str| paths.iter().any(|path| path.to_string_lossy().ends_with(*kind));
        if !KINDS.iter().all(has) || truth.acked != truth.submitted() {
            return None;
        }
        let files = paths.into_iter().map(|path| {
            let length = image.read_all(&path).map_or(0, |bytes| bytes.len());
            (path, u64::try_from(length).expect("small"))
        });
        let noted = stat(Path::new(FOLDER), Arc::new(image.clone())).expect("it was fine");
        let older = [2, 3].map(|share| {
            let lines = script.lines.iter().take(script.lines.len() * share / 4).cloned();
            let script = Script { lines: lines.collect(), ..*script };
            durable(&Run::play(&script, Disturbance::None).vfs)
        });
        Some(Self {
            files: files.collect(),
            older: older.into(),
            twin: None,
            last: last_batch(&image)?,
            proven: noted.watermark.map_or(0, |mark| mark.durable),
            now_ms: run.now_ms(),
            image,
            truth,
        })
    }

    fn find_twin(&self, script: &Script, rng: &mut SmallRng) -> Option<SimVfs> {
        (0..TWINS_MAX).find_map(|_| {
            let run = Run::play(&script.twin(rng), Disturbance::None);
            let (ours, theirs) = (&self.truth.sent, run.truth().sent);
            let image = durable(&run.vfs);
            let is_twin = ours.len() == theirs.len() && *ours != theirs;
            (is_twin && image.read_all(&self.last.path).is_some()).then_some(image)
        })
    }

    /// Up to which record a note on the disk speaks, though `bytes` bytes at `from` of a file are gone.
    pub fn proven_without(&self, path: &Path, from: usize, bytes: usize) -> u64 {
        let last = &self.last;
        let is_hit = path == last.path && from <= last.from && last.from < from + bytes;
        if is_hit { self.proven } else { self.proven.max(last.durable) }
    }

    /// Bits of all its files.
    pub fn bits(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| 8 * bytes).sum()
    }

    /// The file that has that bit of all, and which of its bits it is.
    pub fn place_of(&self, mut bit: u64) -> Option<(&Path, u64)> {
        for (path, bytes) in &self.files {
            if bit < 8 * bytes {
                return Some((path, bit));
            }
            bit -= 8 * bytes;
        }
        None
    }
}

/// The last batch, if the last segment has one: by its first bytes, whatever its checksums say.
fn last_batch(image: &SimVfs) -> Option<LastBatch> {
    let segments =
        image.files().into_iter().filter(|path| path.extension() == Some("seg".as_ref()));
    let path = segments.max()?;
    let bytes = image.read_all(&path)?;
    let blocks = (DATA_START..bytes.len()).step_by(4_096).rev();
    let header = |from: usize| bytes.get(from..).filter(|rest| rest.starts_with(b"PASSBBAT"));
    let (from, header) = blocks.into_iter().find_map(|from| Some((from, header(from)?)))?;
    let durable = u64::from_le_bytes(*header.get(56..)?.first_chunk()?);
    Some(LastBatch { path, from, durable })
}

/// What is on the medium for sure.
fn durable(vfs: &SimVfs) -> SimVfs {
    vfs.crash_images(1, 0).next().expect("at least one state")
}

/// Sets of specimens, made when they are asked for.
#[derive(Debug, Default)]
pub struct Sets(Mutex<Vec<Arc<Vec<Specimen>>>>);

impl Sets {
    /// The set of that number: a journal and a ledger, of which one was closed and one killed.
    pub fn set(&self, number: usize, seed: u64) -> Arc<Vec<Specimen>> {
        let mut sets = self.0.lock().expect("no panic under it");
        while sets.len() <= number {
            let seed = seed.wrapping_add(u64::try_from(sets.len()).expect("few sets"));
            let ends = if sets.len().is_multiple_of(2) {
                [Line::Close, Line::Kill]
            } else {
                [Line::Kill, Line::Close]
            };
            let kinds = [Content::Opaque, Content::Sessions].into_iter().zip(ends);
            let set = kinds.map(|(content, end)| Specimen::make(content, &end, seed)).collect();
            sets.push(Arc::new(set));
        }
        sets.get(number).map(Arc::clone).expect("made just now")
    }
}
