//! A sequence that grows by the piece: no growth copies what is there.

/// Items in a piece: so many that the places of all pieces stay in the cache nearest to a processor.
const CHUNK_LEN: usize = 2_048;
/// Items in a part of a piece.
pub(crate) const PART_LEN: usize = 512;

/// Items by index, in pieces of [`CHUNK_LEN`].
#[derive(Debug)]
pub(crate) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    /// The item at `index`, if the sequence is that long.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index / CHUNK_LEN)?.get(index % CHUNK_LEN)
    }

    /// The item at `index`, to be changed.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index / CHUNK_LEN)?.get_mut(index % CHUNK_LEN)
    }

    /// So many items as are looked at in one go; `None` beyond the last.
    pub(crate) fn part(&self, number: usize) -> Option<&[T]> {
        let first = number * PART_LEN;
        self.0.get(first / CHUNK_LEN)?.get(first % CHUNK_LEN..)?.chunks(PART_LEN).next()
    }
}

impl<T: Default> Chunks<T> {
    /// The item at `index`, after filling the sequence up to it with defaults.
    pub(crate) fn grown_to(&mut self, index: usize) -> &mut T {
        while self.get(index).is_none() {
            if self.0.last().is_none_or(|last| last.len() == CHUNK_LEN) {
                self.0.push(Vec::with_capacity(CHUNK_LEN));
            }
            self.0.last_mut().expect("one was there or pushed").push(T::default());
        }
        self.get_mut(index).expect("filled up to it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_holds_what_it_was_given_across_pieces() {
        let mut chunks = Chunks::default();
        for index in [0, CHUNK_LEN - 1, CHUNK_LEN, 3 * CHUNK_LEN] {
            *chunks.grown_to(index) = Some(index);
        }
        assert_eq!(chunks.get(CHUNK_LEN), Some(&Some(CHUNK_LEN)));
        assert_eq!(chunks.get(CHUNK_LEN + 1), Some(&None));
        assert_eq!(chunks.get(3 * CHUNK_LEN + 1), None);
        let parts: Vec<_> = (0..).map_while(|number| chunks.part(number)).collect();
        let full = 3 * CHUNK_LEN / PART_LEN;
        assert_eq!(parts.len(), full + 1);
        assert!(parts.iter().take(full).all(|part| part.len() == PART_LEN));
        let items: Vec<_> = parts.concat();
        assert_eq!(items.len(), 3 * CHUNK_LEN + 1);
        assert_eq!(items.last(), Some(&Some(3 * CHUNK_LEN)));
    }
}
