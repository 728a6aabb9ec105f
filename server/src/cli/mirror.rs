//! `passbook mirror`: live sessions as rows of a database, for programs that ask in SQL.
//!
//! It only reads the store, beside whoever writes it.

use std::time::Duration;

use passbook::{
    LedgerError, MirrorBackend, PostgresSessionBackend, RowMirror, SqliteSessionBackend,
};

use super::global::App;
use crate::{
    address::Address,
    answer::mirror::Mirrored,
    failure::{Exit, Failure},
    progress::{Progress, Unit},
    reading::{Book, TRIMMED},
};

/// How often `--follow` looks for new events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Tries of `--once`, if a compaction takes away what is being read.
const TRIES: usize = 3;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(before_long_help = "\
Examples:
  passbook mirror --to sqlite:/var/lib/app/sessions.db
  passbook mirror --to postgres://passbook@db.example/app?sslmode=require --follow
  passbook mirror --to sqlite:sessions.db --check && echo equal
  sqlite3 sessions.db 'SELECT user_id, device FROM passbook_sessions'
")]
pub(crate) struct Args {
    /// Where the rows go: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. An address with a password
    /// belongs into the environment: arguments can be seen by others.
    #[arg(long, value_name = "DATABASE", env = "PASSBOOK_MIRROR_TO", hide_env_values = true)]
    to: Address,
    /// Bring the rows up to the newest event and end; this is what is done if nothing is said.
    #[arg(long, conflicts_with = "follow")]
    once: bool,
    /// Go on with each new event, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// Write all rows anew, whatever is there.
    #[arg(long, conflicts_with = "follow")]
    rebuild: bool,
    /// Compare the rows with the live state; with no other option, write nothing.
    #[arg(long, conflicts_with = "follow")]
    check: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let book = Book::open(&app.store, &app.output)?;
    let backend = backend_of(&args.to)?;
    let mut mirror = RowMirror::open(&book.journal, book.journal.store(), backend)?;
    let from = mirror.sequence();
    if args.follow {
        follow(app, book, &mut mirror)?;
    } else if args.once || args.rebuild || !args.check {
        let progress = app.output.progress("mirror", Some(book.head()), Unit::Events);
        once(app, book, &mut mirror, args.rebuild, &progress)?;
        progress.finish();
    }
    let mut answer = Mirrored::of(args.to.to_string(), from, mirror.sequence());
    if args.check {
        let book = Book::open_quietly(&app.store)?;
        answer.compared(mirror.check(&book.journal)?);
    }
    app.output.print(&answer)?;
    match (answer.is_good(), args.follow) {
        (false, _) => Err(Failure::told(Exit::Bad)),
        (true, true) => Err(Failure::told(Exit::Interrupted)),
        (true, false) => Ok(()),
    }
}

fn once(
    app: &App,
    mut book: Book,
    mirror: &mut RowMirror,
    is_anew: bool,
    progress: &Progress,
) -> Result<(), Failure> {
    for tries_left in (0..TRIES).rev() {
        let done = if is_anew {
            mirror.rebuild(&book.journal)
        } else {
            mirror.catch_up(&book.journal, &|sequence| progress.at(sequence)).map(|_events| ())
        };
        match done.map_err(Failure::from) {
            Err(failure) if failure.code() == TRIMMED && tries_left > 0 => {
                book = Book::open_quietly(&app.store)?;
            }
            told => return told,
        }
    }
    Ok(())
}

/// A database that is away is waited for; what is wrong with the store ends it.
fn follow(app: &App, mut book: Book, mirror: &mut RowMirror) -> Result<(), Failure> {
    let interrupt = app.output.interrupt.clone();
    interrupt.guard();
    let mut is_away = false;
    loop {
        let progress = app.output.progress("mirror", Some(book.head()), Unit::Events);
        match mirror.catch_up(&book.journal, &|sequence| progress.at(sequence)) {
            Ok(_events) => is_away = false,
            Err(LedgerError::Backend(error)) => {
                if !is_away {
                    app.output.note(&format!("{error}; it is tried again"));
                }
                is_away = true;
            }
            Err(error) => {
                let failure = Failure::from(error);
                if failure.code() != TRIMMED {
                    return Err(failure);
                }
            }
        }
        progress.finish();
        if interrupt.wait(LOOK_EVERY) {
            return Ok(());
        }
        book = Book::open_quietly(&app.store)?;
    }
}

fn backend_of(to: &Address) -> Result<Box<dyn MirrorBackend>, Failure> {
    if let Some(path) = to.sqlite() {
        let backend = SqliteSessionBackend::open(path).map_err(LedgerError::from)?;
        return Ok(Box::new(backend));
    }
    if let Some(url) = to.postgres() {
        let backend = PostgresSessionBackend::connect(url).map_err(LedgerError::from)?;
        return Ok(Box::new(backend));
    }
    let what = "--to names no database that is known";
    Err(Failure::usage(what).help("sqlite:PATH or postgres://USER@HOST/DATABASE"))
}
