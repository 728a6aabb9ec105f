//! Questions, and places in a history as text.

use passbook_core::SessionId;
use passbook_projections::history::{Cursor, HistoryQuery, HistoryWhat, QueryError};
use proptest::prelude::*;

use crate::histories::{events, fold, walk, wishes};

#[test]
fn a_page_has_one_to_a_thousand_lines() {
    assert_eq!(HistoryQuery::newest(0), Err(QueryError::Limit { limit: 0 }));
    assert_eq!(HistoryQuery::newest(1).map(|query| query.limit()), Ok(1));
    assert_eq!(HistoryQuery::newest(1_000).map(|query| query.limit()), Ok(1_000));
    assert_eq!(HistoryQuery::newest(1_001), Err(QueryError::Limit { limit: 1_001 }));
}

#[test]
fn only_the_text_of_a_cursor_is_a_cursor() {
    let id = SessionId::from_parts(1_700_000_000_000, 7);
    for good in ["0-0".to_owned(), "1700000000000-12".to_owned(), format!("5-6-{id}")] {
        assert_eq!(good.parse::<Cursor>().map(|cursor| cursor.to_string()), Ok(good));
    }
    let lower = format!("5-6-{id}").to_lowercase();
    for bad in ["", "-", "5", "5-", "05-6", "+5-6", "5-6-", "5-6-x", "5-6 ", &lower, "5-6-7-8"] {
        assert_eq!(bad.parse::<Cursor>(), Err(QueryError::Cursor), "{bad:?}");
    }
}

#[test]
fn every_kind_is_found_by_its_name() {
    for what in HistoryWhat::ALL {
        assert_eq!(HistoryWhat::parse(what.as_str()), Some(what));
    }
    assert_eq!(HistoryWhat::parse("Login"), None);
}

proptest! {
    #[test]
    fn pages_of_any_size_are_the_whole_history_filtered(wishes in wishes(80), limit in 1..9_usize) {
        let fold = fold(&events(&wishes), "ann");
        let all = fold.page(&HistoryQuery::default()).entries;
        for query in crate::histories::queries(&all) {
            let picked: Vec<_> = all.iter().filter(|line| query.matches(line)).cloned().collect();
            prop_assert_eq!(walk(&query, limit, |query| fold.page(query)), picked);
        }
        let in_order = all.is_sorted_by_key(|line| std::cmp::Reverse(Cursor::of(line)));
        prop_assert!(in_order);
    }

    #[test]
    fn reading_a_cursor_never_panics(text in ".{0,60}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }
}
