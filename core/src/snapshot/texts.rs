//! Tables of texts: each once a section, in the order of first use.

use std::collections::HashMap;

use super::{
    SectionError,
    bytes::{Bytes, u32_of},
    columns,
};
use crate::{Text, text::check_len};

/// Most bytes that a text leaves to the one before it. A limit, so that no few bytes of input make
/// many of output.
pub const SHARED_BYTES_MAX: usize = 31;

/// A table that is being filled.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    places: HashMap<&'a str, usize>,
    in_order: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    /// The place of a text, which it gets now if it is new.
    pub(super) fn place(&mut self, text: &'a str) -> usize {
        *self.places.entry(text).or_insert_with(|| {
            self.in_order.push(text);
            self.in_order.len() - 1
        })
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let mut before = "";
        let (mut shared, mut follow, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for text in &self.in_order {
            let same = before.bytes().zip(text.bytes()).take(SHARED_BYTES_MAX);
            let len = same.take_while(|(left, right)| left == right).count();
            let tail = text.as_bytes().get(len..).unwrap_or_default();
            shared.push(u64::from(u32_of(len)));
            follow.push(u64::from(u32_of(tail.len())));
            rest.extend_from_slice(tail);
            before = text;
        }
        bytes.extend_from_slice(&u32_of(self.in_order.len()).to_le_bytes());
        columns::put(bytes, &shared);
        columns::put(bytes, &follow);
        bytes.extend_from_slice(&rest);
    }
}

/// What a table holds, and how long its texts may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) what: &'static str,
    pub(super) bytes_min: usize,
    pub(super) bytes_max: usize,
}

/// Takes a table of at most `max` texts.
pub(super) fn take(
    bytes: &mut Bytes<'_>,
    max: usize,
    kind: Kind,
) -> Result<Vec<Text>, SectionError> {
    let count = bytes.count(max, 0)?;
    let shared = columns::take_small(bytes, count, SHARED_BYTES_MAX)?;
    let follow = columns::take_small(bytes, count, kind.bytes_max)?;
    let mut texts = Vec::with_capacity(count);
    let mut text = Vec::new();
    for (shared, follow) in shared.into_iter().zip(follow) {
        if shared > text.len() {
            return Err(bytes.wrong("a text shares more than the one before it has"));
        }
        text.truncate(shared);
        let tail = bytes.take(follow)?;
        text.extend_from_slice(tail);
        check_len(kind.what, text.len(), kind.bytes_min, kind.bytes_max)
            .map_err(|error| super::over_limit(bytes.at(), &error))?;
        let valid = str::from_utf8(&text);
        texts.push(Text::from(valid.map_err(|_bad| bytes.wrong("a text is not UTF-8"))?));
    }
    Ok(texts)
}
