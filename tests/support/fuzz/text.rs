//! What people and programs hand in as text: tokens and ids, filters, log files.

use std::net::IpAddr;

use passbook::{SessionId, Token};
use passbook_server::{
    filter::{FILTER_LEN_MAX, Facts, Filter},
    import::syslog::{Reader, StampOptions},
};

use crate::rig::START_MS;

/// A token, or the id of a session: what is read is printed as it came.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = Token::parse(text) {
        assert_eq!(*token.expose(), text, "a token has one form");
        let bare = text.strip_prefix("pb_").expect("that is how it begins");
        let again = Token::parse_hex(bare).expect("the same without its prefix");
        assert_eq!(again.digest(), token.digest());
    }
    let ours = Token::parse(text).or_else(|_no_prefix| Token::parse_hex(text));
    match (ours, Token::parse_any(text)) {
        (Ok(ours), any) => assert_eq!(any.expect("any form is read").digest(), ours.digest()),
        (Err(_), Ok(_)) => {
            assert!((16..=1_024).contains(&text.len()) && !text.starts_with("pb_"), "{text:?}");
        }
        (Err(_), Err(_)) => {}
    }
    if let Ok(id) = SessionId::parse(text) {
        assert!(id.to_string().eq_ignore_ascii_case(text), "{text} is read as {id}");
        assert_eq!(SessionId::parse(&id.to_string()), Ok(id));
        assert_eq!(SessionId::from_u128(id.as_u128()), id);
    }
}

/// A filter: what is read, printed and read again is the same filter.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Filter::parse(text, START_MS) {
        Ok(filter) => {
            let printed = filter.to_string();
            if printed.len() <= FILTER_LEN_MAX {
                let again = Filter::parse(&printed, START_MS);
                assert_eq!(again.as_ref(), Ok(&filter), "{text:?} is printed as {printed:?}");
            }
            let _of_nothing = filter.matches(&Facts::default());
            let _of_all = filter.matches(&all_facts(text));
        }
        Err(error) => {
            let columns = text.chars().count() + 1;
            assert!((1..=columns).contains(&error.column), "{error:?} of {columns} columns");
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Something is known of every key, texts being that one where any may be.
fn all_facts(text: &str) -> Facts<'_> {
    Facts {
        user: Some(text),
        id: Some("01M7WH9B1A4TFF59TDWH9EDD1R"),
        ip: Some(IpAddr::from([198, 51, 100, 7])),
        device: Some(text),
        tenant: Some(text),
        state: Some("live"),
        reason: Some("token_reuse"),
        actor: Some(text),
        kind: Some("LoginFailed"),
        time_ms: Some(START_MS),
        sequence: Some(7),
        guest: Some(true),
        transport: Some("cookie"),
    }
}

/// A log: its lines are counted whole, and what they tell comes in their order.
pub fn syslog(bytes: &[u8]) {
    let options = StampOptions::new(2_026).expect("a year");
    let mut reader = Reader::new(bytes, options);
    let mut last = 0;
    for observation in reader.by_ref() {
        let observation = observation.expect("memory does not fail");
        assert!(observation.line >= last, "line {} came behind {last}", observation.line);
        last = observation.line;
    }
    let summary = reader.summary();
    let told = summary.telling + summary.merged + summary.ignored + summary.skipped.total();
    assert_eq!(told, summary.lines, "every line is counted once");
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(usize::try_from(summary.lines).ok(), Some(lines));
}
