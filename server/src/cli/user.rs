//! `passbook user`: show, history, revoke.

mod history;

use std::collections::BTreeMap;

use clap::Subcommand;
use passbook::{
    HistoryEntry, HistoryKind, HistoryWhat,
    core::{SessionState, SessionView as _},
};

use super::{global::App, revoke};
use crate::{
    answer::{
        Moment,
        session::SessionItem,
        user::{USER_SCHEMA, UserDocument},
    },
    at::At,
    failure::Failure,
    fold::{Depth, Fold, Track, fold, judged_at_ms},
    progress::Unit,
    reading::{Book, Until},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Live sessions, first and last login, failures.
    Show(ShowArgs),
    /// Logins, failures and endings, newest first.
    History(history::Args),
    /// End all sessions of a user.
    Revoke(revoke::UserArgs),
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook user show mira
  passbook user show mira --at -7d --json
")]
pub(crate) struct ShowArgs {
    /// Who.
    #[arg(value_name = "USER")]
    user: String,
    /// As it was at this moment: see passbook help at.
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    at: Option<At>,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Show(args) => show(app, &args),
        Verb::History(args) => history::run(app, &args),
        Verb::Revoke(args) => revoke::user(app, &args),
    }
}

fn show(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let document = Book::read(app, |book| tell(app, args, book))?;
    app.output.print(&document)
}

/// The user, from the state of that moment and from the history.
fn tell(app: &App, args: &ShowArgs, book: &Book) -> Result<UserDocument, Failure> {
    let now_ms = app.now_ms();
    let until = book.until(args.at.as_ref(), now_ms)?;
    let mut entries = history::lines(book, &args.user)?;
    entries.retain(|entry| match until {
        Until::Head => true,
        Until::Sequence(last) => entry.sequence <= last,
        Until::Time(last_ms) => entry.at_ms <= last_ms,
    });
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    let folded = fold(book, (until, Depth::State), &progress, &mut |_, _, _| {})?;
    progress.finish();
    let judged_at_ms = judged_at_ms(until, &folded, now_ms);
    let mut states = folded.state.sessions_of(&args.user);
    if entries.is_empty() && states.is_empty() {
        return Err(history::unknown(&args.user, book, folded.sequence));
    }
    states.retain(|state| !state.session.is_expired(judged_at_ms));
    let mut document = UserDocument {
        schema: USER_SCHEMA,
        user_id: args.user.clone(),
        at: folded.sequence,
        as_of: Moment(judged_at_ms),
        sessions: states.iter().map(|state| item(&folded, state, &entries)).collect(),
        logins: 0,
        first_login_at: None,
        last_login_at: None,
        failures: 0,
        last_failure_at: None,
        last_failure_from: None,
        ended: BTreeMap::new(),
        complete_from: book.complete_from(),
        view: app.output.view(judged_at_ms),
    };
    for entry in entries.iter().rev() {
        count(&mut document, entry);
    }
    Ok(document)
}

/// A live session; what no snapshot has is told by its login.
fn item(folded: &Fold, state: &SessionState, entries: &[HistoryEntry]) -> SessionItem {
    let is_login = |entry: &&HistoryEntry| {
        entry.session == Some(state.id()) && entry.kind.what() == HistoryWhat::Login
    };
    let told = entries
        .iter()
        .find(is_login)
        .map(|login| Track { created_sequence: login.sequence, created_by: login.actor.clone() });
    SessionItem::of(state, folded.track(state.id()).or(told.as_ref()), None)
}

/// Adds an entry of the history, the oldest first.
fn count(document: &mut UserDocument, entry: &HistoryEntry) {
    match &entry.kind {
        HistoryKind::Login { .. } => {
            document.logins += 1;
            document.first_login_at = document.first_login_at.or(Some(Moment(entry.at_ms)));
            document.last_login_at = Some(Moment(entry.at_ms));
        }
        HistoryKind::Failure { count, .. } => {
            document.failures += u64::from(*count);
            document.last_failure_at = Some(Moment(entry.at_ms));
            let name = || entry.remote_host.as_ref().map(ToString::to_string);
            document.last_failure_from = entry.ip.map(|ip| ip.to_string()).or_else(name);
        }
        HistoryKind::End { reason, .. } => {
            *document.ended.entry(reason.as_str()).or_default() += 1;
        }
        HistoryKind::Refresh { .. }
        | HistoryKind::Upgrade { .. }
        | HistoryKind::StepUp { .. }
        | HistoryKind::Device
        | HistoryKind::Tenant(_)
        | HistoryKind::Reuse(_) => {}
    }
}
