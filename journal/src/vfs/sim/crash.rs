//! The states a medium may be in after the power was cut.

use super::SimVfs;
use super::state::{Dir, DirChange, Names, Node, State};

/// See [`SimVfs::crash_images`].
#[derive(Debug)]
pub struct CrashImages {
    state: State,
    /// Changes that may or may not have reached the medium.
    pending: usize,
    count: usize,
    at: usize,
    exhaustive: bool,
    random: u64,
}

impl CrashImages {
    pub(super) fn new(state: State, limit: usize, seed: u64) -> Self {
        let writes: usize = state.inodes.iter().map(|inode| inode.pending.len()).sum();
        let changes: usize = state.dirs.values().map(|dir| dir.pending.len()).sum();
        let pending = writes + changes;
        let all = u32::try_from(pending).ok().and_then(|bits| 1_usize.checked_shl(bits));
        let exhaustive = all.is_some_and(|all| all <= limit);
        let count = all.filter(|_| exhaustive).unwrap_or(limit);
        Self { state, pending, count, at: 0, exhaustive, random: seed | 1 }
    }

    /// Number of changes that were not durable.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether every state is among the images.
    pub fn is_exhaustive(&self) -> bool {
        self.exhaustive
    }

    /// Which of the pending changes reached the medium in image `at`.
    fn choose(&mut self, at: usize) -> Vec<bool> {
        let pending = self.pending;
        if self.exhaustive {
            return (0..pending).map(|bit| at >> bit & 1 == 1).collect();
        }
        match at {
            0 => vec![false; pending],
            1 => vec![true; pending],
            // Each change alone, and all but one: where mistakes are most often.
            _ if at < 2 + pending => (0..pending).map(|bit| bit == at - 2).collect(),
            _ if at < 2 + 2 * pending => (0..pending).map(|bit| bit != at - 2 - pending).collect(),
            _ => {
                let share = self.next_random() % 8 + 1;
                (0..pending).map(|_| self.next_random() % 9 < share).collect()
            }
        }
    }

    /// xorshift64*: good enough to sample, and the same everywhere.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
}

impl Iterator for CrashImages {
    type Item = SimVfs;

    fn next(&mut self) -> Option<SimVfs> {
        if self.at == self.count {
            return None;
        }
        let chosen = self.choose(self.at);
        self.at += 1;
        Some(SimVfs::from_state(image(&self.state, &chosen)))
    }
}

/// The medium with the chosen changes, and nothing pending.
fn image(state: &State, chosen: &[bool]) -> State {
    let mut image = state.fork();
    let mut chosen = chosen.iter().copied();
    for inode in &mut image.inodes {
        for write in inode.pending.drain(..) {
            if chosen.next().unwrap_or(false) {
                inode.durable.write(&write.bytes, write.offset);
            }
        }
        inode.current = inode.durable.clone();
    }
    for dir in image.dirs.values_mut() {
        let pending = std::mem::take(&mut dir.pending);
        for change in pending {
            if chosen.next().unwrap_or(false) {
                apply(&mut dir.durable, change);
            }
        }
        dir.current = dir.durable.clone();
    }
    // Folders are sorted, parents first: one that lost its own name is gone with all it held.
    let mut lost = Vec::new();
    for path in image.dirs.keys() {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
            let name = name.to_string_lossy();
            let names = image.dirs.get(parent).filter(|_| !lost.iter().any(|dir| dir == parent));
            let kept = names.is_some_and(|dir: &Dir| dir.durable.get(&*name) == Some(&Node::Dir));
            if !kept {
                lost.push(path.clone());
            }
        }
    }
    image.dirs.retain(|path, _| !lost.contains(path));
    image
}

fn apply(names: &mut Names, change: DirChange) {
    match change {
        DirChange::Link(name, node) => drop(names.insert(name, node)),
        DirChange::Unlink(name) => drop(names.remove(&name)),
        DirChange::Rename(source, target, node) => {
            names.remove(&source);
            names.insert(target, node);
        }
    }
}
