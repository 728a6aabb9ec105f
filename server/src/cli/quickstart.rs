//! `passbook quickstart`: a tour in a folder of its own, that ends with what to try next.
//!
//! A week is invented on a clock that is set along; from then on time is real. The folder is kept,
//! so that the commands at the end work.

mod crash;
mod week;

use std::{path::PathBuf, sync::Arc};

use passbook::{
    Clock as _, HistoryFold, Ledger,
    journal::{Create, Options, RealVfs, VerifyOptions, verify},
};

use super::global::App;
use crate::{
    answer::{
        count_of,
        history::{HistoryItem, USER_HISTORY_SCHEMA, UserHistory},
        import::Imported,
        quickstart::{Checked, ImportedSample, QUICKSTART_SCHEMA, Tour, quoted},
    },
    failure::{Exit, Failure},
    import::syslog::{Reader, StampOptions},
    importing::{Importer, KnownKeys, learn},
    output::Form,
    progress::{Mode, Progress, Unit},
    render::time,
};

pub(crate) use crash::{WriterArgs, write};

/// The log that the repository carries.
const SAMPLE: &[u8] = include_bytes!("../../samples/auth.log");
/// The day after all that the sample tells, as `MM-DD`.
const SAMPLE_OVER: &str = "11-19";
/// Small segments: the folder is thrown away, and a few of them show that there are several.
const SEGMENT_BYTES: u64 = 4 * 1_024 * 1_024;
/// Lines of the history that are shown.
const HISTORY_LINES: usize = 10;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook quickstart
  passbook quickstart --store ./tour
")]
pub(crate) struct Args {}

pub(crate) fn run(app: &App, Args {}: &Args) -> Result<(), Failure> {
    let clock = Progress::new("quickstart", None, Unit::Events, Mode::Off);
    let store = folder(app)?;
    let shown = store.display().to_string();
    app.output.interrupt.guard();
    let say = |piece: String| match app.output.form {
        Form::Table | Form::Plain => app.output.write(&piece),
        Form::Json | Form::Jsonl | Form::Csv => Ok(()),
    };
    say(Tour::headline(&shown))?;
    let (invented, reuse) = week::invent(&store)?;
    say(format!("{invented}{reuse}"))?;
    stop_if_asked(app, &shown)?;
    let imported = import(app, &store)?;
    say(imported.to_string())?;
    stop_if_asked(app, &shown)?;
    let (killed, cleared) = crash::kill_and_reopen(&store)?;
    say(format!("{killed}{cleared}"))?;
    stop_if_asked(app, &shown)?;
    let checked = check(&store)?;
    say(checked.to_string())?;
    let tour = Tour {
        schema: QUICKSTART_SCHEMA,
        history: history(app, &store)?,
        next: next(&shown, &reuse.session),
        store: shown,
        invented,
        reuse,
        imported,
        killed,
        cleared,
        checked,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    match app.output.form {
        Form::Table | Form::Plain => app.output.write(&tour.ending())?,
        Form::Json | Form::Jsonl | Form::Csv => app.output.print(&tour)?,
    }
    if tour.killed.lost == 0 && tour.checked.good { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}

/// The folder: the one that was named if it is new or empty, else one of its own.
fn folder(app: &App) -> Result<PathBuf, Failure> {
    let unusable = |error: std::io::Error| {
        Failure::new(Exit::Failed, "io", "no folder for the tour").why(error.to_string())
    };
    if !app.is_store_chosen {
        let made = tempfile::Builder::new().prefix("passbook-quickstart-").tempdir();
        return Ok(made.map_err(unusable)?.keep());
    }
    let store = app.store.clone();
    let mut entries = match std::fs::read_dir(&store) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(store),
        Err(error) => return Err(unusable(error)),
    };
    if entries.next().is_none() {
        return Ok(store);
    }
    let what = format!("{} is not empty", store.display());
    Err(Failure::new(Exit::Failed, "not_empty", what)
        .why("a tour invents logins, and they belong in no store that is used")
        .help("name a folder that is new or empty, or leave --store out"))
}

fn stop_if_asked(app: &App, store: &str) -> Result<(), Failure> {
    if !app.output.interrupt.has_come() {
        return Ok(());
    }
    let store = quoted(store);
    Err(Failure::new(Exit::Interrupted, "interrupted", "stopped in the middle of the tour")
        .help(format!("what was made is in {store}: rm -r {store}")))
}

/// How the tour's store is kept.
fn options(owner: &str) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        owner: owner.to_owned(),
        create: Create::IfMissing,
        ..Options::default()
    }
}

/// Opens the tour's store at real time.
fn open(store: &std::path::Path) -> Result<Ledger, Failure> {
    let builder = Ledger::builder()
        .path(store)
        .journal_options(options("passbook quickstart"))
        .sweep_interval(None)
        .compaction(None)
        .history_index(false);
    Ok(builder.open_blocking()?)
}

/// Imports the sample twice: the second time adds nothing.
fn import(app: &App, store: &std::path::Path) -> Result<ImportedSample, Failure> {
    let ledger = open(store)?;
    let first = import_once(app, &ledger)?;
    let again = import_once(app, &ledger)?;
    ledger.close()?;
    Ok(ImportedSample {
        lines: first.lines,
        opened: first.recorded.opened,
        closed: first.recorded.closed,
        failed: first.recorded.failed,
        skipped: first.skipped.total,
        added_again: again.events,
    })
}

fn import_once(app: &App, ledger: &Ledger) -> Result<Imported, Failure> {
    let stamps = StampOptions::new(sample_year())
        .map_err(|error| Failure::new(Exit::Failed, "clock", error.to_string()))?;
    let mut known = KnownKeys::new();
    for recorded in ledger.events(0)? {
        learn(&mut known, &recorded?);
    }
    let answer = Imported::of("auth.log", false);
    let mut importer = Importer::new(Some(ledger), known, answer);
    importer.run(&mut Reader::new(SAMPLE, stamps), &app.output.interrupt, &mut || {})?;
    Ok(importer.answer)
}

/// The last year in which the day of the sample is over.
fn sample_year() -> i16 {
    let now = time::rfc_3339(passbook::SystemClock.now_ms());
    let year: i16 = now.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
    let is_over = now.get(5..10).is_some_and(|day| day >= SAMPLE_OVER);
    if is_over { year } else { year - 1 }
}

fn check(store: &std::path::Path) -> Result<Checked, Failure> {
    let report = verify(store, Arc::new(RealVfs), &VerifyOptions::default())?;
    Ok(Checked { good: report.is_good(), events: report.records, segments: report.segments })
}

fn history(app: &App, store: &std::path::Path) -> Result<UserHistory, Failure> {
    let book = crate::reading::Book::open_quietly(store)?;
    let mut fold = HistoryFold::of(week::HEROINE);
    for recorded in book.events(0)? {
        fold.add(&recorded?);
    }
    let entries = fold.newest_first();
    Ok(UserHistory {
        schema: USER_HISTORY_SCHEMA,
        user_id: week::HEROINE.to_owned(),
        complete_from: book.complete_from(),
        at: book.head(),
        items: entries.iter().take(HISTORY_LINES).map(HistoryItem::of).collect(),
        total: count_of(entries.len()),
        next: None,
        view: app.output.view(app.now_ms()),
    })
}

/// Commands that work when they are pasted: this program, by the name that it was started with.
fn next(store: &str, session: &str) -> Vec<String> {
    let program = std::env::args_os().next().unwrap_or_else(|| "passbook".into());
    let program = quoted(&program.to_string_lossy());
    let store = quoted(store);
    let heroine = week::HEROINE;
    [
        format!("user history {heroine}"),
        format!("session list user:{heroine}"),
        format!("session show {session}"),
        "journal tail -n 20 kind:LoginFailed".to_owned(),
        format!("user revoke {heroine} --dry-run"),
        "verify".to_owned(),
    ]
    .map(|verb| format!("{program} {verb} --store {store}"))
    .to_vec()
}
