//! The index answers as the fold does, however it was fed and closed.

use passbook_projections::history::{HistoryQuery, Recorded, filed_under};
use proptest::{prelude::*, sample::Index};

use crate::histories::{
    USERS, catch_up, check_same, copy, events, expect, failures, fold, open, plain_events, walk,
    wishes,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_index_tells_what_the_fold_tells(
        wishes in wishes(200),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
        limit in 1..40_usize,
    ) {
        let events = events(&wishes);
        let folder = tempfile::tempdir().expect("a folder");
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut index, _) = open(folder.path(), &events);
        let mut crashed = None;
        for (number, cut) in cuts.into_iter().enumerate() {
            catch_up(&mut index, &events[..cut]);
            if number % 2 == 0 {
                crashed = Some(copy(folder.path()));
                continue;
            }
            drop(index);
            let (again, rebuilt) = open(folder.path(), &events);
            prop_assert_eq!(rebuilt, None, "a clean close leaves no doubt");
            index = again;
        }
        catch_up(&mut index, &events);
        check_same(&index, &events, limit);
        if let Some(crashed) = crashed {
            let (mut index, _) = open(crashed.path(), &events);
            catch_up(&mut index, &events);
            check_same(&index, &events, limit);
        }
    }
}

#[test]
fn a_long_history_is_paged_through_chunks_and_reopened() {
    let events = plain_events(4_000);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    for part in 1..=40 {
        catch_up(&mut index, &events[..events.len() * part / 40]);
    }
    check_same(&index, &events, 7);
    check_same(&index, &events, 1_000);
    let before = index.covered();
    drop(index);
    let (index, rebuilt) = open(folder.path(), &events);
    assert_eq!((rebuilt, index.covered()), (None, before));
    check_same(&index, &events, 100);
}

#[test]
fn an_old_log_that_is_read_late_stands_behind_what_is_newer() {
    let recent = 9_000_000_000..9_000_000_100;
    let events = failures(0, recent.chain(5_000..5_100).chain(9_000_000_050..9_000_000_060));
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    catch_up(&mut index, &events);
    for limit in [1, 5, 50, 1_000] {
        check_same(&index, &events, limit);
    }
}

#[test]
fn it_counts_the_events_that_name_a_user() {
    let events = plain_events(1_000);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    catch_up(&mut index, &events);
    let mut total = 0;
    for user in USERS {
        let is_filed =
            |recorded: &&Recorded| filed_under(&recorded.event).iter().any(|name| **name == *user);
        let count = events.iter().filter(is_filed).count();
        let count = u64::try_from(count).expect("few");
        assert_eq!(index.events_of(user), Ok(count), "{user:?}");
        total += count;
    }
    let covered = index.covered();
    assert_eq!((covered.events, covered.users), (total, 4));
    let all = events.iter().map(|recorded| filed_under(&recorded.event).len()).sum::<usize>();
    assert_eq!(covered.postings, u64::try_from(all).ok());
    assert_eq!(covered.checkpoint, events.last().expect("some").sequence);
}

#[test]
fn a_page_stays_where_it_was_while_new_lines_come() {
    let events = plain_events(600);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    let mut shown = events.len() / 2;
    catch_up(&mut index, &events[..shown]);
    let first =
        walk(&HistoryQuery::default(), 1_000, |query| index.page("ann", query).expect("ok"));
    let seen = walk(&HistoryQuery::default(), 3, |query| {
        let page = index.page("ann", query).expect("no doubt");
        shown = (shown + 10).min(events.len());
        catch_up(&mut index, &events[..shown]);
        page
    });
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(once.len(), seen.len(), "none is seen twice");
    let place = |entry: &_| passbook_projections::history::Cursor::of(entry);
    let is_seen = |entry: &_| seen.iter().any(|line| place(line) == place(entry));
    assert!(first.iter().all(is_seen), "none is missed");
}

#[test]
fn what_is_forgotten_is_not_shown_and_all_else_is() {
    let events = plain_events(3_000);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    catch_up(&mut index, &events);
    let middle_ms = events[events.len() / 2].event.at_ms;
    let check = |index: &passbook_projections::HistoryIndex| {
        for user in USERS {
            let mut kept = fold(&events, user).newest_first();
            kept.retain(|entry| entry.last_recorded_at_ms() >= middle_ms);
            let ask = |query: &_| index.page(user, query).expect("no doubt");
            assert_eq!(walk(&HistoryQuery::default(), 11, ask), kept, "{user:?}");
        }
    };
    assert!(index.forget_before(middle_ms).expect("no doubt") > 100);
    check(&index);
    assert_eq!(index.covered().forgotten_before_ms, middle_ms);
    let entries = index.covered().entries;
    drop(index);
    let (mut index, rebuilt) = open(folder.path(), &events);
    assert_eq!(rebuilt, None);
    check(&index);
    assert_eq!(index.forget_before(middle_ms), Ok(0), "once");
    assert!(index.forget_before(u64::MAX).expect("no doubt") > 0);
    assert_eq!(index.last_login("ann"), Ok(None));
    assert_eq!(index.covered().entries, entries, "numbers go on");
    drop(index);
    assert_eq!(open(folder.path(), &events).1, None);
}

#[test]
fn events_out_of_order_are_a_doubt_that_stays_until_it_is_opened_anew() {
    let mut events = plain_events(50);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), &events);
    events.swap(10, 11);
    assert!(index.add(&mut events.iter().cloned()).is_err());
    assert!(index.page("ann", &HistoryQuery::default()).is_err());
    drop(index);
    events.swap(10, 11);
    let (mut index, _) = open(folder.path(), &events);
    catch_up(&mut index, &events);
    check_same(&index, &events, 10);
}

#[test]
fn it_may_not_know_more_than_is_durable_nor_another_ledger() {
    let events = plain_events(100);
    let last = events.last().expect("some").sequence;
    for (what, expect) in [
        ("durable", expect(last - 1)),
        (
            "another ledger",
            passbook_projections::history::Expect { store: [8; 16], ..expect(last) },
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut index, _) = open(folder.path(), &events);
        catch_up(&mut index, &events);
        drop(index);
        let opened = passbook_projections::HistoryIndex::open(folder.path(), &expect).expect("ok");
        assert!(opened.rebuilt.expect("a doubt").contains(what));
        assert_eq!(opened.index.checkpoint(), 0);
    }
}
