//! `passbook session revoke` and `passbook user revoke`: the number first, then the act.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{self, Write as _},
};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use passbook::{
    EndReason, SessionId,
    core::{Act, Command, Outcome, SessionRef, UserId},
};
use serde_json::json;

use super::{filters::FilterText, global::App, session::select};
use crate::{
    answer::{
        Moment, count_of,
        made::{REVOKED_SCHEMA, Revoked},
        session::{SessionItem, SessionList, Standing, sessions_of_users},
    },
    failure::{Exit, Failure},
    filter::{Filter, Key},
    reading::Book,
    render::number::thousands,
    writing::{self, Actor, Folder},
};

/// Commands on their way to the disk at one time.
const WINDOW: usize = 256;

/// How one says that one knows what ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    /// Why they end.
    #[arg(long, value_name = "REASON", default_value = "revoked_by_admin", value_parser = reason())]
    reason: EndReason,
    /// End exactly so many, or nothing: exit code 5.
    #[arg(long, value_name = "N", conflicts_with = "yes")]
    expect: Option<u64>,
    /// Don't ask.
    #[arg(short, long)]
    yes: bool,
    /// Only say what would end.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    actor: Actor,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session revoke 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook session revoke --filter 'ip:203.0.113.0/24' --note INC-311 --dry-run
  passbook session revoke --filter 'ip:203.0.113.0/24' --note INC-311 --expect 37
")]
pub(crate) struct SessionArgs {
    /// The sessions to end.
    #[arg(value_name = "SESSION", required_unless_present = "filter", conflicts_with = "filter")]
    sessions: Vec<SessionId>,
    /// End all live sessions that this lets through: see passbook help filter.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook user revoke mira --dry-run
  passbook user revoke mira --except 01M7WDBSQW1HEAD8X4A1JH69RE --expect 3
")]
pub(crate) struct UserArgs {
    /// Whose sessions.
    #[arg(value_name = "USER")]
    user: String,
    /// The session that lives on.
    #[arg(long, value_name = "SESSION")]
    except: Option<SessionId>,
    #[command(flatten)]
    consent: Consent,
}

/// Reasons of an act. That a session's time came is a consequence, and nobody's to claim.
fn reason() -> impl clap::builder::TypedValueParser<Value = EndReason> {
    let acts = EndReason::ALL.iter().filter(|reason| !reason.is_expiry());
    PossibleValuesParser::new(acts.map(|reason| reason.as_str()))
        .map(|name| EndReason::parse(&name).expect("it is one of the names"))
}

pub(crate) fn sessions(app: &App, args: &SessionArgs) -> Result<(), Failure> {
    let mut text = FilterText::of(args.filter.as_deref())?;
    if args.filter.is_none() {
        let ids: Vec<_> = args.sessions.iter().map(ToString::to_string).collect();
        text.names(Key::Id, Some(&ids.join(",")));
    }
    let filter = text.parse(app.now_ms())?;
    let wanted: Vec<String> = args.sessions.iter().map(ToString::to_string).collect();
    let (head, items) = live(app, &filter)?;
    let mut answer = would_end(app, &args.consent, &items);
    let is_there = |id: &&String| items.iter().any(|item| item.id == **id);
    answer.not_live = wanted.iter().filter(|id| !is_there(id)).cloned().collect();
    if items.is_empty() && !wanted.is_empty() {
        let which = if wanted.len() == 1 { "it is" } else { "none of them is" };
        return Err(Failure::new(Exit::NotFound, "not_found", format!("{which} a live session"))
            .why(wanted.join(" "))
            .help("passbook session show SESSION tells what became of it"));
    }
    let Some(head) = agree(app, &args.consent, &answer, &items, head)? else {
        return app.output.print(&answer);
    };
    app.output.interrupt.guard();
    let ledger = writing::open(app, "session revoke", Folder::MustExist)?;
    let items = recount(app, &args.consent, &filter, items, head)?;
    let commands = items.iter().map(|item| {
        let id = SessionId::parse(&item.id).expect("it was made from an id");
        Act::Revoke { session: SessionRef::Id(id), reason: args.consent.reason }
    });
    let done = carry_out(app, &ledger, &args.consent, commands.collect(), &mut answer);
    writing::close(&ledger)?;
    report(app, answer, &items, done)
}

pub(crate) fn user(app: &App, args: &UserArgs) -> Result<(), Failure> {
    let user = UserId::new(args.user.as_str()).map_err(|e| Failure::usage(e.to_string()))?;
    let except = args.except.map(|id| id.to_string());
    let mut text = FilterText::default();
    text.term(Key::User, Some(&args.user));
    let filter = text.parse(app.now_ms())?;
    let (head, mut items) = live(app, &filter)?;
    if let Some(except) = &except {
        let before = items.len();
        items.retain(|item| item.id != *except);
        if items.len() == before {
            let what = format!("{except} is no live session of this user");
            return Err(Failure::new(Exit::NotFound, "not_found", what).why("nothing was changed"));
        }
    }
    let mut answer = would_end(app, &args.consent, &items);
    let Some(head) = agree(app, &args.consent, &answer, &items, head)? else {
        return app.output.print(&answer);
    };
    app.output.interrupt.guard();
    let ledger = writing::open(app, "user revoke", Folder::MustExist)?;
    let mut text = FilterText::default();
    text.term(Key::User, Some(&args.user));
    if let Some(except) = &except {
        text.names_not(Key::Id, except);
    }
    let items = recount(app, &args.consent, &text.parse(app.now_ms())?, items, head)?;
    let act = Act::RevokeUser { user, except: args.except, reason: args.consent.reason };
    let done = carry_out(app, &ledger, &args.consent, VecDeque::from([act]), &mut answer);
    writing::close(&ledger)?;
    report(app, answer, &items, done)
}

/// The live sessions that a filter lets through, and the last event that this is told from.
fn live(app: &App, filter: &Filter) -> Result<(u64, Vec<SessionItem>), Failure> {
    let SessionList { mut items, at, .. } =
        Book::read(app, |book| select(app, book, filter, None))?;
    items.retain(|item| item.state == Standing::Live);
    items.sort_by_key(|item| (item.created_at_ms, item.id.clone()));
    Ok((at, items))
}

fn would_end(app: &App, consent: &Consent, items: &[SessionItem]) -> Revoked {
    Revoked {
        schema: REVOKED_SCHEMA,
        dry_run: consent.dry_run,
        reason: consent.reason.as_str(),
        ended: count_of(items.len()),
        users: users(items),
        sessions: items.iter().map(|item| item.id.clone()).collect(),
        not_live: Vec::new(),
        sequence_first: None,
        sequence_last: None,
        as_of: Moment(app.now_ms()),
    }
}

fn users(items: &[SessionItem]) -> u64 {
    count_of(items.iter().map(|item| &item.user_id).collect::<BTreeSet<_>>().len())
}

/// Whether the person agrees to the number; `None` = there is nothing to do.
fn agree(
    app: &App,
    consent: &Consent,
    answer: &Revoked,
    items: &[SessionItem],
    head: u64,
) -> Result<Option<u64>, Failure> {
    let count = answer.ended;
    if let Some(expected) = consent.expect
        && expected != count
    {
        return Err(unexpected(expected, count));
    }
    if consent.dry_run || count == 0 {
        return Ok(None);
    }
    if consent.yes || consent.expect.is_some() {
        return Ok(Some(head));
    }
    let mut ends = format!("This ends {}.", sessions_of_users(count, answer.users));
    if let Some(first) = items.first() {
        let device = first.device_or_agent();
        let device = if device.is_empty() { String::new() } else { format!(", {device}") };
        let of = format!("{} ({}{device})", first.id, first.user_id);
        ends.push_str(" First: ");
        ends.push_str(&crate::render::escape::escape(&of));
    }
    if !app.output.can_ask {
        return Err(Failure::usage("there is no terminal to ask; nothing was changed")
            .why(ends)
            .help(format!("say --expect {count} or --yes; --dry-run --json shows which"))
            .field("count", json!(count)));
    }
    ask(app, &ends, count)?;
    Ok(Some(head))
}

/// The answer that goes on is the number itself.
fn ask(app: &App, question: &str, count: u64) -> Result<(), Failure> {
    app.output.say(question);
    let mut stderr = io::stderr().lock();
    write!(stderr, "Type {count} to go on: ")?;
    stderr.flush()?;
    drop(stderr);
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    if line.trim().replace(',', "") == count.to_string() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "not_confirmed", "not confirmed; nothing was changed"))
}

fn unexpected(expected: u64, count: u64) -> Failure {
    let what = format!("expected {} to end, found {}", thousands(expected), thousands(count));
    Failure::new(Exit::Busy, "unexpected_count", what)
        .why("nothing was changed")
        .help("look again with --dry-run")
        .field("expected", json!(expected))
        .field("count", json!(count))
}

/// The same question again, now that nobody else can write. What was agreed to is what ends.
fn recount(
    app: &App,
    consent: &Consent,
    filter: &Filter,
    items: Vec<SessionItem>,
    head: u64,
) -> Result<Vec<SessionItem>, Failure> {
    let book = Book::open_quietly(&app.store)?;
    if book.head() == head {
        return Ok(items);
    }
    let SessionList { items: mut now, .. } = select(app, &book, filter, None)?;
    now.retain(|item| item.state == Standing::Live);
    if !consent.yes && now.len() != items.len() {
        return Err(unexpected(count_of(items.len()), count_of(now.len())));
    }
    Ok(now)
}

/// Ends them, several on their way at once; stops at the first failure and at Ctrl-C.
fn carry_out(
    app: &App,
    ledger: &passbook::Ledger,
    consent: &Consent,
    mut acts: VecDeque<Act>,
    answer: &mut Revoked,
) -> Result<(), Failure> {
    answer.ended = 0;
    let (actor, note) = (consent.actor.operator()?, consent.actor.note()?);
    let mut pending = VecDeque::new();
    loop {
        let may_start = !app.output.interrupt.has_come() && pending.len() < WINDOW;
        if let Some(act) = acts.pop_front_if(|_| may_start) {
            let command = Command { actor: actor.clone(), note: note.clone(), ..Command::new(act) };
            pending.push_back(ledger.submit(&command)?);
            continue;
        }
        let Some(next) = pending.pop_front() else { break };
        let reply = next.wait()?;
        if let Outcome::Ended(count) = reply.outcome
            && count > 0
        {
            answer.ended += u64::from(count);
            answer.sequence_first = answer.sequence_first.or(Some(reply.sequence));
            answer.sequence_last = Some(reply.sequence);
        }
    }
    if acts.is_empty() {
        return Ok(());
    }
    let what = format!("stopped; {} not ended", thousands(count_of(acts.len())));
    Err(Failure::new(Exit::Interrupted, "interrupted", what))
}

/// Says what was done; a failure in the middle is told too.
fn report(
    app: &App,
    mut answer: Revoked,
    items: &[SessionItem],
    done: Result<(), Failure>,
) -> Result<(), Failure> {
    let all = count_of(items.len());
    answer.users = users(items);
    answer.as_of = Moment(app.now_ms());
    if answer.ended == 0 {
        done?;
        return app.output.print(&answer);
    }
    app.output.print(&answer)?;
    done?;
    if answer.ended < all || !answer.not_live.is_empty() {
        return Err(Failure::told(Exit::Partly));
    }
    Ok(())
}
