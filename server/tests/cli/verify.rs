//! Good and bad: what verify says of a store with a flipped bit.

use std::os::unix::fs::FileExt as _;

use super::support::story;

#[test]
fn a_whole_store_is_good() {
    let store = story();
    let good = store.run(&["verify", "--format", "table"]).ok();
    assert!(good.starts_with("verified  @1 .. @9\n"), "{good}");
    assert!(good.ends_with("result    GOOD\n"), "{good}");
    let json = store.run(&["journal", "verify", "--json"]).json();
    assert_eq!((&json["result"], &json["events"]), (&"good".into(), &9.into()));
    let stat = store.run(&["journal", "stat", "--json"]).json();
    assert_eq!((&stat["events"], &stat["live_sessions"]), (&9.into(), &2.into()));
    assert_eq!((&stat["closed_cleanly"], &stat["is_held"]), (&true.into(), &false.into()));
}

#[test]
fn a_flipped_bit_is_bad_and_says_where_and_what_is_intact() {
    let store = story();
    let frame = &store.run(&["journal", "dump", "@5..@5", "--raw", "--json"]).json()["frame"];
    let segment = frame["segment"].as_str().expect("a path");
    let batch = frame["batch_offset"].as_u64().expect("an offset");
    let at = frame["record_offset"].as_u64().expect("an offset") + 20;
    let file = std::fs::File::options().read(true).write(true).open(segment).expect("it is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is that long");
    file.write_all_at(&[byte[0] ^ 1], at).expect("writable");
    let bad = store.run(&["verify", "--format", "table"]);
    assert_eq!(bad.code, 4, "{bad:?}");
    let first = bad.stdout.lines().next().unwrap_or_default();
    let place = format!("{segment}, byte {}", passbook_server::render::number::thousands(batch));
    assert!(first.starts_with(&place), "{first}");
    assert!(bad.stdout.contains("what is intact: @1 .. @4"), "{bad:?}");
    assert!(bad.stdout.contains("next: ") && bad.stdout.ends_with("result    BAD\n"), "{bad:?}");
    let json = store.run(&["verify", "--json"]);
    assert_eq!((json.code, &json.json()["result"]), (4, &"bad".into()));
    assert_eq!(json.json()["damages"][0]["offset"], batch);
    for verb in [&["session", "list"][..], &["user", "history", "mira"]] {
        let refused = store.run(verb);
        assert_eq!(refused.code, 1, "half a ledger is not told as all of it: {refused:?}");
        assert!(refused.stdout.is_empty() && refused.stderr.contains("damaged"), "{refused:?}");
    }
}
