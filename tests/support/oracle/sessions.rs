//! What a recovered ledger answers about tokens and histories.

use std::collections::BTreeMap;

use passbook::{HistoryQuery, HistoryWhat, Ledger, LedgerError};

use super::{
    Reading,
    truth::{Audit, Course, Point, Truth},
};

/// Every live token opens a session, and every other one that there ever was opens none.
pub(super) fn check_tokens(
    truth: &Truth,
    point: &Point,
    ledger: &Ledger,
    now_ms: u64,
) -> Result<(), String> {
    for (number, token) in truth.tokens() {
        let must = point.live.get(&number).is_some_and(|expires_ms| now_ms < *expires_ms);
        let opens = ledger.session(&token).is_some();
        if opens != must {
            let what = if opens { "is dead and opens a session" } else { "is live and refused" };
            return Err(format!("token {number} {what} at @{}", ledger.sequence()));
        }
    }
    Ok(())
}

/// Each user's history has every login, end and failure from `kept_first` on.
pub(super) fn check_history(
    course: &Course,
    ledger: &Ledger,
    kept_first: u64,
) -> Result<Reading, String> {
    let found = ledger.sequence();
    let mut users: BTreeMap<&str, Vec<(u64, Audit)>> = BTreeMap::new();
    for line in &course.audit {
        // The end of a session whose login fell to the retention may be told or not.
        if line.since >= kept_first && line.sequence <= found {
            users.entry(&line.user).or_default().push((line.sequence, line.what));
        }
    }
    let query = HistoryQuery::newest(1_000).map_err(|error| error.to_string())?;
    for (user, must) in users {
        let page = match ledger.history(user, &query) {
            Ok(page) => page,
            Err(LedgerError::Read(error)) => return Ok(Reading::Refused(error)),
            Err(error) => return Err(format!("the history of {user}: {error}")),
        };
        for (sequence, what) in must {
            let kind = match what {
                Audit::Login => HistoryWhat::Login,
                Audit::End => HistoryWhat::Ended,
                Audit::Failure => HistoryWhat::Failed,
            };
            let is_told = |entry: &passbook::HistoryEntry| {
                entry.sequence == sequence && entry.kind.what() == kind
            };
            if !page.entries.iter().any(is_told) {
                return Err(format!("the history of {user} lacks {what:?} @{sequence}"));
            }
        }
    }
    Ok(Reading::Whole)
}
