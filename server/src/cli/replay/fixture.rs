//! `passbook replay fixture`: a slice of the past as a file that opens as a ledger in a test.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use passbook::{LedgerError, Names, SessionId, Slice};

use crate::{
    answer::fixture::FixtureMade,
    at::AtRange,
    cli::{global::App, journal, session},
    failure::Failure,
    reading::Book,
    saving::{Existing, save, unwritable},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook replay fixture 01M7WH9B1A4TFF59TDWH9EDD1R -o incident.passbook
  passbook replay fixture --user mira -o - | less
  passbook replay fixture --span 14:00..14:05 -o incident.passbook --force

The events of that session, of that user or of that span, with the sessions of the same users that
they stand on. In a Rust test it opens with

  let ledger = passbook::fixture(include_bytes!(\"incident.passbook\"))?;

and ledger.replay() says of it what this store says. Users, addresses, devices, notes, data and tokens
are replaced by numbered names; times, kinds and reasons stay. With --raw nothing is replaced: keep
that file as you keep the store. It is made with mode 0600.
")]
#[command(group = clap::ArgGroup::new("slice").required(true).args(["session", "user", "span"]))]
pub(crate) struct Args {
    /// The session's id: it, and those of its user that lived beside it.
    #[arg(value_name = "SESSION")]
    session: Option<SessionId>,
    /// All sessions that this user ever had, and the failed logins.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// What these events are about: @1048000..@1048611, 14:00..14:05.
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    span: Option<AtRange>,
    /// The file to be made, or - for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// With the real names, and the digests of tokens.
    #[arg(long)]
    raw: bool,
    /// Replace a file that is there already.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let names = if args.raw { Names::Real } else { Names::Pseudonyms };
    let fixture = Book::read(app, |book| {
        let slice = slice(app, args, book)?;
        book.replay(now_ms).fixture(&slice, names).map_err(|error| told_of(&slice, error))
    })?;
    let text = fixture.to_string();
    if args.output == Path::new("-") {
        return Ok(io::stdout().lock().write_all(text.as_bytes())?);
    }
    let existing = if args.force { Existing::Replaced } else { Existing::Kept };
    save(&args.output, existing, |output| output.write_all(text.as_bytes())).map_err(|error| {
        unwritable("fixture:unwritable", &args.output, &error)
            .help("--force replaces a file that is there already; no file was made")
    })?;
    app.output.print(&FixtureMade::of(&fixture, args.output.display().to_string()))
}

fn slice(app: &App, args: &Args, book: &Book) -> Result<Slice, Failure> {
    if let Some(session) = args.session {
        return Ok(Slice::Session(session));
    }
    if let Some(user) = &args.user {
        return Ok(Slice::User(user.as_str().into()));
    }
    let (first, last) = journal::range(app, book, args.span.as_ref())?;
    let (first, last) = (first.max(book.first()), last.min(book.head()));
    if first > last {
        return Err(book.outside("between the two"));
    }
    Ok(Slice::Span(first..=last))
}

fn told_of(slice: &Slice, error: LedgerError) -> Failure {
    match slice {
        Slice::Session(session) => session::told_of(*session, error),
        Slice::User(_) | Slice::Span(_) => error.into(),
    }
}
