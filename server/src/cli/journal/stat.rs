//! `passbook journal stat`: the journal at a glance.

use std::collections::BTreeSet;

use passbook::{
    core::SessionView as _,
    journal::{Held, Tail},
};

use crate::{
    answer::{
        Moment, count_of,
        journal::{JOURNAL_STAT_SCHEMA, JournalStat},
        verify::hex,
    },
    cli::global::App,
    failure::Failure,
    fold::{fold, judged_at_ms},
    progress::Unit,
    reading::{Book, Until},
};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let book = Book::open_quietly(&app.store)?;
    let stat = book.journal.stat()?;
    let (mut last_hour, mut last_day, mut occurred_first) = (0, 0, None);
    let progress = app.output.progress("read", Some(book.head()), Unit::Events);
    let folded = fold(&book, Until::Head, &progress, &mut |recorded, _, _| {
        let age_ms = now_ms.saturating_sub(recorded.event.at_ms);
        last_hour += u64::from(age_ms < HOUR_MS);
        last_day += u64::from(age_ms < DAY_MS);
        let happened_at = Moment(recorded.event.happened_at_ms());
        occurred_first = Some(occurred_first.map_or(happened_at, |first| happened_at.min(first)));
    })?;
    progress.finish();
    let judged_at_ms = judged_at_ms(Until::Head, &folded, now_ms);
    let live = folded.state.iter().filter(|state| !state.session.is_expired(judged_at_ms));
    let users: Vec<_> = live.map(|state| state.session.user_id.clone()).collect();
    let events = (stat.sequence_last + 1).saturating_sub(stat.sequence_first);
    let some = |sequence| (events > 0).then_some(sequence);
    app.output.print(&JournalStat {
        schema: JOURNAL_STAT_SCHEMA,
        path: app.store.display().to_string(),
        store: hex(&stat.store),
        format_version: stat.format_version,
        events,
        sequence_first: some(stat.sequence_first),
        sequence_last: some(stat.sequence_last),
        at_first: stat.time_first_ms.map(Moment),
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
