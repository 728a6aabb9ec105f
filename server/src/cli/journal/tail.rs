//! `passbook journal tail`: the last events, and each new one as it becomes durable.

use std::{collections::VecDeque, time::Duration};

use super::matches;
use crate::{
    answer::event::EventDocument,
    at::At,
    cli::{filters::FilterText, global::App},
    failure::{Exit, Failure},
    filter::Filter,
    output::Stream,
    reading::Book,
    render::number::thousands,
};

/// How often a follower looks for new events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// At least so many events are looked through at once for more lines.
const LOOK_BACK_MIN: u64 = 4_096;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal tail -n 20
  passbook journal tail -f kind:LoginFailed
  passbook journal tail -f --after @1048639 --json
")]
pub(crate) struct Args {
    /// Only these events: see passbook help filter.
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Go on with each new event, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last events.
    #[arg(short = 'n', long = "lines", value_name = "COUNT", default_value_t = 10)]
    lines: usize,
    /// All events behind this one, instead of the last ones.
    #[arg(long, value_name = "@SEQ", conflicts_with = "lines")]
    after: Option<At>,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let filter = FilterText::of(args.filter.as_deref())?.parse(app.now_ms())?;
    let book = Book::open(&app.store, &app.output)?;
    let stream = app.output.stream();
    let mut tail = Tail { app, filter, stream, seen: book.head(), is_of_today: false };
    match &args.after {
        Some(at) => {
            tail.seen = after(app, &book, at)?;
            tail.print_new(&book)?;
        }
        None => tail.print_last(&book, args.lines)?,
    }
    tail.stream.flush()?;
    if args.follow { tail.follow() } else { Ok(()) }
}

/// The sequence behind which to begin; @0 is before the first.
fn after(app: &App, book: &Book, at: &At) -> Result<u64, Failure> {
    if *at == At::Sequence(0) {
        return Ok(0);
    }
    book.sequence_of(book.place(at, app.now_ms())?, at)
}

struct Tail<'a> {
    app: &'a App,
    filter: Filter,
    stream: Stream,
    /// The last event that was looked at.
    seen: u64,
    /// What was shown so far is of today, and what is to come may be taken for it.
    is_of_today: bool,
}

impl Tail<'_> {
    fn print_last(&mut self, book: &Book, lines: usize) -> Result<(), Failure> {
        let view = self.app.output.view(self.app.now_ms());
        let mut last = VecDeque::new();
        let first = book.first();
        let mut span = u64::try_from(lines).unwrap_or(u64::MAX);
        // Further back and further, until there are enough: what a filter wants may be long ago.
        let mut behind = book.head().saturating_add(1);
        while last.len() < lines && behind > first {
            let from = behind.saturating_sub(span).max(first);
            let mut found = VecDeque::new();
            for recorded in book.events(from)? {
                let recorded = recorded?;
                if recorded.sequence >= behind {
                    break;
                }
                if matches(&self.filter, &recorded) {
                    found.push_back(EventDocument::of(&recorded, &view));
                }
            }
            found.append(&mut last);
            last = found;
            behind = from;
            span = span.saturating_mul(4).max(LOOK_BACK_MIN);
        }
        last.drain(..last.len().saturating_sub(lines));
        self.is_of_today = EventDocument::without_dates(&mut last);
        last.iter().try_for_each(|event| self.stream.print(event))
    }

    fn print_new(&mut self, book: &Book) -> Result<(), Failure> {
        if book.head() <= self.seen {
            return Ok(());
        }
        let mut view = self.app.output.view(self.app.now_ms());
        view.is_of_today = self.is_of_today;
        let kept = book.complete_from();
        if self.seen + 1 < kept.sequence {
            self.app.output.note(&format!(
                "what is behind @{} is gone: the history is {}",
                thousands(self.seen),
                kept.words(&view)
            ));
        }
        for recorded in book.events(self.seen + 1)? {
            let recorded = recorded?;
            self.seen = recorded.sequence;
            if matches(&self.filter, &recorded) {
                self.stream.print(&EventDocument::of(&recorded, &view))?;
            }
        }
        // The last ones may be such as the archive passes over.
        self.seen = book.head();
        self.stream.flush()
    }

    fn follow(&mut self) -> Result<(), Failure> {
        let interrupt = self.app.output.interrupt.clone();
        interrupt.guard();
        while !interrupt.wait(LOOK_EVERY) {
            self.print_new(&Book::open_quietly(&self.app.store)?)?;
        }
        self.app.output.note(&format!(
            "stopped behind @{}; --after @{} goes on from there",
            thousands(self.seen),
            self.seen
        ));
        Err(Failure::told(Exit::Interrupted))
    }
}
