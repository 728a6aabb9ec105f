//! Columns of numbers: a base and as many planes of bytes as the widest value has.

use super::{SectionError, bytes::Bytes};

const WIDTH_MAX: u8 = 8;

/// Appends a column.
pub(super) fn put(bytes: &mut Vec<u8>, values: &[u64]) {
    let least = values.iter().copied().min().unwrap_or(0);
    let span = values.iter().copied().max().unwrap_or(0) - least;
    let width = (u64::BITS - span.leading_zeros()).div_ceil(u8::BITS);
    bytes.push(u8::try_from(width).expect("at most 8"));
    bytes.extend_from_slice(&least.to_le_bytes());
    for plane in 0..width {
        bytes.extend(values.iter().map(|value| {
            let [low, ..] = ((value - least) >> (plane * u8::BITS)).to_le_bytes();
            low
        }));
    }
}

/// Takes a column of `len` values.
pub(super) fn take(bytes: &mut Bytes<'_>, len: usize) -> Result<Vec<u64>, SectionError> {
    let width = bytes.u8()?;
    if width > WIDTH_MAX {
        return Err(bytes.wrong(format!("a column of {width} bytes a value")));
    }
    let least = bytes.u64()?;
    let mut planes = Vec::with_capacity(usize::from(width));
    for _ in 0..width {
        planes.push(bytes.take(len)?);
    }
    let mut values = vec![least; len];
    for (plane, shift) in planes.into_iter().zip((0..).step_by(8)) {
        for (value, byte) in values.iter_mut().zip(plane) {
            *value = value.wrapping_add(u64::from(*byte) << shift);
        }
    }
    Ok(values)
}

/// Takes a column of lengths or places, each at most `max`.
pub(super) fn take_small(
    bytes: &mut Bytes<'_>,
    len: usize,
    max: usize,
) -> Result<Vec<usize>, SectionError> {
    let at = bytes.at();
    let values = take(bytes, len)?;
    let small = |value| usize::try_from(value).ok().filter(|value| *value <= max);
    let smalls: Option<Vec<_>> = values.into_iter().map(small).collect();
    smalls.ok_or_else(|| super::malformed(at, format!("a value is over {max}")))
}
