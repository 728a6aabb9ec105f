//! `passbook replay bisect`: the first event after which a filter holds, or holds no more if it
//! held in the oldest state and does not at the head.

use passbook::View;

use crate::{
    answer::{bisection::BisectionDocument, event::EventDocument, session::SessionItem},
    cli::{filters::FilterText, global::App},
    failure::{Exit, Failure},
    filter::{Filter, Key},
    reading::Book,
    render::number::thousands,
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook replay bisect 'user:mira ip:203.0.113.0/24'
  passbook replay bisect tenant:acme --json
")]
pub(crate) struct Args {
    /// Some live session is like this: see passbook help filter.
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: String,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let filter = FilterText::of(Some(&args.filter))?.parse(now_ms)?;
    // What a state says of its live sessions; the rest would never hold.
    for key in [Key::State, Key::Reason, Key::Actor, Key::Kind, Key::Seq] {
        if filter.is_about(key) {
            return Err(Failure::usage(format!("`{key}:` is nothing that a live session has"))
                .help("passbook journal dump --filter finds events"));
        }
    }
    let found = Book::read(app, |book| {
        let replay = book.replay(now_ms);
        let mut found = replay.bisect(|view| has_live(view, &filter))?;
        let stops = found.first.is_none();
        if stops {
            found = replay.bisect(|view| !has_live(view, &filter))?;
        }
        let first = found.first.filter(|first| !stops || *first > found.oldest);
        let Some(first) = first else { return Err(never(found.oldest, book.head())) };
        let recorded = (first > found.oldest).then(|| book.event(first)).transpose()?;
        let view = app.output.view(now_ms);
        let event = recorded.map(|(_, recorded)| EventDocument::of(&recorded, &view));
        let mut document = BisectionDocument::of(&found, first, event);
        document.stops = stops;
        Ok(document)
    })?;
    app.output.print(&found)
}

fn has_live(view: &View, filter: &Filter) -> bool {
    let live = view.list_live();
    live.iter().any(|session| filter.matches(&SessionItem::of_session(session, None).facts()))
}

fn never(oldest: u64, head: u64) -> Failure {
    let (oldest, head) = (thousands(oldest), thousands(head));
    let what = format!("no live session is like this at @{oldest}, nor at @{head}");
    Failure::new(Exit::NotFound, "not_found", what)
        .why("what came and went in between is not found by halving")
        .help("passbook session list --state live,ended and passbook why tell of it")
}
