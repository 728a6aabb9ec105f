//! Whatever happens to the folder, the index answers rightly, or says that it is in doubt.

use std::{fs, path::Path};

use passbook_projections::history::{HistoryError, HistoryIndex, HistoryQuery, Recorded};

use crate::histories::{
    USERS, catch_up, check_same, copy, expect, files, fold, open, plain_events,
};

fn filled(events: &[Recorded]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut index, _) = open(folder.path(), events);
    for part in 1..=10 {
        catch_up(&mut index, &events[..events.len() * part / 10]);
    }
    folder
}

/// The records themselves. sled's threads may still hold the lock of a handle that is gone.
fn raw(folder: &Path) -> sled::Db {
    loop {
        match sled::open(folder) {
            Ok(db) => return db,
            Err(error) => assert!(error.to_string().contains("lock"), "{error}"),
        }
    }
}

/// What is there after the damage answers rightly after it has caught up, or doubts and is rebuilt.
#[track_caller]
fn check_healed(folder: &Path, events: &[Recorded], what: &str) -> bool {
    let (mut index, rebuilt) = open(folder, events);
    let mut caught_up = || -> Result<(), HistoryError> {
        let from = index.checkpoint();
        index.add(&mut events.iter().filter(|it| it.sequence > from).cloned())?;
        for user in USERS {
            let page = index.page(user, &HistoryQuery::newest(1_000).expect("fine"))?;
            let mut told = fold(events, user).newest_first();
            told.truncate(1_000);
            assert_eq!(page.entries, told, "{what}: {user:?}");
        }
        Ok(())
    };
    let later = caught_up();
    let doubted = rebuilt.is_some() || later.is_err();
    drop(index);
    if later.is_err() {
        let (mut index, _) = open(folder, events);
        catch_up(&mut index, events);
        check_same(&index, events, 50);
    }
    doubted
}

#[test]
fn a_folder_that_is_gone_is_built_anew() {
    let events = plain_events(400);
    let folder = filled(&events);
    fs::remove_dir_all(folder.path()).expect("removed");
    check_healed(folder.path(), &events, "gone");
    for (path, _) in files(folder.path()) {
        let damaged = copy(folder.path());
        let name = path.strip_prefix(folder.path()).expect("below");
        fs::remove_file(damaged.path().join(name)).expect("removed");
        check_healed(damaged.path(), &events, &format!("without {}", name.display()));
    }
}

#[test]
fn a_truncated_file_is_no_wrong_answer() {
    let events = plain_events(400);
    let folder = filled(&events);
    for (path, bytes) in files(folder.path()) {
        for part in 0..8 {
            let damaged = copy(folder.path());
            let name = path.strip_prefix(folder.path()).expect("below");
            let len = bytes.len() * part / 8;
            fs::write(damaged.path().join(name), &bytes[..len]).expect("written");
            check_healed(damaged.path(), &events, &format!("{} cut at {len}", name.display()));
        }
    }
}

#[test]
fn a_flipped_bit_is_no_wrong_answer() {
    let events = plain_events(400);
    let folder = filled(&events);
    let mut seed = 0x5eed_u64;
    let mut doubted = 0;
    for (path, bytes) in files(folder.path()) {
        // Most of a file is zeros that nobody reads.
        let used: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for _ in 0..20.min(used.len()) {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pick = usize::try_from(seed >> 33).expect("fits");
            let at = used[pick % used.len()];
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (pick % 8);
            let damaged = copy(folder.path());
            let name = path.strip_prefix(folder.path()).expect("below");
            fs::write(damaged.path().join(name), flipped).expect("written");
            let what = format!("{} flipped at {at}", name.display());
            doubted += usize::from(check_healed(damaged.path(), &events, &what));
        }
    }
    assert!(doubted > 0, "some of it was noticed");
}

#[test]
fn a_lost_or_old_record_of_any_kind_is_noticed() {
    let events = plain_events(1_500);
    let folder = filled(&events);
    let db = raw(folder.path());
    let keys: Vec<_> = db.iter().keys().collect::<Result<_, _>>().expect("readable");
    drop(db);
    let step = keys.len() / 40 + 1;
    for (number, key) in keys.iter().enumerate().step_by(step).chain([(0, &keys[0])]) {
        let damaged = copy(folder.path());
        let db = raw(damaged.path());
        let lost = db.remove(key).expect("removed").expect("was there");
        if number % 2 == 1 {
            // A value that verifies, under its own key, and is not the one that was left.
            let (body, crc) = lost.split_at(lost.len() - 4);
            let mut body = body.to_vec();
            body[0] ^= 1;
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(key);
            hasher.update(&body);
            assert_ne!(hasher.clone().finalize().to_le_bytes(), crc);
            body.extend(hasher.finalize().to_le_bytes());
            db.insert(key, body).expect("written");
        }
        drop(db);
        assert!(check_healed(damaged.path(), &events, &format!("{key:?}")), "{key:?} unnoticed");
    }
}

#[test]
fn a_folder_of_another_version_and_other_files_are_met_with_care() {
    let events = plain_events(200);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("letter"), "not ours").expect("written");
    fs::write(folder.path().join("conf"), "segment_size: 1\nversion: 9.9\n").expect("written");
    fs::write(folder.path().join("db"), vec![0xa5; 100_000]).expect("written");
    assert!(check_healed(folder.path(), &events, "foreign"));
    assert_eq!(fs::read(folder.path().join("letter")).expect("there"), b"not ours");
    let db = raw(folder.path());
    let mut meta = vec![99];
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(b"m\x63");
    meta.extend(hasher.finalize().to_le_bytes());
    db.insert(b"m", meta).expect("written");
    drop(db);
    let (index, rebuilt) = open(folder.path(), &events);
    assert!(rebuilt.expect("a doubt").contains("version"));
    assert_eq!(index.checkpoint(), 0);
}

#[test]
fn a_folder_that_can_not_be_used_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("written");
    let error = HistoryIndex::open(&file, &expect(0)).expect_err("no folder");
    assert!(matches!(error, HistoryError::Unusable { .. }), "{error}");
    assert_eq!(fs::read(&file).expect("there"), b"in the way");
    let used = folder.path().join("used");
    let first = HistoryIndex::open(&used, &expect(0)).expect("opens");
    assert!(matches!(HistoryIndex::open(&used, &expect(0)), Err(HistoryError::Unusable { .. })));
    let mut first = first.index;
    let events = plain_events(50);
    catch_up(&mut first, &events);
    check_same(&first, &events, 10);
    drop(first);
    assert_eq!(open(&used, &events).1, None, "the second one left it alone");
}
