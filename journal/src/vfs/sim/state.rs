//! The state of a simulated file system and what each call does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::inode::{Inode, Pending};
use super::{Call, CallKind, Fault, LockKind, Locks, OpenMode, ReadOnly, Times};
use crate::limits::SECTOR_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Dir,
}

/// A change of a folder that isn't durable.
#[derive(Debug, Clone)]
pub(super) enum DirChange {
    Link(String, Node),
    Unlink(String),
    Rename(String, String, Node),
}

pub(super) type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone, Default)]
pub(super) struct Dir {
    pub(super) durable: Names,
    pub(super) current: Names,
    pub(super) pending: Vec<DirChange>,
}

/// A planned failure. `kind` is known once it has struck.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) number: u64,
    pub(super) fault: Fault,
    pub(super) times: Times,
    pub(super) kind: Option<CallKind>,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) inodes: Vec<Inode>,
    pub(super) dirs: BTreeMap<PathBuf, Dir>,
    pub(super) locks: Locks,
    pub(super) calls: u64,
    pub(super) log: Option<Vec<Call>>,
    pub(super) cut_at: Option<u64>,
    pub(super) off: bool,
    pub(super) fault: Option<Plan>,
    pub(super) capacity: Option<u64>,
    pub(super) read_only: ReadOnly,
}

impl Default for State {
    fn default() -> Self {
        Self {
            inodes: Vec::new(),
            dirs: BTreeMap::from([(PathBuf::from("/"), Dir::default())]),
            locks: Locks::new(),
            calls: 0,
            log: None,
            cut_at: None,
            off: false,
            fault: None,
            capacity: None,
            read_only: ReadOnly::No,
        }
    }
}

/// What to do at a call.
enum Turn {
    Go,
    /// The power goes off during this call.
    Cut,
    Fail(Fault),
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn fault_error(fault: Fault) -> io::Error {
    match fault {
        Fault::Error(kind) => kind.into(),
        Fault::ShortWrite | Fault::LosePages => io::Error::other("input/output error"),
    }
}

impl State {
    fn turn(&mut self, kind: CallKind, path: &Path) -> io::Result<Turn> {
        if self.off {
            return Err(power_is_off());
        }
        self.calls += 1;
        let number = self.calls;
        if let Some(log) = &mut self.log {
            log.push(Call { number, kind, path: path.to_owned() });
        }
        if self.cut_at.is_some_and(|cut| number >= cut) {
            self.off = true;
            return Ok(Turn::Cut);
        }
        if self.read_only == ReadOnly::Yes && kind.changes() {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if let Some(plan) = &mut self.fault {
            let strikes =
                number == plan.number || (plan.times == Times::ForEver && plan.kind == Some(kind));
            if strikes {
                plan.kind = Some(kind);
                return Ok(Turn::Fail(plan.fault));
            }
        }
        Ok(Turn::Go)
    }

    /// For calls that do nothing when the power goes off during them.
    fn plain_turn(&mut self, kind: CallKind, path: &Path) -> io::Result<()> {
        match self.turn(kind, path)? {
            Turn::Go => Ok(()),
            Turn::Cut => Err(power_is_off()),
            Turn::Fail(fault) => Err(fault_error(fault)),
        }
    }

    /// For changes of folders: they may happen even if the power goes off during them.
    fn change(
        &mut self,
        kind: CallKind,
        path: &Path,
        change: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.turn(kind, path)? {
            Turn::Go => change(self),
            Turn::Cut => change(self).and(Err(power_is_off())),
            Turn::Fail(fault) => Err(fault_error(fault)),
        }
    }

    pub(super) fn dir(&mut self, path: &Path) -> io::Result<&mut Dir> {
        self.dirs.get_mut(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn node(&self, path: &Path) -> Option<Node> {
        let (dir, name) = split(path)?;
        self.dirs.get(dir)?.current.get(&name).copied()
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<usize> {
        let exists = self.node(path);
        let creates = match mode {
            OpenMode::Read | OpenMode::ReadWrite => false,
            OpenMode::CreateNew | OpenMode::CreateOrOpen => exists.is_none(),
        };
        let kind = if creates { CallKind::Create } else { CallKind::Open };
        if self.read_only == ReadOnly::Yes && mode != OpenMode::Read {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        match (exists, mode) {
            (Some(Node::Dir), _) => Err(io::ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), OpenMode::CreateNew) => {
                self.plain_turn(kind, path).and(Err(io::ErrorKind::AlreadyExists.into()))
            }
            (Some(Node::File(inode)), _) => self.plain_turn(kind, path).map(|()| inode),
            (None, OpenMode::Read | OpenMode::ReadWrite) => {
                self.plain_turn(kind, path).and(Err(io::ErrorKind::NotFound.into()))
            }
            (None, OpenMode::CreateNew | OpenMode::CreateOrOpen) => {
                let inode = self.inodes.len();
                self.change(kind, path, |state| {
                    state.inodes.push(Inode::default());
                    state.link(path, Node::File(inode))
                })?;
                Ok(inode)
            }
        }
    }

    fn link(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let (dir, name) = split(path).ok_or(io::ErrorKind::InvalidInput)?;
        let dir = self.dir(dir)?;
        dir.current.insert(name.clone(), node);
        dir.pending.push(DirChange::Link(name, node));
        Ok(())
    }

    pub(super) fn list(&mut self, dir: &Path) -> io::Result<Vec<String>> {
        self.plain_turn(CallKind::List, dir)?;
        Ok(self.dir(dir)?.current.keys().cloned().collect())
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        if self.node(path).is_some() {
            return self
                .plain_turn(CallKind::CreateDir, path)
                .and(Err(io::ErrorKind::AlreadyExists.into()));
        }
        self.change(CallKind::CreateDir, path, |state| {
            state.link(path, Node::Dir)?;
            state.dirs.insert(path.to_owned(), Dir::default());
            Ok(())
        })
    }

    pub(super) fn rename(&mut self, source: &Path, target: &Path) -> io::Result<()> {
        self.change(CallKind::Rename, source, |state| {
            let node = state.node(source).ok_or(io::ErrorKind::NotFound)?;
            let (from, to) = (split(source), split(target));
            let (Some((dir, from)), Some((dir_to, to))) = (from, to) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            assert!(dir == dir_to, "the journal renames inside one folder only");
            let dir = state.dir(dir)?;
            dir.current.remove(&from);
            dir.current.insert(to.clone(), node);
            dir.pending.push(DirChange::Rename(from, to, node));
            Ok(())
        })
    }

    pub(super) fn hard_link(&mut self, source: &Path, target: &Path) -> io::Result<()> {
        self.change(CallKind::HardLink, source, |state| match (state.node(source), target) {
            (None, _) => Err(io::ErrorKind::NotFound.into()),
            (Some(Node::Dir), _) => Err(io::ErrorKind::IsADirectory.into()),
            (Some(Node::File(_)), target) if state.node(target).is_some() => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            (Some(node @ Node::File(_)), target) => state.link(target, node),
        })
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.change(CallKind::Unlink, path, |state| {
            let (dir, name) = split(path).ok_or(io::ErrorKind::InvalidInput)?;
            let dir = state.dir(dir)?;
            dir.current.remove(&name).ok_or(io::ErrorKind::NotFound)?;
            dir.pending.push(DirChange::Unlink(name));
            Ok(())
        })
    }

    pub(super) fn fsync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.plain_turn(CallKind::SyncDir, path)?;
        let dir = self.dir(path)?;
        dir.durable = dir.current.clone();
        dir.pending.clear();
        Ok(())
    }

    pub(super) fn pread(
        &mut self,
        inode: usize,
        path: &Path,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        self.plain_turn(CallKind::Read, path)?;
        Ok(self.inode(inode)?.current.read(buffer, offset))
    }

    pub(super) fn pwrite(
        &mut self,
        inode: usize,
        path: &Path,
        bytes: &[u8],
        offset: u64,
    ) -> io::Result<usize> {
        match self.turn(CallKind::Write, path)? {
            Turn::Go => {
                self.check_capacity(inode, bytes.len(), offset)?;
                self.put_bytes(inode, bytes, offset)?;
                Ok(bytes.len())
            }
            Turn::Cut => self.put_bytes(inode, bytes, offset).and(Err(power_is_off())),
            Turn::Fail(Fault::ShortWrite) => {
                let (half, _) = bytes.split_at(bytes.len() / 2);
                self.put_bytes(inode, half, offset)?;
                Ok(half.len())
            }
            Turn::Fail(fault) => Err(fault_error(fault)),
        }
    }

    fn check_capacity(&mut self, inode: usize, bytes: usize, offset: u64) -> io::Result<()> {
        let end = offset + u64::try_from(bytes).expect("lengths fit");
        let grows = end.saturating_sub(self.inode(inode)?.current.len);
        let held = self.linked_bytes();
        if grows > 0 && self.capacity.is_some_and(|capacity| held + grows > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Length of all files that have a name, each once.
    fn linked_bytes(&self) -> u64 {
        let names = self.dirs.values().flat_map(|dir| dir.current.values());
        let inodes: BTreeSet<usize> = names
            .filter_map(|node| match node {
                Node::File(inode) => Some(*inode),
                Node::Dir => None,
            })
            .collect();
        inodes.iter().filter_map(|inode| self.inodes.get(*inode)).map(|at| at.current.len).sum()
    }

    fn put_bytes(&mut self, inode: usize, bytes: &[u8], offset: u64) -> io::Result<()> {
        let inode = self.inode(inode)?;
        let grows = offset >= inode.current.len;
        if grows && crate::format::all_zero(bytes) {
            inode.pending.push(Pending { offset, bytes: bytes.into() });
        } else {
            let (mut rest, mut at) = (bytes, offset);
            while !rest.is_empty() {
                let within = usize::try_from(at).expect("lengths fit") % SECTOR_BYTES;
                let (sector, later) = rest.split_at(rest.len().min(SECTOR_BYTES - within));
                if !inode.is_there_already(sector, at) {
                    inode.pending.push(Pending { offset: at, bytes: sector.into() });
                }
                at += u64::try_from(sector.len()).expect("lengths fit");
                rest = later;
            }
        }
        inode.current.write(bytes, offset);
        Ok(())
    }

    pub(super) fn fdatasync(&mut self, inode: usize, path: &Path) -> io::Result<()> {
        match self.turn(CallKind::Sync, path)? {
            Turn::Go => {
                self.inode(inode)?.persist();
                Ok(())
            }
            Turn::Cut => Err(power_is_off()),
            Turn::Fail(fault) => {
                if fault == Fault::LosePages {
                    self.inode(inode)?.pending.clear();
                }
                Err(fault_error(fault))
            }
        }
    }

    pub(super) fn len(&mut self, inode: usize, path: &Path) -> io::Result<u64> {
        self.plain_turn(CallKind::Len, path)?;
        Ok(self.inode(inode)?.current.len)
    }

    pub(super) fn try_lock(
        &mut self,
        inode: usize,
        path: &Path,
        kind: LockKind,
    ) -> io::Result<bool> {
        self.plain_turn(CallKind::Lock, path)?;
        let (shared, exclusive) = self.locks.entry(inode).or_default();
        match kind {
            LockKind::Exclusive if *shared == 0 && !*exclusive => *exclusive = true,
            LockKind::Shared if !*exclusive => *shared += 1,
            LockKind::Exclusive | LockKind::Shared => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn unlock(&mut self, inode: usize, kind: LockKind) {
        if let Some((shared, exclusive)) = self.locks.get_mut(&inode) {
            match kind {
                LockKind::Exclusive => *exclusive = false,
                LockKind::Shared => *shared = shared.saturating_sub(1),
            }
        }
    }

    fn inode(&mut self, inode: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn fork(&self) -> Self {
        Self {
            inodes: self.inodes.clone(),
            dirs: self.dirs.clone(),
            capacity: self.capacity,
            read_only: self.read_only,
            ..Self::default()
        }
    }
}

pub(super) fn split(path: &Path) -> Option<(&Path, String)> {
    Some((path.parent()?, path.file_name()?.to_string_lossy().into_owned()))
}
