//! `passbook session lineage`: the chain of a session's tokens.

use passbook::SessionId;

use super::told_of;
use crate::{answer::lineage::LineageDocument, cli::global::App, failure::Failure, reading::Book};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session lineage 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook session lineage 01M7WH9B1A4TFF59TDWH9EDD1R --dot | dot -Tsvg >lineage.svg
")]
pub(crate) struct Args {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    session: SessionId,
    /// As a graph for Graphviz.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    dot: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let lineage = Book::read(app, |book| {
        let lineage = book.replay(now_ms).lineage(args.session);
        lineage.map_err(|error| told_of(args.session, error))
    })?;
    let document = LineageDocument::of(&lineage, app.output.view(now_ms));
    if args.dot {
        return app.output.write(&document.to_dot());
    }
    app.output.print(&document)
}
