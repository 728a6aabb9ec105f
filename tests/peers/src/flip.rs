//! Which bits are flipped, and what became of the records.

use std::{
    collections::BTreeMap,
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use crate::stores::{Records, record, records};

const BLOCK: usize = 4_096;

/// A bit of a file, named from the store's folder.
pub struct Bit {
    pub file: PathBuf,
    pub bit: usize,
}

/// What a flip did.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// Opening or reading says that something is wrong.
    Refused,
    /// The process panicked, ended or hung.
    Crashed,
    /// Fewer records than were acknowledged, and not a word.
    Lost,
    /// A record with another value, or one that nobody wrote, and not a word.
    Wrong,
    /// All records are there.
    Intact,
}

const WORDS: [(Outcome, &str); 5] = [
    (Outcome::Refused, "outcome: refused"),
    (Outcome::Crashed, "outcome: crashed"),
    (Outcome::Lost, "outcome: lost"),
    (Outcome::Wrong, "outcome: wrong"),
    (Outcome::Intact, "outcome: intact"),
];

impl Outcome {
    pub fn parse(line: &str) -> Option<Self> {
        WORDS.iter().find(|(_, word)| *word == line).map(|(outcome, _)| *outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WORDS[*self as usize].1)
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// So many bits, evenly spread over the blocks that are not all zero.
pub fn bits(folder: &Path, flips: usize) -> Vec<Bit> {
    let mut found = Vec::new();
    files(folder, &mut found);
    let mut blocks = Vec::new();
    for path in &found {
        let bytes = fs::read(path).expect("a file");
        let file = path.strip_prefix(folder).expect("below").to_owned();
        for (index, block) in bytes.chunks(BLOCK).enumerate() {
            if block.iter().any(|byte| *byte != 0) {
                blocks.push((file.clone(), 8 * BLOCK * index, 8 * block.len()));
            }
        }
    }
    let total: usize = blocks.iter().map(|(_, _, bits)| bits).sum();
    let mut bits = Vec::new();
    let (mut blocks, mut passed) = (blocks.into_iter().peekable(), 0);
    for flip in 0..flips {
        let place = flip * total / flips;
        while let Some((_, _, len)) = blocks.peek()
            && place >= passed + len
        {
            passed += len;
            blocks.next();
        }
        let (file, begins, _) = blocks.peek().expect("there are more");
        bits.push(Bit { file: file.clone(), bit: begins + place - passed });
    }
    bits
}

/// A copy of a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Flips a bit of a file.
pub fn flip(path: &Path, bit: usize) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::File::options().read(true).write(true).open(path).expect("a file");
    let (at, mut byte) = ((bit / 8) as u64, [0]);
    file.read_exact_at(&mut byte, at).expect("it is long enough");
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, at).expect("it is writable");
}

/// What a store has made of a flip.
pub fn judge(read: impl FnOnce() -> Result<Records, String>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(read)) {
        Err(_panic) => Outcome::Crashed,
        Ok(Err(_says)) => Outcome::Refused,
        Ok(Ok(found)) => compare(&found),
    }
}

fn compare(found: &Records) -> Outcome {
    let wanted: BTreeMap<String, String> = records().collect();
    let is_known = |(key, value): (&String, &String)| wanted.get(key) == Some(value);
    assert_eq!(record(0), records().next().expect("there is a first"));
    if !found.iter().all(is_known) {
        Outcome::Wrong
    } else if found.len() < wanted.len() {
        Outcome::Lost
    } else {
        Outcome::Intact
    }
}
