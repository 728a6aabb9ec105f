//! `passbook journal bookmark`: names for moments.

use std::collections::HashSet;

use passbook::core::{Act, BookmarkName, Command};

use crate::{
    answer::bookmark::{
        BOOKMARK_CREATED_SCHEMA, BOOKMARK_LIST_SCHEMA, BookmarkItem, BookmarkList, BookmarkMade,
    },
    cli::global::App,
    failure::Failure,
    reading::Book,
    writing::{self, Actor, Folder},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal bookmark before-deploy --note REL-88
  passbook replay at =before-deploy
  passbook journal bookmark --list
")]
pub(crate) struct Args {
    /// The name of this moment, to be given as =NAME. A name given again is that of the later moment.
    #[arg(value_name = "NAME", required_unless_present = "list", conflicts_with = "list")]
    name: Option<String>,
    /// The moments that have a name.
    #[arg(long, conflicts_with_all = ["operator", "note"])]
    list: bool,
    #[command(flatten)]
    actor: Actor,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    match &args.name {
        Some(name) => make(app, args, name),
        None => list(app),
    }
}

fn make(app: &App, args: &Args, name: &str) -> Result<(), Failure> {
    let name = BookmarkName::new(name).map_err(|error| Failure::usage(error.to_string()))?;
    let command = Command {
        actor: args.actor.operator()?,
        note: args.actor.note()?,
        ..Command::new(Act::Bookmark(name.clone()))
    };
    app.output.interrupt.guard();
    let ledger = writing::open(app, "journal bookmark", Folder::MustExist)?;
    let reply = ledger.submit(&command)?.wait()?;
    writing::close(&ledger)?;
    app.output.print(&BookmarkMade {
        schema: BOOKMARK_CREATED_SCHEMA,
        name: name.to_string(),
        sequence: reply.sequence,
    })
}

fn list(app: &App) -> Result<(), Failure> {
    let list = Book::read(app, |book| {
        let mut items = Vec::new();
        for recorded in book.events(0)? {
            items.extend(BookmarkItem::of(&recorded?));
        }
        items.reverse();
        let mut names = HashSet::new();
        items.retain(|item: &BookmarkItem| names.insert(item.name.clone()));
        let view = app.output.view(app.now_ms());
        Ok(BookmarkList { schema: BOOKMARK_LIST_SCHEMA, at: book.head(), items, view })
    })?;
    app.output.print(&list)
}
