//! Rows with all that a session can have, and what every database must do with them.

use passbook::{
    Checkpoint, MirrorBackend, RowBatch, SessionId, SessionRow,
    core::{Text, TokenDigest},
};

/// A row of that number with everything set, texts included that need care in SQL and JSON.
pub(crate) fn full(number: u128) -> SessionRow {
    SessionRow {
        id: SessionId::from_u128(number),
        token_digest: Some(TokenDigest::from_bytes(
            [u8::try_from(number % 251).expect("small"); 32],
        )),
        user_id: format!("o'hara \"{number}\" \\ \u{1f980}").into(),
        is_guest: true,
        created_at_ms: 1_795_132_800_001,
        last_active_at_ms: 1_795_132_800_002,
        expires_at_ms: 1_797_724_800_003,
        device: Some("".into()),
        tenant_id: Some("acme;--".into()),
        ip: Some("2001:db8::1".parse().expect("an address")),
        user_agent: Some("Mozilla/5.0\t(X11)".into()),
        data: [("cart", "{ \"n\": [1, 2.50, null] }"), ("q\"", "\"\\u00e9\"")]
            .map(|(key, value)| (Text::from(key), Text::from(value)))
            .into(),
    }
}

/// A row of that number with nothing that may be missing, that never expires.
pub(crate) fn bare(number: u128) -> SessionRow {
    SessionRow {
        id: SessionId::from_u128(number),
        token_digest: None,
        user_id: "u".into(),
        is_guest: false,
        created_at_ms: 0,
        last_active_at_ms: 0,
        expires_at_ms: u64::MAX,
        device: None,
        tenant_id: None,
        ip: None,
        user_agent: None,
        data: [].into(),
    }
}

fn sorted(backend: &dyn MirrorBackend) -> Vec<SessionRow> {
    let mut rows = backend.load_all().expect("it loads");
    rows.sort_by_key(|row| row.id);
    rows
}

/// What every database must do: keep each column, overwrite, remove, and apply batches whole.
#[track_caller]
pub(crate) fn check(backend: &dyn MirrorBackend) {
    let mut changed = full(1);
    for row in [full(1), bare(2), full(3)] {
        backend.save(&row).expect("saved");
    }
    assert_eq!(sorted(backend), [full(1), bare(2), full(3)]);
    changed.token_digest = None;
    changed.data.clear();
    changed.ip = Some("192.0.2.7".parse().expect("an address"));
    backend.save(&changed).expect("over the other");
    backend.remove(&SessionId::from_u128(3)).expect("removed");
    backend.remove(&SessionId::from_u128(99)).expect("there is none");
    assert_eq!(sorted(backend), [changed.clone(), bare(2)]);

    assert_eq!(backend.checkpoint().expect("read"), None);
    let checkpoint = Checkpoint { ledger: [7; 16], sequence: 41 };
    let (saved, removed) = ([bare(1), full(4)], [SessionId::from_u128(2)]);
    let batch = RowBatch { replaces_all: false, saved: &saved, removed: &removed, checkpoint };
    backend.apply(&batch).expect("applied");
    backend.apply(&batch).expect("again is harmless");
    assert_eq!(sorted(backend), [bare(1), full(4)]);
    assert_eq!(backend.checkpoint().expect("read"), Some(checkpoint));

    // A row that can't be written: nothing of its batch is.
    let mut wrong = bare(5);
    wrong.data.insert("k".into(), "no JSON".into());
    let saved = [bare(6), wrong];
    let later = Checkpoint { sequence: 42, ..checkpoint };
    let batch = RowBatch { replaces_all: true, saved: &saved, removed: &[], checkpoint: later };
    assert_eq!(backend.apply(&batch).expect_err("refused").operation, "apply");
    assert_eq!(sorted(backend), [bare(1), full(4)]);
    assert_eq!(backend.checkpoint().expect("read"), Some(checkpoint));

    let saved: Vec<_> = (1..=2_500).map(full).collect();
    let batch = RowBatch { replaces_all: true, saved: &saved, removed: &[], checkpoint: later };
    backend.apply(&batch).expect("applied");
    assert_eq!(sorted(backend), saved);
}
