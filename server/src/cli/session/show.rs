//! `passbook session show`: one session in full.

use std::collections::VecDeque;

use passbook::{
    LedgerError, SessionId,
    core::{SessionState, SessionView as _, SpentToken, WholeState as _},
};

use crate::{
    answer::{
        Moment, count_of,
        event::{EventDocument, deadline},
        session::{DataKeySize, Lineage, SESSION_SCHEMA, SessionDocument, SessionItem},
    },
    at::At,
    cli::global::App,
    failure::{Exit, Failure},
    fold::{Depth, End, Ended, Fold, Track, fold, judged_at_ms},
    progress::Unit,
    reading::Book,
    render::number::thousands,
};

/// So many of its last events are shown if nobody says.
const EVENTS_DEFAULT: usize = 10;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session show 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook session show 01M7WH9B1A4TFF59TDWH9EDD1R --at @1048610 --events 50
")]
pub(crate) struct Args {
    /// The session's id.
    #[arg(value_name = "SESSION")]
    session: SessionId,
    /// As it was at this moment: see passbook help at.
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    at: Option<At>,
    /// How many of its last events to show.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = EVENTS_DEFAULT)]
    events: usize,
}

/// A session as it stands at the moment asked about.
struct Found {
    state: SessionState,
    track: Option<Track>,
    spent: Vec<SpentToken>,
    end: Option<End>,
}

/// The last events about a session.
#[derive(Default)]
struct LastEvents {
    events: VecDeque<EventDocument>,
    total: u64,
}

/// The session as it was at that moment.
pub(in crate::cli) fn show_at(app: &App, session: SessionId, at: At) -> Result<(), Failure> {
    run(app, &Args { session, at: Some(at), events: EVENTS_DEFAULT })
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let (document, is_archived) = Book::read(app, |book| tell(app, args, book))?;
    if is_archived {
        app.output.note(
            "a part of it is told from the archive, which has no events about the data of sessions",
        );
    }
    app.output.print(&document)
}

/// The session, and whether a part of it is told from the archive.
fn tell(app: &App, args: &Args, book: &Book) -> Result<(SessionDocument, bool), Failure> {
    let now_ms = app.now_ms();
    let until = book.until(args.at.as_ref(), now_ms)?;
    let view = app.output.view(now_ms);
    let id = args.session;
    let mut gone = None;
    let mut last = LastEvents::default();
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    // An id begins with the time of its making.
    let depth = Depth::Since(id.time_ms());
    let folded = fold(book, (until, depth), &progress, &mut |recorded, _, ended| {
        let own_end = ended.into_iter().find(|ended| ended.state.id() == id);
        let subject = recorded.event.fact.subject();
        if own_end.is_some() || subject.is_some_and(|subject| subject.session == id) {
            last.total += 1;
            last.events.push_back(EventDocument::of(recorded, &view));
            if last.events.len() > args.events {
                last.events.pop_front();
            }
        }
        gone = own_end.or_else(|| gone.take());
    })?;
    progress.finish();
    let judged_at_ms = judged_at_ms(until, &folded, now_ms);
    let found = find(&folded, id, gone, judged_at_ms)
        .ok_or_else(|| unknown(id, book.first(), folded.sequence))?;
    let created = found.track.as_ref().map_or(0, |track| track.created_sequence);
    let is_archived = created < book.journal_first();
    EventDocument::without_dates(&mut last.events);
    let mut document = document(found, last);
    document.at = folded.sequence;
    document.as_of = Moment(judged_at_ms);
    document.view = app.output.view(judged_at_ms);
    Ok((document, is_archived))
}

fn find(fold: &Fold, id: SessionId, gone: Option<Ended>, judged_at_ms: u64) -> Option<Found> {
    if let Some(state) = fold.state.session(id) {
        let end = state.session.is_expired(judged_at_ms).then(|| End::by_clock(&state));
        let track = fold.track(id).cloned();
        return Some(Found { spent: fold.state.spent_tokens(id), track, end, state });
    }
    gone.map(|Ended { state, track, spent, end }| Found { state, track, spent, end: Some(end) })
}

/// Why nothing is told of the session.
pub(in crate::cli) fn told_of(id: SessionId, error: LedgerError) -> Failure {
    if let LedgerError::NoTrace { first, last } = error {
        return unknown(id, first, last);
    }
    error.into()
}

fn unknown(id: SessionId, first: u64, last: u64) -> Failure {
    let gone = if first > 1 { "; what was before fell to the retention" } else { "" };
    Failure::new(Exit::NotFound, "not_found", format!("there is no session {id}"))
        .why(format!("it never existed in @{} .. @{}{gone}", thousands(first), thousands(last)))
        .help("passbook session list shows those that there are")
        .field("session", serde_json::json!(id.to_string()))
}

fn document(found: Found, last: LastEvents) -> SessionDocument {
    let Found { state, track, spent, end } = found;
    let data = state.data.iter().flat_map(|data| data.iter());
    SessionDocument {
        schema: SESSION_SCHEMA,
        at: 0,
        as_of: Moment(0),
        absolute_at: deadline(state.absolute_at_ms),
        lifetime_ms: state.lifetime_ms,
        lineage: Lineage {
            generation: state.generation,
            has_token: state.digest.is_some(),
            spent: count_of(spent.len()),
            last_spent_at: spent.last().map(|token| Moment(token.spent_at_ms)),
        },
        data: data
            .map(|(key, value)| DataKeySize {
                key: key.to_string(),
                value_bytes: count_of(value.len()),
            })
            .collect(),
        end_rule: end.as_ref().and_then(|end| end.rule.clone()),
        end_note: end.as_ref().and_then(|end| end.note.as_ref()).map(ToString::to_string),
        session: SessionItem::of(&state, track.as_ref(), end.as_ref()),
        events: last.events.into(),
        events_total: last.total,
        view: crate::answer::View::default(),
    }
}
