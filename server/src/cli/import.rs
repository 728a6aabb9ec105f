//! `passbook import`: a log of logins into the store.

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use clap::ValueEnum;

use super::global::App;
use crate::{
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

/// What kind of log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// Lines of sshd and of PAM.
    Syslog,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook import --from syslog --year 2026 /var/log/auth.log
  passbook import --from syslog --year 2026 --utc-offset +01:00 --dry-run auth.log
  zcat auth.log.*.gz | passbook import --from syslog --year 2025 -

A session is opened and ended at the log's times; what fails is recorded as a failed login.
Reading the same log again, or the same log when it has grown, adds only what is new.
")]
pub(crate) struct Args {
    /// What kind of log it is.
    #[arg(long, value_enum, value_name = "KIND")]
    from: From,
    /// The year of the first line: syslog stamps don't say it.
    #[arg(long, value_name = "YYYY")]
    year: i16,
    /// How far the log's clock is ahead of UTC: +01:00, -05:30.
    #[arg(long, value_name = "±HH:MM", default_value = "Z", allow_hyphen_values = true)]
    utc_offset: String,
    /// Only say what would be recorded.
    #[arg(long)]
    dry_run: bool,
    /// The log, or - for stdin.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let From::Syslog = args.from;
    let stamps = StampOptions::new(args.year)
        .and_then(|options| options.with_utc_offset(&args.utc_offset))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let log = Log::open(&args.file)?;
    let source = args.file.display().to_string();
    let answer = Imported::of(&source, args.dry_run);
    if args.dry_run {
        let known = known_before(app)?;
        return read(app, Importer::new(None, known, answer), log, stamps);
    }
    app.output.interrupt.guard();
    let ledger = writing::open(app, "import", Folder::MadeIfMissing)?;
    let mut known = KnownKeys::new();
    let progress = app.output.progress("look", Some(ledger.sequence()), Unit::Events);
    // The ledger has its events in the journal only; what was imported long ago is in the archive.
    for recorded in Book::open_quietly(&app.store)?.events(0)? {
        let recorded = recorded?;
        learn(&mut known, &recorded);
        progress.at(recorded.sequence);
    }
    progress.finish();
    let done = read(app, Importer::new(Some(&ledger), known, answer), log, stamps);
    writing::close(&ledger)?;
    done
}

/// What was imported before, without opening the store for writing.
fn known_before(app: &App) -> Result<KnownKeys, Failure> {
    let mut known = KnownKeys::new();
    let book = match Book::open(&app.store, &app.output) {
        Ok(book) => book,
        Err(failure) if failure.code() == MISSING => {
            app.output.note(&format!("there is no store in {} yet", app.store.display()));
            return Ok(known);
        }
        Err(failure) => return Err(failure),
    };
    for recorded in book.events(0)? {
        learn(&mut known, &recorded?);
    }
    Ok(known)
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
        return Err(Failure::new(Exit::Interrupted, "interrupted", "stopped before the end")
            .why("what is counted as recorded is safe")
            .help("import the same log again: it goes on from there"));
    }
    if answer.is_incomplete() { Err(Failure::told(Exit::Partly)) } else { Ok(()) }
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
        let failed = |error: io::Error| {
            let exit = if error.kind() == io::ErrorKind::NotFound {
                Exit::NotFound
            } else if error.kind() == io::ErrorKind::PermissionDenied {
                Exit::NotAllowed
            } else {
                Exit::Failed
            };
            let what = format!("the log {} can't be read", path.display());
            Failure::new(exit, "import:unreadable", what)
                .why(error.to_string())
                .help("name the log, or - for stdin; nothing was changed")
        };
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
