//! Whether everything that should be in the index is there: walked whole when it is opened.
//!
//! A damaged page can take records away without an error. So each record's checksum, and the count
//! and sum of all of them, stand in the meta record; and where a user's lines must be follows from
//! the head. A record that is gone, old or foreign shows in one of them.

use std::ops::Bound;

use super::{
    error::{HistoryError, doubt},
    keys::{self, Key},
    lines::{self, LINES_PER_CHUNK},
    meta::Meta,
    tree::{Order, Tree},
    user::User,
};

/// What the walk has found, to be compared with the meta record.
#[derive(Default)]
struct Walk {
    meta: Option<Meta>,
    found: Meta,
    /// The user whose records are walked: the next chunk of lines that must come, the last line in
    /// a chunk, and the next and the last chunk of sessions.
    user: Option<(String, u64, u64, u32, u32)>,
}

/// Walks all; gives the meta record, or `None` if there is nothing at all.
pub(super) fn walk(tree: &Tree) -> Result<Option<Meta>, HistoryError> {
    let mut walk = Walk::default();
    tree.scan((b"", Bound::Unbounded), Order::Rising, &mut |row| {
        match keys::parse(&row.key) {
            Some(Key::Meta) => {
                walk.meta = Some(Meta::decode(&row.value)?);
                return Ok(true);
            }
            Some(Key::Head(name)) => walk.head(name, &row.value, row.crc)?,
            Some(Key::Lines(name, first)) => walk.lines(name, first)?,
            Some(Key::Sessions(name, chunk)) => walk.sessions(name, chunk)?,
            Some(Key::Due(..)) => walk.end_of_user()?,
            None => return Err(doubt(format!("it holds a foreign record: {:02x?}", row.key))),
        }
        walk.found.gains(row.crc);
        Ok(true)
    })?;
    walk.end_of_user()?;
    walk.verdict()
}

impl Walk {
    fn head(&mut self, name: &str, value: &[u8], crc: u32) -> Result<(), HistoryError> {
        self.end_of_user()?;
        let user = User::decode(value, crc)?;
        self.found.users += 1;
        self.found.entries = self.found.entries.saturating_add(user.entries());
        self.found.events = self.found.events.saturating_add(user.events);
        let first = lines::first_of(user.dropped.saturating_add(1));
        let chunks = u32::try_from(user.chunks.len()).unwrap_or(u32::MAX);
        self.user = Some((name.to_owned(), first, user.spilled, 1, chunks));
        Ok(())
    }

    fn lines(&mut self, name: &str, found: u64) -> Result<(), HistoryError> {
        match &mut self.user {
            Some((user, next, spilled, ..))
                if user == name && *next == found && found <= *spilled =>
            {
                *next = next.saturating_add(LINES_PER_CHUNK);
                Ok(())
            }
            Some(_) | None => Err(doubt(format!("lines of `{name}` from {found} on don't belong"))),
        }
    }

    fn sessions(&mut self, name: &str, found: u32) -> Result<(), HistoryError> {
        match &mut self.user {
            Some((user, .., next, chunks)) if user == name && *next == found && found < *chunks => {
                *next += 1;
                Ok(())
            }
            Some(_) | None => Err(doubt(format!("open sessions of `{name}` don't belong"))),
        }
    }

    /// Nothing of the user walked so far may be missing.
    fn end_of_user(&mut self) -> Result<(), HistoryError> {
        match self.user.take() {
            Some((name, next, spilled, ..)) if next <= spilled => {
                Err(doubt(format!("lines of `{name}` from {next} on are missing")))
            }
            Some((name, _, _, next, chunks)) if next < chunks => {
                Err(doubt(format!("open sessions of `{name}` are missing")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn verdict(self) -> Result<Option<Meta>, HistoryError> {
        let Some(meta) = self.meta else {
            return match self.found.records {
                0 => Ok(None),
                records => Err(doubt(format!("its meta record is gone, {records} others are not"))),
            };
        };
        let counts = |meta: &Meta| (meta.records, meta.sum, meta.users, meta.entries, meta.events);
        if counts(&meta) != counts(&self.found) {
            return Err(doubt(format!(
                "(records, sum, users, entries, events) are {:?}, and should be {:?}",
                counts(&self.found),
                counts(&meta),
            )));
        }
        Ok(Some(meta))
    }
}
