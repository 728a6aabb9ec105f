//! `passbook import`: a log of logins, or the sessions of another store, into this one.

mod sessions;

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    rc::Rc,
};

use clap::ValueEnum;
use passbook::{Ledger, Recorded};

use super::global::App;
use crate::{
    address::Address,
    answer::import::Imported,
    failure::{Exit, Failure},
    import::syslog::{Reader, StampOptions},
    importing::{Importer, KnownKeys, learn},
    progress::Unit,
    reading::Book,
    writing::{self, Folder},
};

/// Read from the log at once, in bytes.
const BUFFER_BYTES: usize = 64 * 1_024;

/// What it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// A log with lines of sshd and of PAM.
    Syslog,
    /// Lines of JSON, as passbook export --as jsonl writes them.
    Jsonl,
    /// The SQLite file of pylon.
    PylonSqlite,
    /// The PostgreSQL database of pylon.
    PylonPostgres,
    /// The SQLite file of modo-rs 0.8 to 0.11.
    ModoSqlite,
    /// The SQLite file of tower-sessions.
    TowerSessionsSqlite,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook import --from syslog --year 2026 /var/log/auth.log
  zcat auth.log.*.gz | passbook import --from syslog --year 2025 -
  passbook import --from pylon-sqlite --dry-run pylon.db
  passbook import --from pylon-postgres 'postgres://pylon@db.example/app?sslmode=require'
  passbook import --from modo-sqlite app.db
  passbook import --from tower-sessions-sqlite --user-key user_id sessions.db
  passbook import --from jsonl sessions.jsonl

Of a log: a session is opened and ended at the log's times; what fails is recorded as a failed login.
Of another store: live sessions are taken over, and the tokens that it handed out open them here.
Reading the same again, or the same when it has grown, adds only what is new.
")]
pub(crate) struct Args {
    /// What it is read from.
    #[arg(long, value_enum, value_name = "KIND")]
    from: From,
    /// Of a log: the year of the first line, which syslog stamps don't say.
    #[arg(long, value_name = "YYYY", required_if_eq("from", "syslog"))]
    year: Option<i16>,
    /// Of a log: how far its clock is ahead of UTC: +01:00, -05:30.
    #[arg(long, value_name = "±HH:MM", default_value = "Z", allow_hyphen_values = true)]
    utc_offset: String,
    /// Of tower-sessions: where the user is in a session's data, a key or a JSON pointer.
    #[arg(long, value_name = "KEY", required_if_eq("from", "tower-sessions-sqlite"))]
    user_key: Option<String>,
    /// Of tower-sessions: the name of its table.
    #[arg(long, value_name = "NAME", default_value = crate::import::tower_sessions::TABLE)]
    table: String,
    /// Only say what would be recorded.
    #[arg(long)]
    dry_run: bool,
    /// The file, or - for stdin (of a log, or of lines of JSON), or `postgres://USER@HOST/DATABASE`. An
    /// address with a password belongs into the environment: arguments can be seen by others.
    #[arg(value_name = "FILE|-|URL", env = "PASSBOOK_IMPORT_SOURCE", hide_env_values = true)]
    source: Address,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    use sessions::{Source, of_jsonl, of_postgres, of_sqlite};
    match args.from {
        From::Syslog => syslog(app, args),
        From::Jsonl => of_jsonl(app, args),
        From::PylonSqlite => of_sqlite(app, args, Source::Pylon),
        From::PylonPostgres => of_postgres(app, args),
        From::ModoSqlite => of_sqlite(app, args, Source::Modo),
        From::TowerSessionsSqlite => of_sqlite(app, args, Source::TowerSessions),
    }
}

fn syslog(app: &App, args: &Args) -> Result<(), Failure> {
    let year = args.year.ok_or_else(|| Failure::usage("--from syslog needs --year"))?;
    let stamps = StampOptions::new(year)
        .and_then(|options| options.with_utc_offset(&args.utc_offset))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let log = Log::open(args.source.path())?;
    let answer = Imported::of(&args.source.to_string(), args.dry_run);
    let mut known = KnownKeys::new();
    if args.dry_run {
        known_before(app, &mut |recorded| learn(&mut known, recorded))?;
        return read(app, Importer::new(None, known, answer), log, stamps);
    }
    app.output.interrupt.guard();
    let ledger = writing::open(app, "import", Folder::MadeIfMissing)?;
    known_in(app, &ledger, &mut |recorded| learn(&mut known, recorded))?;
    let done = read(app, Importer::new(Some(&ledger), known, answer), log, stamps);
    writing::close(&ledger)?;
    done
}

/// All that is kept of what happened in a store that is open. The ledger has its events in the
/// journal only; what was imported long ago is in the archive.
fn known_in(app: &App, ledger: &Ledger, learn: &mut dyn FnMut(&Recorded)) -> Result<(), Failure> {
    let progress = app.output.progress("look", Some(ledger.sequence()), Unit::Events);
    for recorded in Book::open_quietly(&app.store)?.events(0)? {
        let recorded = recorded?;
        learn(&recorded);
        progress.at(recorded.sequence);
    }
    progress.finish();
    Ok(())
}

/// The same, without opening the store for writing.
fn known_before(app: &App, learn: &mut dyn FnMut(&Recorded)) -> Result<(), Failure> {
    let book = match Book::open(&app.store, &app.output) {
        Ok(book) => book,
        Err(failure) if failure.code() == MISSING => {
            app.output.note(&format!("there is no store in {} yet", app.store.display()));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    for recorded in book.events(0)? {
        learn(&recorded?);
    }
    Ok(())
}

/// The code of a folder that holds no store.
const MISSING: &str = "ledger:missing";

fn read(
    app: &App,
    mut importer: Importer<'_>,
    log: Log,
    stamps: StampOptions,
) -> Result<(), Failure> {
    let progress = app.output.progress("import", log.total_bytes, Unit::Bytes);
    let done_bytes = Rc::clone(&log.done_bytes);
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER_BYTES, log), stamps);
    let read = importer.run(&mut reader, &app.output.interrupt, &mut || {
        progress.at(done_bytes.get());
    });
    progress.at(done_bytes.get());
    progress.finish();
    let mut answer = importer.answer;
    answer.duration_ms = u64::try_from(progress.elapsed().as_millis()).unwrap_or(u64::MAX);
    answer.view = app.output.view(app.now_ms());
    if let Err(failure) = read {
        if answer.events > 0 {
            app.output.print(&answer)?;
        }
        return Err(failure);
    }
    app.output.print(&answer)?;
    if app.output.interrupt.has_come() {
        return Err(interrupted());
    }
    if answer.is_incomplete() { Err(Failure::told(Exit::Partly)) } else { Ok(()) }
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted", "stopped before the end")
        .why("what is counted as recorded is safe")
        .help("import the same again: it goes on from there")
}

/// A log, and how much of it was read.
struct Log {
    input: Box<dyn BufRead>,
    /// `None`: nobody knows, as of a pipe.
    total_bytes: Option<u64>,
    done_bytes: Rc<Cell<u64>>,
}

impl Log {
    fn open(path: &Path) -> Result<Self, Failure> {
        let done_bytes = Rc::default();
        if path == Path::new("-") {
            return Ok(Self { input: Box::new(io::stdin().lock()), total_bytes: None, done_bytes });
        }
        let failed = |error| Failure::unreadable("import:unreadable", path, &error);
        #[expect(clippy::disallowed_methods, reason = "the log is not ours, and may be a pipe")]
        let file = std::fs::File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let total_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { input: Box::new(BufReader::new(file)), total_bytes, done_bytes })
    }
}

impl Read for Log {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        self.done_bytes.set(self.done_bytes.get().saturating_add(read));
        Ok(count)
    }
}
