//! `passbook session lineage`: the chain of a session's tokens.

use passbook::{Lineage, SessionId};

use crate::{
    answer::lineage::LineageDocument,
    at::At,
    cli::{global::App, why},
    failure::Failure,
    reading::Book,
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session lineage 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook session lineage 01M7WH9B1A4TFF59TDWH9EDD1R --at 14:03
  passbook session lineage 01M7WH9B1A4TFF59TDWH9EDD1R --dot | dot -Tsvg >lineage.svg
")]
pub(crate) struct Args {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    session: SessionId,
    /// As a graph for Graphviz.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    dot: bool,
    /// As it was at this moment: see passbook help at.
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    at: Option<At>,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let lineage = Book::read(app, |book| {
        let at = book.until(args.at.as_ref(), now_ms)?.moment();
        why::of_session(&book.replay(now_ms), args.session, at).map(Lineage::from)
    })?;
    let document = LineageDocument::of(&lineage, app.output.view(now_ms));
    if args.dot {
        return app.output.write(&document.to_dot());
    }
    app.output.print(&document)
}
