//! A section's bytes, taken from the front; whoever takes more than there is gets an error.

use super::{SectionError, malformed};

/// What is left of a section.
#[derive(Debug)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(section: &'a [u8]) -> Self {
        Self { rest: section, len: section.len() }
    }

    /// How many were taken.
    pub(super) fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// That something is wrong here.
    pub(super) fn wrong(&self, why: impl Into<String>) -> SectionError {
        malformed(self.at(), why)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], SectionError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.wrong(format!("{len} bytes are wanted, {} left", self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// So many items of `N` bytes.
    pub(super) fn items<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<&'a [[u8; N]], SectionError> {
        let len = count.checked_mul(N).ok_or_else(|| self.wrong("a count is too large"))?;
        Ok(self.take(len)?.as_chunks().0)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SectionError> {
        let wrong = self.wrong("the section ends early");
        self.items::<N>(1)?.first().copied().ok_or(wrong)
    }

    pub(super) fn u8(&mut self) -> Result<u8, SectionError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, SectionError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, SectionError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things that have `bytes_min` bytes or more each, all still to come.
    pub(super) fn count(&mut self, max: usize, bytes_min: usize) -> Result<usize, SectionError> {
        let count = self.u32()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > max || count.saturating_mul(bytes_min) > self.rest.len() {
            return Err(self.wrong(format!("a count of {count} is more than can be")));
        }
        Ok(count)
    }

    /// That all were taken.
    pub(super) fn end(&self) -> Result<(), SectionError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("more bytes than the section has"))
        }
    }
}

/// A length or count as it is written.
///
/// # Panics
/// If it does not fit: sections are far smaller.
pub(super) fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("a section has fewer than 2^32 of anything")
}
