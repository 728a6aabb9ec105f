//! `passbook user`: show, history, revoke.

use std::collections::BTreeMap;

use clap::Subcommand;
use passbook::{HistoryEntry, HistoryFold, HistoryKind, core::SessionView as _};

use super::{global::App, revoke};
use crate::{
    answer::{
        Moment, count_of,
        history::{HistoryItem, USER_HISTORY_SCHEMA, UserHistory},
        session::SessionItem,
        user::{USER_SCHEMA, UserDocument},
    },
    at::At,
    failure::{Exit, Failure},
    fold::{fold, judged_at_ms},
    progress::Unit,
    reading::Book,
    render::number::thousands,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Live sessions, first and last login, failures.
    Show(ShowArgs),
    /// Logins, failures and endings, newest first.
    History(HistoryArgs),
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

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook user history mira
  passbook user history mira -n 4
  passbook user history mira --format csv >mira.csv
")]
pub(crate) struct HistoryArgs {
    /// Whose.
    #[arg(value_name = "USER")]
    user: String,
    /// Show so many lines [default: all].
    #[arg(short = 'n', long = "lines", value_name = "COUNT")]
    lines: Option<usize>,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Show(args) => show(app, &args),
        Verb::History(args) => history(app, &args),
        Verb::Revoke(args) => revoke::user(app, &args),
    }
}

fn show(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let book = Book::open(&app.store, &app.output)?;
    let until = book.until(args.at.as_ref(), now_ms)?;
    let mut history = HistoryFold::of(&args.user);
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    let folded = fold(&book, until, &progress, &mut |recorded, _, _| history.add(recorded))?;
    progress.finish();
    let entries = history.newest_first();
    if entries.is_empty() {
        return Err(unknown(&args.user, &book, folded.sequence));
    }
    let judged_at_ms = judged_at_ms(until, &folded, now_ms);
    let mut states = folded.state.sessions_of(&args.user);
    states.retain(|state| !state.session.is_expired(judged_at_ms));
    let item = |state| SessionItem::of(state, folded.track(state.id()), None);
    let mut document = UserDocument {
        schema: USER_SCHEMA,
        user_id: args.user.clone(),
        at: folded.sequence,
        as_of: Moment(judged_at_ms),
        sessions: states.iter().map(item).collect(),
        logins: 0,
        first_login_at: None,
        last_login_at: None,
        failures: 0,
        last_failure_at: None,
        last_failure_from: None,
        ended: BTreeMap::new(),
        view: app.output.view(judged_at_ms),
    };
    for entry in entries.iter().rev() {
        count(&mut document, entry);
    }
    app.output.print(&document)
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
        | HistoryKind::Device
        | HistoryKind::Tenant(_)
        | HistoryKind::Reuse(_) => {}
    }
}

fn history(app: &App, args: &HistoryArgs) -> Result<(), Failure> {
    let book = Book::open(&app.store, &app.output)?;
    let mut fold = HistoryFold::of(&args.user);
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    for recorded in book.events(0)? {
        let recorded = recorded?;
        fold.add(&recorded);
        progress.at(recorded.sequence);
    }
    progress.finish();
    let entries = fold.newest_first();
    if entries.is_empty() {
        return Err(unknown(&args.user, &book, book.head()));
    }
    let shown = args.lines.unwrap_or(usize::MAX);
    app.output.print(&UserHistory {
        schema: USER_HISTORY_SCHEMA,
        user_id: args.user.clone(),
        at: book.head(),
        items: entries.iter().take(shown).map(HistoryItem::of).collect(),
        total: count_of(entries.len()),
        next: None,
        view: app.output.view(app.now_ms()),
    })
}

fn unknown(user: &str, book: &Book, through: u64) -> Failure {
    Failure::new(Exit::NotFound, "not_found", format!("nothing is known of the user `{user}`"))
        .why(format!(
            "no event in @{} .. @{} names it",
            thousands(book.first()),
            thousands(through)
        ))
        .help("names are compared whole and exactly; passbook journal dump shows them all")
        .field("user_id", serde_json::json!(user))
}
