//! Taking the sessions of another store over.

use std::{io::BufReader, rc::Rc};

use passbook::Ledger;

use super::{Args, BUFFER_BYTES, Log, interrupted, known_before, known_in};
use crate::{
    answer::{exported::Exported, moved::Moved, verify::hex},
    cli::App,
    failure::{Exit, Failure},
    import::{
        columns::Cells,
        jsonl::Reader,
        modo, postgres, pylon,
        session::{Row, Take},
        sqlite, tower_sessions,
    },
    moving::{Mover, Seen},
    progress::{Progress, Unit},
    writing::{self, Folder},
};

/// Stores that keep their sessions in an SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Pylon,
    Modo,
    TowerSessions,
}

/// A header, if one was read, and how the reading ended.
type Read = (Option<Exported>, Result<(), Failure>);

pub(super) fn of_jsonl(app: &App, args: &Args) -> Result<(), Failure> {
    let log = Log::open(args.source.path())?;
    let progress = app.output.progress("import", log.total_bytes, Unit::Bytes);
    let done_bytes = Rc::clone(&log.done_bytes);
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER_BYTES, log));
    import(app, args, "jsonl", &progress, &mut |take| {
        let read = reader.each(&mut |row| {
            progress.at(done_bytes.get());
            take(row)
        });
        (reader.header.take(), read)
    })
}

pub(super) fn of_sqlite(app: &App, args: &Args, source: Source) -> Result<(), Failure> {
    let (name, table) = match source {
        Source::Pylon => ("pylon-sqlite", pylon::TABLE),
        Source::Modo => ("modo-sqlite", modo::TABLE),
        Source::TowerSessions => ("tower-sessions-sqlite", &*args.table),
    };
    let table = sqlite::Table::open(args.source.path(), table)?;
    let user_key = args.user_key.as_deref().unwrap_or_default();
    let now_ms = app.now_ms();
    import_rows(app, args, name, table.rows, &mut |take| match source {
        Source::Pylon => table.each(&pylon::WANTED, &pylon::told, take),
        Source::Modo => table.each(&modo::WANTED, &modo::told, take),
        Source::TowerSessions => {
            let told = |row: &dyn Cells| tower_sessions::told(row, user_key, now_ms);
            table.each(&tower_sessions::WANTED, &told, take)
        }
    })
}

pub(super) fn of_postgres(app: &App, args: &Args) -> Result<(), Failure> {
    let table = postgres::Table::open(&args.source, pylon::TABLE)?;
    import_rows(app, args, "pylon-postgres", table.rows, &mut |take| {
        table.each(&pylon::WANTED, &pylon::told, take)
    })
}

/// The same for all tables: how far it is, is known by the number of the row.
fn import_rows(
    app: &App,
    args: &Args,
    from: &'static str,
    rows: u64,
    each: &mut dyn FnMut(&mut Take<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let progress = app.output.progress("import", Some(rows), Unit::Sessions);
    import(app, args, from, &progress, &mut |take| {
        let read = each(&mut |row: Row| {
            progress.at(row.place);
            take(row)
        });
        (None, read)
    })
}

/// Takes all rows that `read` gives, and tells what became of them.
fn import(
    app: &App,
    args: &Args,
    from: &'static str,
    progress: &Progress,
    read: &mut dyn FnMut(&mut Take<'_>) -> Read,
) -> Result<(), Failure> {
    let answer = Moved::of(&args.source.to_string(), from, args.dry_run);
    let mut seen = Seen::default();
    if args.dry_run {
        known_before(app, &mut |recorded| seen.learn(recorded))?;
        let mover = Mover::new(None, seen, app.now_ms(), answer);
        let (answer, _, done) = take_all(app, mover, read);
        return tell(app, answer, done, progress);
    }
    app.output.interrupt.guard();
    let ledger = writing::open(app, "import", Folder::MadeIfMissing)?;
    known_in(app, &ledger, &mut |recorded| seen.learn(recorded))?;
    let was_empty = ledger.is_empty();
    let mover = Mover::new(Some(&ledger), seen, app.now_ms(), answer);
    let (mut answer, header, done) = take_all(app, mover, read);
    answer.is_equal = header
        .filter(|_| was_empty && done.is_ok() && answer.is_whole() && answer.expired == 0)
        .map(|header| header.fingerprint == fingerprint_of(&ledger));
    let closed = writing::close(&ledger);
    tell(app, answer, done.and(closed), progress)
}

fn fingerprint_of(ledger: &Ledger) -> String {
    hex(&ledger.sessions_fingerprint())
}

fn take_all(
    app: &App,
    mut mover: Mover<'_>,
    read: &mut dyn FnMut(&mut Take<'_>) -> Read,
) -> (Moved, Option<Exported>, Result<(), Failure>) {
    let (header, done) = read(&mut |row| {
        if app.output.interrupt.has_come() {
            return Err(interrupted());
        }
        mover.take(row)
    });
    let done = done.and(mover.settle());
    mover.answer.is_partial = done.is_err();
    (mover.answer, header, done)
}

/// Prints the answer, unless nothing happened.
fn tell(
    app: &App,
    mut answer: Moved,
    done: Result<(), Failure>,
    progress: &Progress,
) -> Result<(), Failure> {
    progress.finish();
    answer.duration_ms = u64::try_from(progress.elapsed().as_millis()).unwrap_or(u64::MAX);
    if done.is_ok() || answer.events > 0 {
        app.output.print(&answer)?;
    }
    done?;
    match answer.is_equal {
        Some(false) => Err(Failure::told(Exit::Bad)),
        Some(true) | None if answer.is_whole() => Ok(()),
        Some(true) | None => Err(Failure::told(Exit::Partly)),
    }
}
