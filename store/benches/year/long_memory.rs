//! What is remembered for longer than a year is still told after it, by the ledger and by a reader
//! beside it that has nothing but the files.

use std::sync::Arc;

use passbook::{
    HistoryEntry, HistoryQuery, HistoryWhat, history_of,
    journal::{FileJournal, Journal, RealVfs},
};

use crate::life::{DAY_MS, Life, START_MS, Scale};

const USER: &str = "user7";

/// Lives a year of its own; says what was found, or panics.
pub(crate) fn check() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let scale = Scale { users: 100, days: 366, retention_days: 400, seed: 2 };
    let mut life = Life::begin(folder.path(), &scale);
    for _day in 1..=scale.days {
        life.live_a_day();
        life.compact();
    }
    let mut query = HistoryQuery::newest(100).expect("in range");
    query.kinds = vec![HistoryWhat::Login];
    query.until_ms = Some(START_MS + DAY_MS);
    let by_ledger = life.ledger().history(USER, &query).expect("readable").entries;
    let beside = FileJournal::open_read_only(folder.path(), Arc::new(RealVfs)).expect("files");
    let by_reader = history_of(&beside, USER, &query).expect("readable").entries;
    let [HistoryEntry { sequence, .. }] = by_reader.as_slice() else {
        panic!("one login on the first day, not {by_reader:?}");
    };
    assert_eq!(by_ledger, by_reader);
    let extent = beside.extent();
    assert!(extent.sequence_first > *sequence, "it left the journal for the archive");
    let found = format!(
        "{} users, history kept for {} days: after day {} the login of {USER} on day 1 (@{sequence}) \
         is told by the ledger and by a reader beside it, from the archive; the journal begins at \
         @{}",
        scale.users, scale.retention_days, scale.days, extent.sequence_first
    );
    life.end();
    found
}
