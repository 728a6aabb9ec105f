//! The incident of `docs/DEBUGGING.md`, as a test: that page shows all that is below.
#![allow(clippy::indexing_slicing, reason = "a test that reaches beyond fails")]

use passbook::{Cause, EndReason, Fixture, Policy};

const INCIDENT: &[u8] = include_bytes!("golden/logged-out.passbook");

#[test]
fn a_second_tab_that_is_twelve_seconds_late_is_no_thief() -> Result<(), passbook::LedgerError> {
    let ledger = passbook::fixture(INCIDENT)?;
    let session = Fixture::parse(INCIDENT)?.session().expect("it is of one");
    let explanation = ledger.replay().explain(session)?;

    let ending = explanation.ending().expect("this is what was reported");
    assert_eq!(ending.reason, EndReason::TokenReuse);
    let Cause::Reused { spent_at_ms, presented_at_ms, .. } = ending.cause else {
        panic!("{ending:?}")
    };
    assert_eq!(presented_at_ms - spent_at_ms, 12_000);
    let shown = &ending.event.as_ref().expect("it was recorded").event.origin;
    assert_eq!(shown.ip, explanation.session.ip, "it was the same machine");

    let patient = Policy { race_window_ms: 30_000, ..ledger.policy().policy };
    let what_if = ledger.replay().what_if(&patient)?;
    assert_eq!(what_if.shifts.len(), 1, "nobody else is concerned");
    assert_eq!(what_if.shifts[0].session, session);
    assert!(what_if.shifts[0].other.is_none(), "she would still be logged in");
    Ok(())
}
