//! `passbook session`: list, show, lineage, create, check, revoke.

mod create;
mod lineage;
mod show;

use clap::{Subcommand, ValueEnum};

pub(super) use self::show::{show_at, told_of};

use super::{check, filters::FilterText, global::App, revoke};
use crate::{
    answer::session::{Counts, SESSION_LIST_SCHEMA, SessionItem, SessionList, Standing},
    answer::{Moment, kept::CompleteFrom},
    at::At,
    failure::Failure,
    filter::{Filter, Key},
    fold::{Depth, End, fold, judged_at_ms},
    progress::Unit,
    reading::Book,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Sessions that a filter lets through; live ones, if it doesn't say.
    #[command(alias = "ls")]
    List(ListArgs),
    /// One session: facts, tokens, last events, and how it ended.
    Show(show::Args),
    /// The chain of its tokens, and who showed which of them when.
    Lineage(lineage::Args),
    /// Open a session; its token is printed this once.
    Create(create::Args),
    /// Whether a token opens a live session: exit code 0 if so, 4 if not.
    Check(check::Args),
    /// End sessions: by id, or all that a filter lets through.
    Revoke(revoke::SessionArgs),
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(app, &args),
        Verb::Show(args) => show::run(app, &args),
        Verb::Lineage(args) => lineage::run(app, &args),
        Verb::Create(args) => create::run(app, &args),
        Verb::Check(args) => check::run(app, &args),
        Verb::Revoke(args) => revoke::sessions(app, &args),
    }
}

/// The order of a list, newest or soonest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// The most recently active first.
    LastActive,
    /// The newest login first.
    Created,
    /// The first to expire first.
    Expires,
}

/// Sugar for terms of the filter.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Terms {
    /// Of this user (user:).
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// From this address or network (ip:).
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// On this device (device:).
    #[arg(long, value_name = "LABEL")]
    device: Option<String>,
    /// For this organisation (tenant:).
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Carried by cookie, jwt, token or imported (transport:).
    #[arg(long, value_name = "KIND")]
    transport: Option<String>,
    /// Opened, or ended, at or after this time (since:).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Opened, or ended, before this time (until:).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
}

impl Terms {
    pub(crate) fn add_to(&self, text: &mut FilterText) {
        text.term(Key::User, self.user.as_deref())
            .names(Key::Ip, self.ip.as_deref())
            .term(Key::Device, self.device.as_deref())
            .term(Key::Tenant, self.tenant.as_deref())
            .names(Key::Transport, self.transport.as_deref())
            .term(Key::Since, self.since.as_deref())
            .term(Key::Until, self.until.as_deref());
    }
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session list user:mira
  passbook session list 'ip:203.0.113.0/24 -transport:imported' --sort created
  passbook session list --state ended,expired --since -24h
  passbook session list --at '2026-11-20 14:03' --json
")]
pub(crate) struct ListArgs {
    /// What to show: see passbook help filter.
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    terms: Terms,
    /// live, ended or expired, joined by commas (state:).
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Why they ended, joined by commas (reason:).
    #[arg(long, value_name = "REASONS")]
    reason: Option<String>,
    /// As it was at this moment: see passbook help at.
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    at: Option<At>,
    /// The order.
    #[arg(long, value_enum, default_value = "last-active")]
    sort: Sort,
}

impl ListArgs {
    /// The list at that moment.
    pub(super) fn at(at: At, filter: Option<String>, user: Option<String>) -> Self {
        Self {
            filter,
            terms: Terms { user, ..Terms::default() },
            state: None,
            reason: None,
            at: Some(at),
            sort: Sort::LastActive,
        }
    }
}

pub(crate) fn list(app: &App, args: &ListArgs) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let mut text = FilterText::of(args.filter.as_deref())?;
    args.terms.add_to(&mut text);
    text.names(Key::State, args.state.as_deref()).names(Key::Reason, args.reason.as_deref());
    let filter = text.parse(now_ms)?;
    let mut list = Book::read(app, |book| select(app, book, &filter, args.at.as_ref()))?;
    let kept = list.complete_from.filter(CompleteFrom::is_cut);
    if let Some(kept) = kept {
        app.output.note(&format!("what ended before is gone: {}", kept.words(&list.view)));
    }
    match args.sort {
        Sort::LastActive => {
            list.items.sort_by_key(|item| std::cmp::Reverse(item.last_active_at_ms));
        }
        Sort::Created => list.items.sort_by_key(|item| std::cmp::Reverse(item.created_at_ms)),
        Sort::Expires => {
            list.items.sort_by_key(|item| item.expires_at_ms.unwrap_or(u64::MAX));
        }
    }
    app.output.print(&list)
}

/// How far back the filter asks: what has ended, who opened a session and by which event is in no
/// snapshot.
fn depth(filter: &Filter, only_live: bool) -> Depth {
    let asks_for_ended = !only_live
        && [Standing::Ended, Standing::Expired].iter().any(|it| filter.allows_state(it.as_str()));
    let asks_for_login = filter.is_about(Key::Actor) || filter.is_about(Key::Seq);
    if asks_for_ended || asks_for_login { Depth::Kept } else { Depth::State }
}

/// The sessions that a filter lets through; live ones, if it doesn't ask how they are or ended.
pub(crate) fn select(
    app: &App,
    book: &Book,
    filter: &Filter,
    at: Option<&At>,
) -> Result<SessionList, Failure> {
    let now_ms = app.now_ms();
    let until = book.until(at, now_ms)?;
    let only_live = !filter.is_about(Key::State) && !filter.is_about(Key::Reason);
    let depth = depth(filter, only_live);
    let mut counts = Counts::default();
    let mut items = Vec::new();
    let mut take = |item: SessionItem| {
        if filter.matches(&item.facts()) {
            counts.add(item.state);
            if item.state == Standing::Live || !only_live {
                items.push(item);
            }
        }
    };
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    let folded = fold(book, (until, depth), &progress, &mut |_, _, ended| {
        for gone in ended {
            take(SessionItem::of(&gone.state, gone.track.as_ref(), Some(&gone.end)));
        }
    })?;
    progress.finish();
    let judged_at_ms = judged_at_ms(until, &folded, now_ms);
    for state in folded.state.iter() {
        let end = state.session.is_expired(judged_at_ms).then(|| End::by_clock(state));
        take(SessionItem::of(state, folded.track(state.id()), end.as_ref()));
    }
    counts.ended_since = (folded.from > 1).then_some(folded.from);
    Ok(SessionList {
        schema: SESSION_LIST_SCHEMA,
        at: folded.sequence,
        as_of: Moment(judged_at_ms),
        items,
        next: None,
        counts,
        complete_from: (depth == Depth::Kept).then(|| book.complete_from()),
        only_live,
        view: app.output.view(judged_at_ms),
    })
}
