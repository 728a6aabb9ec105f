//! `passbook replay step`: one event at a time, with what changed.
//!
//! On a terminal keys go on, in `keys`; in a pipe so many steps are printed. Where to stop is in
//! `stops`, how to get there in `walk`.

mod keys;
mod stops;
mod walk;

use passbook::SessionId;

use super::first_from;
use crate::{
    answer::{counted, step::StepDocument},
    at::At,
    cli::{filters::FilterText, global::App},
    failure::{Exit, Failure},
    filter::Key,
    reading::{Book, Place},
    render::number::thousands,
};
use stops::Stops;
use walk::Walk;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook replay step @1048377 --session 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook replay step -1h --filter 'kind:TokenReuseDetected'
  passbook replay step @head --back -n 5 --json

  @1,048,377  13:50:44.901Z  SessionRefreshed  user=u_1842  01M7WH9B1A4TFF59TDWH9EDD1R  generation 5
    - token       generation 4 (live)
    + token       generation 5 (live), 4 spent
    ~ expires_at  2026-12-20 13:10:44.010Z → 2026-12-20 13:50:44.901Z
  [n]ext  [p]revious  [g]o to  [w]hy  [q]uit
")]
pub(crate) struct Args {
    /// The first event to stop at, or the moment it follows: see passbook help at.
    #[arg(value_name = "FROM", allow_hyphen_values = true)]
    from: At,
    /// Stop only at what this session goes through.
    #[arg(long, value_name = "SESSION")]
    session: Option<SessionId>,
    /// Stop only at what is about this user.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Stop only at events, and at those about sessions, that it lets through: see passbook help
    /// filter.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Print so many steps instead of asking for keys; in a pipe it is one.
    #[arg(short = 'n', long = "steps", value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// From FROM back, the later events first.
    #[arg(long)]
    back: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let mut text = FilterText::of(args.filter.as_deref())?;
    let session = args.session.map(|session| session.to_string());
    text.term(Key::Id, session.as_deref()).term(Key::User, args.user.as_deref());
    let stops = Stops::at(text.parse(app.now_ms())?);
    if args.steps.is_none() && app.output.has_keys() {
        return keys::run(app, args, &stops);
    }
    print(app, args, &stops)
}

/// Prints so many steps; of a compaction meanwhile the reader notices nothing.
fn print(app: &App, args: &Args, stops: &Stops) -> Result<(), Failure> {
    let count = args.steps.unwrap_or(1);
    let mut stream = app.output.stream();
    let view = app.output.view(app.now_ms());
    let mut told = 0;
    let mut last = None;
    let walked = Book::read(app, |book| {
        let mut walk = Walk::new(app, book, stops);
        let mut place = match last {
            Some(place) => place,
            None => start(app, book, args)?,
        };
        while told < count {
            let step = if args.back { walk.back(place)? } else { walk.forward(place)? };
            let Some(step) = step else { break };
            place = step.recorded.sequence;
            last = Some(place);
            told += 1;
            stream.print(&StepDocument::of(&step, &view))?;
        }
        if told == 0 { Err(nothing(book, args)) } else { Ok(()) }
    });
    stream.flush()?;
    walked?;
    if told < count {
        let end = if args.back { "back to the first event" } else { "up to the last event" };
        let steps = counted(told, "step", "steps");
        app.output.note(&format!("{steps} {end}: there is no other"));
    }
    Ok(())
}

/// The sequence behind which to begin; going back, before which.
fn start(app: &App, book: &Book, args: &Args) -> Result<u64, Failure> {
    if args.back {
        Ok(last_by(app, book, &args.from)? + 1)
    } else {
        Ok(first_from(app, book, &args.from)? - 1)
    }
}

/// The event that a moment names; of a time, the last that was recorded by then.
fn last_by(app: &App, book: &Book, at: &At) -> Result<u64, Failure> {
    let Place::Time(time_ms) = book.place(at, app.now_ms())? else {
        return first_from(app, book, at);
    };
    let later = Place::Time(time_ms.saturating_add(1));
    let sequence = book.sequence_of(later, at)?.saturating_sub(1);
    if sequence < book.first() { Err(book.outside(&at.to_string())) } else { Ok(sequence) }
}

fn nothing(book: &Book, args: &Args) -> Failure {
    let way = if args.back { "back from" } else { "from" };
    let what = format!("no event {way} {} is one to stop at", args.from);
    let (first, head) = (thousands(book.first()), thousands(book.head()));
    Failure::new(Exit::NotFound, "not_found", what)
        .why(format!("events are kept from @{first} to @{head}"))
        .help("passbook session list and passbook journal dump take the same filter")
}
