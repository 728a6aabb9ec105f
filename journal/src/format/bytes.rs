//! Fixed-width little-endian fields at fixed offsets, without indexing that can panic.

pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array_at(bytes, offset).map(u64::from_le_bytes)
}

/// Copies a field into a buffer that the encoder has sized for it.
pub(super) fn put(bytes: &mut [u8], offset: usize, field: &[u8]) {
    bytes
        .get_mut(offset..offset + field.len())
        .expect("the encoder sized the buffer for its fields")
        .copy_from_slice(field);
}

/// Whether all bytes are zero. By comparing with zeros: fast at every optimisation level.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|chunk| ZEROS.starts_with(chunk))
}

/// Whether fewer than two bits are set. A sector like that could be mistaken for one that was
/// never written, after one bit flipped.
pub(super) fn is_thin(sector: &[u8]) -> bool {
    let mut ones = 0;
    let (words, rest) = sector.as_chunks::<8>();
    for word in words {
        ones += u64::from_le_bytes(*word).count_ones();
        if ones >= 2 {
            return false;
        }
    }
    rest.iter().fold(ones, |ones, byte| ones + byte.count_ones()) < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_with_fewer_than_two_bits_is_thin() {
        let mut sector = [0; 512];
        assert!(is_thin(&sector));
        sector[511] = 0b1000;
        assert!(is_thin(&sector));
        sector[0] = 1;
        assert!(!is_thin(&sector));
    }

    #[test]
    fn the_last_sector_may_be_short_and_is_judged_alike() {
        for thin in [&[][..], &[0], &[4], &[0, 1], &[0, 0, 0, 0, 0, 0, 0, 0, 1]] {
            assert!(is_thin(thin), "{thin:?}");
        }
        for full in [&[3][..], &[1, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1], &[7, 7, 7]] {
            assert!(!is_thin(full), "{full:?}");
        }
    }
}
