//! Older schemas, each turned into today's facts.

use bincode::BorrowDecode;

use super::{
    Why,
    wire::{kind, whole},
};
use crate::{BookmarkName, Fact, Mark};

/// A bookmark that could only name the moment of its own event.
#[derive(BorrowDecode)]
struct BookmarkV1<'a> {
    name: &'a str,
}

/// The fact of an older schema; `None` if there never was one.
pub(super) fn fact_of(kind: u16, schema: u16, body: &[u8]) -> Result<Option<Fact>, Why> {
    match (kind, schema) {
        (kind::BOOKMARK, 1) => {
            let old: BookmarkV1<'_> = whole(body)?;
            Ok(Some(Fact::Bookmark { name: BookmarkName::new(old.name)?, mark: Mark::Here }))
        }
        _ => Ok(None),
    }
}
