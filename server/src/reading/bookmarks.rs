//! The moments that have a name.

use std::collections::HashMap;

use passbook::{
    Fact, Recorded,
    core::{BookmarkName, Mark},
};

use super::{Book, moment::Place};
use crate::failure::{Exit, Failure};

/// A name, and the moment that bears it.
#[derive(Debug, Clone)]
pub(crate) struct Bookmark {
    pub(crate) name: BookmarkName,
    pub(crate) place: Place,
    /// The event that gave the name.
    pub(crate) recorded: Recorded,
}

impl Book {
    /// The names that are in use, the one given last first.
    pub(crate) fn bookmarks(&self) -> Result<Vec<Bookmark>, Failure> {
        let mut by_name = HashMap::new();
        for recorded in self.events(0)? {
            let recorded = recorded?;
            let Fact::Bookmark { name, mark } = &recorded.event.fact else { continue };
            let name = name.clone();
            let place = match *mark {
                Mark::Here => Place::Sequence(recorded.sequence),
                Mark::Sequence(sequence) => Place::Sequence(sequence),
                Mark::Time(time_ms) => Place::Time(time_ms),
                Mark::Deleted => {
                    by_name.remove(&name);
                    continue;
                }
            };
            by_name.insert(name.clone(), Bookmark { name, place, recorded });
        }
        let mut bookmarks: Vec<_> = by_name.into_values().collect();
        bookmarks.sort_unstable_by_key(|it| std::cmp::Reverse(it.recorded.sequence));
        Ok(bookmarks)
    }

    /// The one of that name.
    pub(crate) fn bookmark(&self, name: &str) -> Result<Bookmark, Failure> {
        let found = self.bookmarks()?.into_iter().find(|bookmark| *bookmark.name == *name);
        found.ok_or_else(|| {
            Failure::new(Exit::NotFound, "not_found", format!("no moment has the name `{name}`"))
                .help("passbook journal bookmark --list shows those that have one")
        })
    }
}
