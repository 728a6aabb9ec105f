//! What few sessions have: spent tokens and data.

use std::{slice, sync::Arc, vec};

use crate::{
    DataKey, SessionState, SpentToken, Text, TokenDigest, limits,
    session::Data,
    snapshot::{
        SectionError,
        bytes::Bytes,
        columns, malformed, over_limit,
        texts::{self, Kind},
        unzigzag,
    },
};

const KEY: Kind =
    Kind { what: "the data key", bytes_min: 1, bytes_max: limits::DATA_KEY_BYTES_MAX };

/// Spent tokens and data of the sessions that have some, in order.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    spent_counts: vec::IntoIter<usize>,
    digests: slice::Iter<'a, [u8; 32]>,
    generations: vec::IntoIter<u64>,
    times: vec::IntoIter<u64>,
    data: vec::IntoIter<Option<Arc<Data>>>,
}

impl<'a> Beside<'a> {
    pub(super) fn read(bytes: &mut Bytes<'a>, len: usize) -> Result<Self, SectionError> {
        let spent_counts = columns::take_small(bytes, len, usize::MAX)?;
        let total = total_of(bytes, &spent_counts)?;
        let digests = bytes.items(total)?.iter();
        let generations = columns::take(bytes, total)?.into_iter();
        let times = columns::take(bytes, total)?.into_iter();
        let data = take_data(bytes, len)?.into_iter();
        Ok(Self { spent_counts: spent_counts.into_iter(), digests, generations, times, data })
    }

    /// Gives the next session what it has.
    pub(super) fn add_to(&mut self, state: &mut SessionState, spent: &mut Vec<SpentToken>) {
        let count = self.spent_counts.next().unwrap_or(0);
        let (generation, active_ms) = (state.generation, state.session.last_active_at_ms);
        let digests = self.digests.by_ref().take(count);
        let generations = self.generations.by_ref();
        let times = self.times.by_ref();
        spent.reserve_exact(count);
        for ((digest, code), time) in digests.zip(generations).zip(times) {
            let number = unzigzag(code, u64::from(generation));
            spent.push(SpentToken {
                digest: TokenDigest::from_bytes(*digest),
                generation: u32::try_from(number).unwrap_or(u32::MAX),
                spent_at_ms: unzigzag(time, active_ms),
            });
        }
        state.data = self.data.next().flatten();
    }
}

fn total_of(bytes: &Bytes<'_>, counts: &[usize]) -> Result<usize, SectionError> {
    let total = counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
    total.ok_or_else(|| bytes.wrong("counts add up to more than can be"))
}

fn take_data(bytes: &mut Bytes<'_>, len: usize) -> Result<Vec<Option<Arc<Data>>>, SectionError> {
    let codes = columns::take_small(bytes, len, usize::MAX)?;
    let counts: Vec<_> = codes.iter().map(|code| code.saturating_sub(1)).collect();
    let total = total_of(bytes, &counts)?;
    let entries = bytes.items::<8>(total)?;
    let keys = texts::take(bytes, total, KEY)?;
    let keys: Result<Vec<_>, _> = keys.into_iter().map(DataKey::new).collect();
    let keys = keys.map_err(|error| over_limit(bytes.at(), &error))?;
    let mut entries = entries.iter();
    let mut found = Vec::with_capacity(len);
    for (code, count) in codes.into_iter().zip(counts) {
        let mut data = Data::new();
        for entry in entries.by_ref().take(count) {
            let (key, value) = take_entry(bytes, *entry, &keys)?;
            if data.insert(key, value).is_some() {
                return Err(malformed(bytes.at(), "a key of a session's data comes twice"));
            }
        }
        found.push((code > 0).then(|| Arc::new(data)));
    }
    Ok(found)
}

fn take_entry(
    bytes: &mut Bytes<'_>,
    entry: [u8; 8],
    keys: &[DataKey],
) -> Result<(DataKey, Text), SectionError> {
    let number = u64::from_le_bytes(entry);
    let (place, len) = (number & u64::from(u32::MAX), number >> u32::BITS);
    let key = usize::try_from(place).ok().and_then(|place| keys.get(place));
    let key = key.ok_or_else(|| bytes.wrong("an entry of a session's data has no key"))?;
    let len = usize::try_from(len).map_err(|error| bytes.wrong(error.to_string()))?;
    let value = str::from_utf8(bytes.take(len)?).map_err(|_bad| bytes.wrong("not UTF-8"))?;
    Ok((key.clone(), Text::from(value)))
}
