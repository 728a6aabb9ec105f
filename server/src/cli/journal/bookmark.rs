//! `passbook journal bookmark`: names for moments.

use passbook::core::{Act, BookmarkName, Command, Mark};

use crate::{
    answer::bookmark::{
        BOOKMARK_LIST_SCHEMA, BookmarkDeleted, BookmarkItem, BookmarkList, BookmarkMade,
    },
    at::At,
    cli::global::App,
    failure::Failure,
    reading::{Book, Place, Until},
    writing::{self, Actor, Folder},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal bookmark before-deploy --note REL-88
  passbook journal bookmark incident '2026-11-20 14:03'
  passbook replay at =incident
  passbook journal bookmark --delete incident
  passbook journal bookmark --list
")]
pub(crate) struct Args {
    /// The name of the moment, to be given as =NAME. A name given again is that of the later one.
    #[arg(value_name = "NAME", required_unless_present = "list", conflicts_with = "list")]
    name: Option<String>,
    /// The moment: see passbook help at [default: this one].
    #[arg(value_name = "AT", allow_hyphen_values = true, conflicts_with = "delete")]
    at: Option<At>,
    /// Give the name up.
    #[arg(long, conflicts_with = "list")]
    delete: bool,
    /// The moments that have a name.
    #[arg(long, conflicts_with_all = ["operator", "note"])]
    list: bool,
    #[command(flatten)]
    actor: Actor,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    match &args.name {
        Some(name) if args.delete => delete(app, args, name),
        Some(name) => make(app, args, name),
        None => list(app),
    }
}

fn make(app: &App, args: &Args, name: &str) -> Result<(), Failure> {
    let name = BookmarkName::new(name).map_err(|error| Failure::usage(error.to_string()))?;
    let mark = match &args.at {
        None => Mark::Here,
        Some(at) => match Book::read(app, |book| book.until(Some(at), app.now_ms()))? {
            Until::Head => Mark::Here,
            Until::Sequence(sequence) => Mark::Sequence(sequence),
            Until::Time(time_ms) => Mark::Time(time_ms),
        },
    };
    let sequence = record(app, args, &name, mark)?;
    let place = match mark {
        Mark::Sequence(sequence) => Place::Sequence(sequence),
        Mark::Time(time_ms) => Place::Time(time_ms),
        Mark::Here | Mark::Deleted => Place::Sequence(sequence),
    };
    let view = app.output.view(app.now_ms());
    app.output.print(&BookmarkMade::of(&name, sequence, place, view))
}

fn delete(app: &App, args: &Args, name: &str) -> Result<(), Failure> {
    let bookmark = Book::read(app, |book| book.bookmark(name))?;
    let sequence = record(app, args, &bookmark.name, Mark::Deleted)?;
    app.output.print(&BookmarkDeleted::of(&bookmark.name, sequence))
}

/// Writes it down, and gives the sequence of the event.
fn record(app: &App, args: &Args, name: &BookmarkName, mark: Mark) -> Result<u64, Failure> {
    let command = Command {
        actor: args.actor.operator()?,
        note: args.actor.note()?,
        ..Command::new(Act::Bookmark { name: name.clone(), mark })
    };
    app.output.interrupt.guard();
    let ledger = writing::open(app, "journal bookmark", Folder::MustExist)?;
    let reply = ledger.submit(&command)?.wait()?;
    writing::close(&ledger)?;
    Ok(reply.sequence)
}

fn list(app: &App) -> Result<(), Failure> {
    let list = Book::read(app, |book| {
        let items = book.bookmarks()?.iter().map(BookmarkItem::of).collect();
        let view = app.output.view(app.now_ms());
        Ok(BookmarkList { schema: BOOKMARK_LIST_SCHEMA, at: book.head(), items, view })
    })?;
    app.output.print(&list)
}
