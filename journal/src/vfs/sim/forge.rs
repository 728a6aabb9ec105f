//! Looking at and changing files behind the journal's back, durably.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::inode::Inode;
use super::pages::Pages;
use super::state::{Dir, Node, State, split};

impl State {
    fn file(&self, path: &Path) -> Option<usize> {
        match self.node(path)? {
            Node::File(inode) => Some(inode),
            Node::Dir => None,
        }
    }

    pub(super) fn flip(&mut self, path: &Path, bit: u64) -> bool {
        let Some(inode) = self.file(path).and_then(|inode| self.inodes.get_mut(inode)) else {
            return false;
        };
        inode.durable.flip(bit);
        inode.current.flip(bit)
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (dir, names) in &self.dirs {
            for (name, node) in &names.current {
                if let Node::File(_) = node {
                    files.push(dir.join(name));
                }
            }
        }
        files.sort_unstable();
        files
    }

    pub(super) fn read_all(&self, path: &Path) -> Option<Vec<u8>> {
        Some(self.inodes.get(self.file(path)?)?.current.to_vec())
    }

    fn pages(&self, path: &Path) -> Option<&Pages> {
        Some(&self.inodes.get(self.file(path)?)?.current)
    }

    pub(super) fn content_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in self.files() {
            path.hash(&mut hasher);
            if let Some(pages) = self.pages(&path) {
                pages.hash_into(&mut hasher);
            }
        }
        hasher.finish()
    }

    pub(super) fn differing(&self, other: &Self) -> Vec<PathBuf> {
        let mut files = self.files();
        files.extend(other.files());
        files.sort_unstable();
        files.dedup();
        files.retain(|path| match (self.pages(path), other.pages(path)) {
            (Some(one), Some(two)) => !one.is_same(two),
            (one, two) => one.is_some() != two.is_some(),
        });
        files
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) {
        let mut pages = Pages::default();
        pages.write(bytes, 0);
        let (dir, name) = split(path).expect("a path to a file");
        let node = Node::File(self.inodes.len());
        self.inodes.push(Inode { durable: pages.clone(), current: pages, pending: Vec::new() });
        self.put_dir(dir);
        let dir = self.dir(dir).expect("put just now");
        dir.durable.insert(name.clone(), node);
        dir.current.insert(name, node);
    }

    fn put_dir(&mut self, path: &Path) {
        if self.dirs.contains_key(path) {
            return;
        }
        let (parent, name) = split(path).expect("the root is always there");
        self.put_dir(parent);
        let parent = self.dir(parent).expect("put just now");
        parent.durable.insert(name.clone(), Node::Dir);
        parent.current.insert(name, Node::Dir);
        self.dirs.insert(path.to_owned(), Dir::default());
    }

    pub(super) fn truncate(&mut self, path: &Path, len: u64) -> bool {
        let Some(inode) = self.file(path).and_then(|inode| self.inodes.get_mut(inode)) else {
            return false;
        };
        inode.durable.cut(len);
        inode.current.cut(len);
        true
    }
}
