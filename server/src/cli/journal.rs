//! `passbook journal`: stat, verify, dump, show, tail, bookmark, salvage.

mod bookmark;
mod salvage;
mod stat;
mod tail;

use clap::Subcommand;
use passbook::Recorded;

pub(super) use self::salvage::{Args as SalvageArgs, repair};
use super::{filters::FilterText, global::App, verify};
use crate::{
    answer::{
        View,
        event::{EventDocument, Frame},
    },
    at::{At, AtRange},
    failure::Failure,
    filter::{Facts, Filter},
    reading::{Book, Place},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Size, range, rates, segments, writer.
    Stat,
    /// Check every checksum, the order and the chain.
    Verify(verify::Args),
    /// Events in order, as text or as JSON Lines.
    #[command(alias = "log")]
    Dump(DumpArgs),
    /// One event, its place on disk, its neighbours.
    Show(ShowArgs),
    /// The last events, and with -f each new one.
    Tail(tail::Args),
    /// Name a moment, to be given as =NAME wherever a moment is asked for.
    Bookmark(bookmark::Args),
    /// Make a new store of what can be read of a damaged one.
    Salvage(salvage::Args),
    #[command(hide = true)]
    Repair(salvage::Args),
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal dump
  passbook journal dump @1048000..@1048611 --json
  passbook journal dump -2h.. --filter kind:LoginFailed
  passbook journal dump @head.. --raw
")]
pub(crate) struct DumpArgs {
    /// From where to where, both included: A..B, A.. or ..B. See passbook help at.
    #[arg(value_name = "A..B", allow_hyphen_values = true)]
    range: Option<AtRange>,
    /// Only these events: see passbook help filter.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Also where each lies on disk.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal show @1048610
  passbook journal show @head --json
")]
pub(crate) struct ShowArgs {
    /// The event: @1048610, @head, @head-3.
    #[arg(value_name = "@SEQ")]
    at: At,
    /// How many events before and behind it to show too.
    #[arg(short = 'C', long, value_name = "COUNT", default_value_t = 2)]
    context: u64,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Stat => stat::run(app),
        Verb::Verify(args) => verify::run(app, &args),
        Verb::Dump(args) => dump(app, &args),
        Verb::Show(args) => show(app, &args),
        Verb::Tail(args) => tail::run(app, &args),
        Verb::Bookmark(args) => bookmark::run(app, &args),
        Verb::Salvage(args) => salvage::run(app, &args),
        Verb::Repair(args) => repair(app, &args),
    }
}

pub(crate) fn dump(app: &App, args: &DumpArgs) -> Result<(), Failure> {
    let filter = FilterText::of(args.filter.as_deref())?.parse(app.now_ms())?;
    let book = Book::open(&app.store, &app.output)?;
    let (first, last) = range(app, &book, args.range.as_ref())?;
    let kept = book.complete_from();
    if kept.is_cut() && first <= kept.sequence {
        app.output.note(&format!("the history is {}", kept.words(&View::default())));
    }
    let view = app.output.view(app.now_ms());
    let mut stream = app.output.stream();
    if first <= last {
        for read in book.records(first)? {
            let (record, recorded) = read?;
            if recorded.sequence > last {
                break;
            }
            if matches(&filter, &recorded) {
                let mut document = EventDocument::of(&recorded, &view);
                if args.raw {
                    document.frame = record.place.as_ref().map(Frame::of);
                }
                stream.print(&document)?;
            }
        }
    }
    stream.flush()
}

/// The first and the last sequence of a range.
pub(crate) fn range(
    app: &App,
    book: &Book,
    range: Option<&AtRange>,
) -> Result<(u64, u64), Failure> {
    let Some(AtRange { from, to }) = range else { return Ok((0, u64::MAX)) };
    let now_ms = app.now_ms();
    let first = match from {
        Some(at) => book.sequence_of(book.place(at, now_ms)?, at)?,
        None => 0,
    };
    let last = match to {
        Some(at) => match book.place(at, now_ms)? {
            // Up to the last event recorded before that time.
            time @ Place::Time(_) => book.sequence_of(time, at)?.saturating_sub(1),
            place @ Place::Sequence(_) => book.sequence_of(place, at)?,
        },
        None => u64::MAX,
    };
    Ok((first, last))
}

fn show(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let book = Book::open(&app.store, &app.output)?;
    let sequence = book.sequence_of(book.place(&args.at, app.now_ms())?, &args.at)?;
    let (record, recorded) = book.event(sequence)?;
    let view = app.output.view(app.now_ms());
    let mut document = EventDocument::of(&recorded, &view);
    document.frame = record.place.as_ref().map(Frame::of);
    if document.frame.is_none() {
        document.archive = book.archive_of(sequence)?;
    }
    if app.output.form != crate::output::Form::Table {
        return app.output.print(&document);
    }
    let first = sequence.saturating_sub(args.context).max(book.first());
    let last = sequence.saturating_add(args.context);
    let mut stream = app.output.stream();
    for recorded in book.events(first)? {
        let recorded = recorded?;
        if recorded.sequence > last {
            break;
        }
        if recorded.sequence == sequence {
            stream.print(&document)?;
        } else {
            stream.print(&EventDocument::of(&recorded, &view))?;
        }
    }
    stream.flush()
}

/// Whether the filter lets the event through.
fn matches(filter: &Filter, recorded: &Recorded) -> bool {
    if filter.is_empty() {
        return true;
    }
    let known = Known::of(recorded);
    filter.matches(&known.facts())
}

/// What a filter may ask of an event, in texts.
pub(super) struct Known {
    document: EventDocument,
    details: Details,
}

/// What only some kinds of events have.
#[derive(Default)]
struct Details {
    device: Option<String>,
    tenant: Option<String>,
    reason: Option<&'static str>,
    guest: Option<bool>,
    transport: Option<&'static str>,
}

impl Known {
    pub(super) fn of(recorded: &Recorded) -> Self {
        let document = EventDocument::of(recorded, &View::default());
        Self { document, details: Details::of(&recorded.event.fact) }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let Self { document, details } = self;
        Facts {
            user: document.user_id.as_deref(),
            id: document.session.as_deref(),
            ip: document.ip.as_deref().and_then(|ip| ip.parse().ok()),
            device: details.device.as_deref(),
            tenant: details.tenant.as_deref(),
            state: None,
            reason: details.reason,
            actor: Some(&document.actor),
            kind: Some(document.kind),
            time_ms: Some(document.happened_at_ms()),
            sequence: Some(document.sequence),
            guest: details.guest,
            transport: details.transport,
        }
    }
}

impl Details {
    fn of(fact: &passbook::Fact) -> Self {
        use passbook::{Fact, core::ReuseVerdict};
        match fact {
            Fact::SessionCreated { is_guest, device, tenant, transport, .. } => Self {
                device: device.as_ref().map(ToString::to_string),
                tenant: tenant.as_ref().map(ToString::to_string),
                reason: None,
                guest: Some(*is_guest),
                transport: Some(crate::answer::session::transport_text(*transport)),
            },
            Fact::DeviceSet { device, .. } => {
                Self { device: Some(device.to_string()), ..Self::default() }
            }
            Fact::TenantSet { tenant, .. } => {
                Self { tenant: tenant.as_ref().map(ToString::to_string), ..Self::default() }
            }
            Fact::SessionRevoked { reason, .. } | Fact::UserSessionsRevoked { reason, .. } => {
                Self { reason: Some(reason.as_str()), ..Self::default() }
            }
            Fact::LoginFailed { reason, .. } => {
                Self { reason: Some(reason.as_str()), ..Self::default() }
            }
            Fact::TokenReuseDetected { verdict: ReuseVerdict::Ended, .. } => {
                let reason = passbook::EndReason::TokenReuse.as_str();
                Self { reason: Some(reason), ..Self::default() }
            }
            Fact::TokenReuseDetected { .. }
            | Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionReauthenticated { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::SessionsExpired { .. }
            | Fact::Compacted { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => Self::default(),
        }
    }
}
