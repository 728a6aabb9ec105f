//! The bytes of a simulated file, in shared pages, so that a copy costs little.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// Bytes in a page.
pub(super) const PAGE_BYTES: usize = 4096;
const PAGE_BYTES_U64: u64 = 4096;

type Page = Arc<[u8; PAGE_BYTES]>;

static ZERO: LazyLock<Page> = LazyLock::new(|| Arc::new([0; PAGE_BYTES]));

/// Contents of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Page>,
    pub(super) len: u64,
}

impl Pages {
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let mut rest = buffer.split_at_mut(count).0;
        let (mut page, mut within) = place(offset);
        while !rest.is_empty() {
            let piece = rest.len().min(PAGE_BYTES - within);
            let (now, later) = rest.split_at_mut(piece);
            if let Some(bytes) =
                self.pages.get(page).and_then(|page| page.get(within..within + piece))
            {
                now.copy_from_slice(bytes);
            }
            rest = later;
            page += 1;
            within = 0;
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        self.grow(offset + u64::try_from(bytes.len()).expect("lengths fit"));
        let (mut page, mut within) = place(offset);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES - within));
            let target = self.pages.get_mut(page).expect("grown above");
            let same = target.get(within..within + now.len()) == Some(now);
            if !same && let Some(target) = Arc::make_mut(target).get_mut(within..within + now.len())
            {
                target.copy_from_slice(now);
            }
            rest = later;
            page += 1;
            within = 0;
        }
    }

    /// Makes it at least `len` bytes long, with zeros.
    pub(super) fn grow(&mut self, len: u64) {
        if len > self.len {
            self.len = len;
            let pages = usize::try_from(len.div_ceil(PAGE_BYTES_U64)).expect("lengths fit");
            self.pages.resize(pages, Arc::clone(&ZERO));
        }
    }

    pub(super) fn cut(&mut self, len: u64) {
        let mut bytes = self.to_vec();
        bytes.truncate(usize::try_from(len).expect("lengths fit"));
        *self = Self::default();
        self.write(&bytes, 0);
    }

    pub(super) fn flip(&mut self, bit: u64) -> bool {
        let mut byte = [0];
        if self.read(&mut byte, bit / 8) == 0 {
            return false;
        }
        self.write(&[byte[0] ^ (1 << (bit % 8))], bit / 8);
        true
    }

    /// Stirs length and bytes in; pages that were never written cost nothing.
    pub(super) fn hash_into(&self, hasher: &mut impl Hasher) {
        self.len.hash(hasher);
        for (index, page) in self.pages.iter().enumerate() {
            if !Arc::ptr_eq(page, &ZERO) && **page != **ZERO {
                (index, stirred(page)).hash(hasher);
            }
        }
    }

    /// Whether the bytes are the same; pages that are shared are not looked at.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let mut pairs = self.pages.iter().zip(&other.pages);
        self.len == other.len && pairs.all(|(one, two)| Arc::ptr_eq(one, two) || one == two)
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len).expect("lengths fit")];
        self.read(&mut bytes, 0);
        bytes
    }
}

/// Page, and offset within it.
fn place(offset: u64) -> (usize, usize) {
    let page = usize::try_from(offset / PAGE_BYTES_U64).expect("lengths fit");
    let within = usize::try_from(offset % PAGE_BYTES_U64).expect("below 4096");
    (page, within)
}

/// All words of a page in one: no two pages that differ in one word come to the same.
fn stirred(page: &[u8; PAGE_BYTES]) -> u64 {
    let (words, _) = page.as_chunks::<8>();
    words.iter().fold(0_u64, |sum, word| {
        (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}
