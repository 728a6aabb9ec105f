//! `passbook snapshot`: create, list, verify.

use std::path::Path;

use clap::Subcommand;
use passbook::{
    LedgerError,
    core::{State, apply, state_fingerprint},
    journal::{Journal as _, SnapshotInfo},
};

use super::global::App;
use crate::{
    answer::snapshot::{
        SNAPSHOT_CREATED_SCHEMA, SNAPSHOT_LIST_SCHEMA, SNAPSHOT_VERIFY_SCHEMA, SnapshotChecked,
        SnapshotItem, SnapshotList, SnapshotMade, SnapshotsVerified,
    },
    failure::{Exit, Failure},
    fold::base::{Unusable, load},
    progress::{Progress, Unit},
    reading::{Book, TRIMMED},
    writing::{self, Folder},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write the state down, so that the next opening begins there.
    Create,
    /// The snapshots that there are, newest first.
    List,
    /// Whether each can be read, and is what the events lead to: exit code 4 if not.
    Verify,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create => create(app),
        Verb::List => list(app),
        Verb::Verify => verify(app),
    }
}

fn create(app: &App) -> Result<(), Failure> {
    let ledger = writing::open(app, "snapshot create", Folder::MustExist)?;
    app.output.interrupt.guard();
    let before = ledger.snapshots()?.first().map(|newest| newest.sequence);
    let live = u64::try_from(ledger.len()).ok();
    let progress = app.output.progress("snapshot", live, Unit::Sessions);
    let made = ledger.snapshot_with(&|at| progress.at(at.done_sessions));
    let took = progress.elapsed();
    progress.finish();
    writing::close(&ledger)?;
    let made = made?;
    app.output.print(&SnapshotMade {
        schema: SNAPSHOT_CREATED_SCHEMA,
        is_new: before != Some(made.sequence),
        snapshot: SnapshotItem::of(&made),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn list(app: &App) -> Result<(), Failure> {
    let book = Book::open(&app.store, &app.output)?;
    let infos = book.journal.snapshots().map_err(LedgerError::from)?;
    app.output.print(&SnapshotList {
        schema: SNAPSHOT_LIST_SCHEMA,
        at: book.head(),
        items: infos.iter().map(SnapshotItem::of).collect(),
        view: app.output.view(app.now_ms()),
    })
}

fn verify(app: &App) -> Result<(), Failure> {
    let verified = Book::read(app, |book| check_all(app, book))?;
    app.output.print(&verified)?;
    if verified.result == "good" { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}

fn check_all(app: &App, book: &Book) -> Result<SnapshotsVerified, Failure> {
    let mut infos = book.journal.snapshots().map_err(LedgerError::from)?;
    infos.retain(|info| info.sequence <= book.head());
    let mut items = Vec::new();
    let progress = app.output.progress("verify", Some(book.head()), Unit::Events);
    // The state that the events lead to, as long as it is known.
    let mut told = (book.journal_first() == 1).then(State::new);
    let mut from = 1;
    for info in infos.iter().rev() {
        if let Some(state) = &mut told {
            follow(book, state, from..=info.sequence, &progress)?;
        }
        let matches = told.as_ref().map(|state| state_fingerprint(state) == info.digest);
        let loaded = load(book, info);
        if matches!(loaded, Err(Unusable::Gone)) {
            return Err(Failure::new(Exit::Failed, TRIMMED, "a snapshot was dropped"));
        }
        items.push(checked(info, matches, loaded.as_ref().err()));
        if told.is_none() && info.sequence + 1 >= book.journal_first() {
            told = loaded.ok();
        }
        from = info.sequence + 1;
    }
    progress.finish();
    items.extend(unreadable(&app.store, &infos)?);
    items.reverse();
    let is_good = items.iter().all(SnapshotChecked::is_good);
    Ok(SnapshotsVerified {
        schema: SNAPSHOT_VERIFY_SCHEMA,
        result: if is_good { "good" } else { "bad" },
        at: book.head(),
        items,
    })
}

/// Takes the state on through these events.
pub(super) fn follow(
    book: &Book,
    state: &mut State,
    events: std::ops::RangeInclusive<u64>,
    progress: &Progress,
) -> Result<(), Failure> {
    for recorded in book.whole_events(*events.start())? {
        let recorded = recorded?;
        if recorded.sequence > *events.end() {
            break;
        }
        apply(state, recorded.sequence, &recorded.event);
        progress.at(recorded.sequence);
    }
    Ok(())
}

fn checked(info: &SnapshotInfo, matches: Option<bool>, bad: Option<&Unusable>) -> SnapshotChecked {
    let why = match (bad, matches) {
        (Some(Unusable::Bad(why)), _) => Some(why.clone()),
        (Some(Unusable::Gone), _) => Some("it is gone".to_owned()),
        (None, Some(false)) => Some("the events lead to another state".to_owned()),
        (None, Some(true) | None) => None,
    };
    SnapshotChecked {
        sequence: Some(info.sequence),
        path: info.path.as_ref().map(|path| path.display().to_string()),
        result: if why.is_none() { "good" } else { "bad" },
        why,
        matches_events: matches,
        sessions: Some(info.items),
    }
}

/// Files that have a snapshot's name and are not among those that there are.
fn unreadable(store: &Path, infos: &[SnapshotInfo]) -> Result<Vec<SnapshotChecked>, Failure> {
    let folder = store.join("snap");
    if infos.is_empty() && !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_known = infos.iter().any(|info| info.path.as_ref() == Some(&path));
        if is_known || path.extension().is_none_or(|extension| extension != "snap") {
            continue;
        }
        found.push(SnapshotChecked {
            sequence: None,
            path: Some(path.display().to_string()),
            result: "bad",
            why: Some("its header does not verify".to_owned()),
            matches_events: None,
            sessions: None,
        });
    }
    Ok(found)
}
