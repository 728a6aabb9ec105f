//! `passbook journal stat`: the journal at a glance.

use std::collections::BTreeSet;

use passbook::{
    core::SessionView as _,
    journal::{ArchiveStat, Held, Tail},
};

use crate::{
    answer::{
        Moment, count_of,
        journal::{JOURNAL_STAT_SCHEMA, JournalStat},
        verify::hex,
    },
    cli::global::App,
    failure::Failure,
    fold::{Depth, fold, judged_at_ms},
    progress::Unit,
    reading::{Book, Until},
};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let stat = Book::read(app, |book| tell(app, book))?;
    app.output.print(&stat)
}

/// What the events in the journal say of when they came.
#[derive(Default)]
struct Rates {
    last_hour: u64,
    last_day: u64,
    occurred_first: Option<Moment>,
}

impl Rates {
    fn of(book: &Book, now_ms: u64) -> Result<Self, Failure> {
        let mut rates = Self::default();
        let from = book.near(now_ms.saturating_sub(DAY_MS))?.min(book.journal_first());
        for recorded in book.events(from)? {
            let event = recorded?.event;
            let age_ms = now_ms.saturating_sub(event.at_ms);
            rates.last_hour += u64::from(age_ms < HOUR_MS);
            rates.last_day += u64::from(age_ms < DAY_MS);
            let at = Moment(event.happened_at_ms());
            rates.occurred_first = Some(rates.occurred_first.map_or(at, |first| at.min(first)));
        }
        Ok(rates)
    }
}

fn tell(app: &App, book: &Book) -> Result<JournalStat, Failure> {
    let now_ms = app.now_ms();
    let stat = book.journal.stat()?;
    let kept = book.complete_from();
    let Rates { last_hour, last_day, occurred_first } = Rates::of(book, now_ms)?;
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    let folded = fold(book, (Until::Head, Depth::State), &progress, &mut |_, _, _| {})?;
    progress.finish();
    let judged_at_ms = judged_at_ms(Until::Head, &folded, now_ms);
    let live = folded.state.iter().filter(|state| !state.session.is_expired(judged_at_ms));
    let users: Vec<_> = live.map(|state| state.session.user_id.clone()).collect();
    let events = (stat.sequence_last + 1).saturating_sub(kept.sequence);
    let some = |sequence| (events > 0).then_some(sequence);
    let sum = |of: fn(&ArchiveStat) -> u64| stat.archives.iter().map(of).sum();
    Ok(JournalStat {
        schema: JOURNAL_STAT_SCHEMA,
        path: app.store.display().to_string(),
        store: hex(&stat.store),
        format_version: stat.format_version,
        events,
        sequence_first: some(kept.sequence),
        sequence_last: some(stat.sequence_last),
        at_first: kept.at,
        at_last: stat.time_last_ms.map(Moment),
        occurred_first,
        events_last_hour: last_hour,
        events_last_day: last_day,
        live_sessions: count_of(users.len()),
        live_users: count_of(users.iter().collect::<BTreeSet<_>>().len()),
        policy_version: folded.state.policy().version,
        bytes: stat.bytes(),
        used_bytes: stat.segments.iter().map(|segment| segment.used_bytes).sum(),
        segments: count_of(stat.segments.len()),
        archives: count_of(stat.archives.len()),
        archive_bytes: sum(|archive| archive.bytes),
        archived_events: sum(|archive| archive.whole),
        leaves: sum(|archive| archive.leaves),
        compacted_through: (stat.sequence_first > 1).then(|| stat.sequence_first - 1),
        complete_from: kept,
        snapshots: stat.snapshots.iter().map(|info| info.sequence).collect(),
        is_held: stat.held == Held::ByWriter,
        closed_cleanly: stat.watermark.is_some_and(|mark| {
            mark.closed && mark.durable == stat.sequence_last && stat.tail == Tail::Clean
        }),
        tail: match stat.tail {
            Tail::Clean => "clean",
            Tail::Torn { .. } => "torn",
            Tail::Ambiguous(_) => "ambiguous",
            Tail::Corrupt(_) => "corrupt",
        },
        view: app.output.view(now_ms),
    })
}
