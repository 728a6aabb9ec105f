//! Histories that the checker must take, and histories that it must not.

use super::*;
use crate::linear::Act::{Create, Get, List, Refresh, Revoke, RevokeAll};

fn call(called: u64, returned: u64, act: Act) -> Call<Act> {
    Call { called, returned, act }
}

/// Checks all parts of a history of one user.
#[track_caller]
fn check_all(reuse: Reuse, calls: &[Call<Act>]) -> Result<(), NotLinear> {
    for part in parts(calls) {
        _ = check(&Sessions::of(&part, reuse), &part)?;
    }
    Ok(())
}

#[track_caller]
fn good(reuse: Reuse, calls: &[Call<Act>]) {
    check_all(reuse, calls).unwrap_or_else(|refused| panic!("{refused}"));
}

#[track_caller]
fn bad(reuse: Reuse, calls: &[Call<Act>]) {
    assert!(check_all(reuse, calls).is_err(), "nobody could answer so");
}

#[test]
fn what_happens_one_after_the_other_is_explained_by_that_order() {
    good(
        Reuse::Refused,
        &[
            call(1, 2, Create(0, 1)),
            call(3, 4, Get(0, 1, true)),
            call(5, 6, Refresh(0, 1, Some(2))),
            call(7, 8, Get(0, 1, false)),
            call(9, 10, Refresh(0, 1, None)),
            call(11, 12, Get(0, 2, true)),
            call(13, 14, List([0].into())),
            call(15, 16, Revoke(0, 2, true)),
            call(17, 18, Revoke(0, 2, false)),
            call(19, 20, RevokeAll(Some(0))),
            call(21, 22, List([].into())),
        ],
    );
}

#[test]
fn what_overlaps_may_have_happened_in_either_order() {
    let during = |act| {
        let revoked = call(3, 8, Revoke(0, 1, true));
        good(Reuse::Refused, &[call(1, 2, Create(0, 1)), revoked, call(4, 7, act)]);
    };
    during(Get(0, 1, true));
    during(Get(0, 1, false));
    during(Refresh(0, 1, None));
    during(List([0].into()));
    during(RevokeAll(Some(0)));
    let between = [
        call(1, 2, Create(0, 1)),
        call(3, 10, Refresh(0, 1, Some(2))),
        call(4, 5, Get(0, 1, true)),
        call(6, 7, Get(0, 1, false)),
        call(8, 12, Refresh(0, 1, None)),
        call(11, 14, Refresh(0, 2, Some(3))),
        call(13, 16, RevokeAll(Some(1))),
    ];
    good(Reuse::Refused, &between);
    let from_the_beginning = [
        call(2, 3, Create(0, 1)),
        call(1, 4, RevokeAll(Some(1))),
        call(5, 6, Refresh(0, 1, None)),
        call(7, 8, List([].into())),
    ];
    good(Reuse::Refused, &from_the_beginning);
    good(Reuse::Ends, &from_the_beginning);
}

#[test]
fn a_stale_read_after_a_revocation_returned_is_not_explained() {
    let revoked = [call(1, 2, Create(0, 1)), call(3, 4, Revoke(0, 1, true))];
    bad(Reuse::Refused, &[&revoked[..], &[call(5, 6, Get(0, 1, true))]].concat());
    let all = [call(1, 2, Create(0, 1)), call(3, 4, RevokeAll(Some(1)))];
    bad(Reuse::Refused, &[&all[..], &[call(5, 6, Get(0, 1, true))]].concat());
    bad(Reuse::Refused, &[&all[..], &[call(5, 6, List([0].into()))]].concat());
}

#[test]
fn two_winners_of_one_token_are_not_explained() {
    let (one, other) = (call(3, 6, Refresh(0, 1, Some(2))), call(4, 5, Refresh(0, 1, Some(3))));
    bad(Reuse::Refused, &[call(1, 2, Create(0, 1)), one, other]);
}

#[test]
fn a_token_that_was_dead_to_one_reader_is_alive_to_none_after() {
    let change = |act| {
        let under_way = [call(1, 2, Create(0, 1)), call(3, 10, act)];
        let seen = [call(4, 5, Get(0, 1, false)), call(6, 7, Get(0, 1, true))];
        bad(Reuse::Refused, &[&under_way[..], &seen[..]].concat());
    };
    change(Refresh(0, 1, Some(2)));
    change(Revoke(0, 1, true));
    change(RevokeAll(Some(1)));
}

#[test]
fn an_old_and_a_new_token_do_not_open_at_once_and_not_neither() {
    let spent = [call(1, 2, Create(0, 1)), call(3, 4, Refresh(0, 1, Some(2)))];
    bad(Reuse::Refused, &[&spent[..], &[call(5, 6, Get(0, 1, true))]].concat());
    bad(Reuse::Refused, &[&spent[..], &[call(5, 6, Get(0, 2, false))]].concat());
}

#[test]
fn a_wrong_count_and_a_session_that_is_not_listed_are_not_explained() {
    let two = [call(1, 2, Create(0, 1)), call(3, 4, Create(1, 2))];
    good(Reuse::Refused, &[&two[..], &[call(5, 6, RevokeAll(Some(2)))]].concat());
    bad(Reuse::Refused, &[&two[..], &[call(5, 6, RevokeAll(Some(1)))]].concat());
    bad(Reuse::Refused, &[&two[..], &[call(5, 6, List([1].into()))]].concat());
    bad(Reuse::Refused, &[call(1, 2, Create(0, 1)), call(3, 4, Refresh(0, 1, None))]);
    bad(Reuse::Refused, &[call(1, 2, Create(0, 1)), call(3, 4, Revoke(0, 1, false))]);
}

#[test]
fn a_spent_token_ends_its_session_unless_it_was_a_race() {
    let spent = |returned| [call(1, 2, Create(0, 1)), call(3, returned, Refresh(0, 1, Some(2)))];
    let shown = call(5, 8, Refresh(0, 1, None));
    let then = |lives| call(9, 10, Get(0, 2, lives));
    let after = |returned, lives| [&spent(returned)[..], &[shown.clone(), then(lives)]].concat();
    good(Reuse::Ends, &after(4, false));
    bad(Reuse::Ends, &after(4, true));
    good(Reuse::Ends, &after(7, false));
    good(Reuse::Ends, &after(7, true));
    good(Reuse::Refused, &after(4, true));
    bad(Reuse::Refused, &after(4, false));
}

#[test]
fn many_that_overlap_are_checked_at_once() {
    let mut calls = vec![call(0, 1, Create(0, 1))];
    for token in 1..16_u64 {
        calls.push(call(1 + token, 100 + token, Get(0, 1, true)));
        calls.push(call(20 + token, 120 + token, Get(0, 9, false)));
    }
    let states = check(&Sessions::of(&calls, Reuse::Refused), &calls).expect("all before all");
    assert!(states < 10_000, "{states} states");
    assert_eq!(Sessions::of(&calls, Reuse::Ends).start(), [].into());
    let state = [(0, Standing::Live(1))].into();
    assert_eq!(Sessions::of(&calls, Reuse::Ends).after(&state, &calls[1]), [state]);
}
