//! `passbook replay`: the past of the store: at, step, diff, explain, bisect, what-if, fixture.

mod bisect;
mod fixture;
mod step;
mod what_if;

use clap::Subcommand;
use passbook::SessionId;

use super::{global::App, session, why};
use crate::{
    answer::{diff::DiffDocument, explanation::Length, past::PastDocument},
    at::At,
    failure::{Exit, Failure},
    reading::Book,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The state as it was: counts, one session, or those that a filter lets through.
    At(AtArgs),
    /// One event at a time, forwards and back, with what each of them changed.
    Step(step::Args),
    /// What differs between two moments: sessions that opened, ended and changed.
    Diff(DiffArgs),
    /// Why a session is dead, with all values and all events (the long form of why).
    Explain(why::Args),
    /// The first event after which some live session is like this, or none is any more.
    Bisect(bisect::Args),
    /// Which sessions would have ended earlier or later under another policy, and why.
    WhatIf(what_if::Args),
    /// One incident as a file that a Rust test opens as a ledger, without anybody's name.
    Fixture(fixture::Args),
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook replay at 14:03
  passbook replay at @1048610 --session 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook replay at -24h --filter 'ip:203.0.113.0/24 state:live'
")]
pub(crate) struct AtArgs {
    /// The moment: see passbook help at.
    #[arg(value_name = "AT", allow_hyphen_values = true)]
    at: At,
    /// This session, as session show tells it.
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["user", "filter"])]
    session: Option<SessionId>,
    /// The sessions of this user, as session list tells them.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The sessions that it lets through: see passbook help filter.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook replay diff 13:00 14:05
  passbook replay diff =before-deploy @head --json
  passbook replay diff @1048000 @1048611 --format plain
")]
pub(crate) struct DiffArgs {
    /// The earlier moment: see passbook help at.
    #[arg(value_name = "A", allow_hyphen_values = true)]
    from: At,
    /// The later one.
    #[arg(value_name = "B", allow_hyphen_values = true)]
    to: At,
    /// Exit code 4 if anything differs.
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::At(args) => at(app, args),
        Verb::Step(args) => step::run(app, &args),
        Verb::Diff(args) => diff(app, &args),
        Verb::Explain(args) => why::run(app, &args, Length::Long),
        Verb::Bisect(args) => bisect::run(app, &args),
        Verb::WhatIf(args) => what_if::run(app, &args),
        Verb::Fixture(args) => fixture::run(app, &args),
    }
}

fn at(app: &App, args: AtArgs) -> Result<(), Failure> {
    let AtArgs { at, session, user, filter } = args;
    if let Some(session) = session {
        return session::show_at(app, session, at);
    }
    if user.is_some() || filter.is_some() {
        return session::list(app, &session::ListArgs::at(at, filter, user));
    }
    let now_ms = app.now_ms();
    let past = Book::read(app, |book| {
        let past = book.replay(now_ms).as_of(moment(book, &at, now_ms)?)?;
        Ok(PastDocument::of(&past, app.output.view(now_ms)))
    })?;
    app.output.print(&past)
}

fn diff(app: &App, args: &DiffArgs) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let document = Book::read(app, |book| {
        let from = moment(book, &args.from, now_ms)?;
        let to = moment(book, &args.to, now_ms)?;
        let diff = book.replay(now_ms).diff(from, to)?;
        Ok(DiffDocument::of(&diff, app.output.view(now_ms)))
    })?;
    app.output.print(&document)?;
    if args.exit_code && !document.is_same() { Err(Failure::told(Exit::Bad)) } else { Ok(()) }
}

/// The moment that a person named.
fn moment(book: &Book, at: &At, now_ms: u64) -> Result<passbook::At, Failure> {
    let moment = book.until(Some(at), now_ms)?.moment();
    Ok(moment.unwrap_or(passbook::At::Sequence(book.head())))
}

/// The event that a moment names; of a time, the first that was recorded then or later.
fn first_from(app: &App, book: &Book, at: &At) -> Result<u64, Failure> {
    let sequence = book.sequence_of(book.place(at, app.now_ms())?, at)?;
    if sequence > book.head() { Err(book.outside(&at.to_string())) } else { Ok(sequence) }
}
