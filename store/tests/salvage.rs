//! What is left of a damaged ledger comes back as a new one, and says what is not.

use std::{
    collections::BTreeMap,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use passbook::{
    EndReason, Fact, HistoryKind, HistoryQuery, Ledger, LedgerError, SalvageOutcome, SessionStore,
    SimClock, Token,
    journal::{
        BackupError, FileJournal, Journal as _, Options, Place, RealVfs, VerifyOptions, Vfs as _,
        verify,
    },
    salvage,
};
use tempfile::TempDir;

const START_MS: u64 = 1_795_132_800_000;
const NOW_MS: u64 = START_MS + 3_600_000;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, ..Options::default() }
}

/// A ledger in a folder, at a clock that goes on by a second with each act.
struct Story {
    folder: TempDir,
    clock: Arc<SimClock>,
    store: SessionStore,
}

impl Story {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let store = open(&folder.path().join("store"), &clock);
        Self { folder, clock, store }
    }

    fn login(&self, user: &str) -> Token {
        self.clock.advance_ms(1_000);
        self.store.create(user.to_owned()).token
    }

    fn ledger(&self) -> &Ledger {
        self.store.ledger()
    }

    /// Fills more than a segment: with data, of which a compaction keeps the leaves only.
    fn fill(&self, token: &Token) {
        for number in 0..20 {
            let value = format!("\"{number}{}\"", "x".repeat(60_000));
            self.clock.advance_ms(1_000);
            let set = self.ledger().set_data(token, "k", &value);
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            assert!(runtime.expect("a runtime").block_on(set).expect("durable"));
        }
    }

    fn events(&self) -> BTreeMap<u64, passbook::Event> {
        let journal = FileJournal::open_read_only(&self.path(), Arc::new(RealVfs));
        events_from(self.ledger(), journal.expect("it is whole").extent().sequence_first)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("salvaged")
    }

    /// Where the event lies, once the ledger is closed.
    fn place(&self, sequence: u64) -> Place {
        let journal = FileJournal::open_read_only(&self.path(), Arc::new(RealVfs));
        let mut records = journal.expect("it is whole").read(sequence).expect("it is there");
        records.next().expect("there").expect("readable").place.expect("in a file")
    }

    fn close(&self) {
        self.ledger().close().expect("closed");
    }

    /// Salvages, and checks that the source stays as it was and that the new ledger is whole.
    #[track_caller]
    fn salvage(&self) -> (SalvageOutcome, SessionStore) {
        let before = files(&self.path());
        let outcome = salvage(&self.path(), &self.target(), NOW_MS, options()).expect("salvaged");
        assert!(files(&self.path()) == before, "the damaged ledger was changed");
        let report = verify(&self.target(), Arc::new(RealVfs), &VerifyOptions::default());
        assert!(report.expect("readable").is_good());
        let counted = |ranges: &[(u64, u64)]| ranges.iter().map(|(a, b)| b - a + 1).sum::<u64>();
        let SalvageOutcome { kept, lost, leaves, removed, lost_records, highest, .. } = &outcome;
        assert_eq!(counted(lost), *lost_records);
        assert_eq!(kept + counted(lost) + counted(leaves) + counted(removed), *highest);
        self.clock.set_ms(NOW_MS);
        let store = open(&self.target(), &self.clock);
        assert_eq!(store.ledger().sequence(), outcome.sequence);
        (outcome, store)
    }
}

fn open(folder: &Path, clock: &Arc<SimClock>) -> SessionStore {
    let builder = Ledger::builder().path(folder).journal_options(options()).history_index(false);
    let builder = builder.clock(Arc::<SimClock>::clone(clock)).sweep_interval(None);
    SessionStore::from(builder.compaction(None).open_blocking().expect("it opens"))
}

fn events(ledger: &Ledger) -> BTreeMap<u64, passbook::Event> {
    events_from(ledger, 0)
}

fn events_from(ledger: &Ledger, first: u64) -> BTreeMap<u64, passbook::Event> {
    let events = ledger.events(first).expect("readable").map(|event| event.expect("readable"));
    events.map(|recorded| (recorded.sequence, recorded.event)).collect()
}

/// Flips a bit of the event.
fn flip(place: &Place) {
    let at = place.record_offset + 20;
    let file = std::fs::File::options().read(true).write(true).open(&place.segment);
    let file = file.expect("writable");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is that long");
    file.write_all_at(&[byte[0] ^ 1], at).expect("written");
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("there") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).expect("readable"));
        }
    }
    found
}

fn lives(store: &SessionStore, token: &Token) -> bool {
    store.get(&token.expose()).is_some()
}

fn logins(store: &SessionStore, user: &str) -> (usize, usize) {
    let history = store.ledger().history(user, &HistoryQuery::default()).expect("readable");
    let is_login = |kind: &HistoryKind| matches!(kind, HistoryKind::Login { .. });
    let is_end = |kind: &HistoryKind| matches!(kind, HistoryKind::End { .. });
    let count = |is: fn(&HistoryKind) -> bool| {
        history.entries.iter().filter(|entry| is(&entry.kind)).count()
    };
    (count(is_login), count(is_end))
}

#[test]
fn all_but_what_is_damaged_comes_back_and_the_first_event_says_what_is_not() {
    let story = Story::new();
    let (ann, bob) = (story.login("ann"), story.login("bob"));
    assert!(story.store.revoke(&bob.expose()));
    story.fill(&ann);
    let report = story.ledger().compact().expect("compacted");
    assert!(report.files.segments > 0, "there is an archive");
    story.fill(&ann);
    let lost = story.login("mallory");
    let damaged = story.ledger().sequence();
    story.fill(&ann);
    let cid = story.login("cid");
    let before = story.events();
    let archived = *before.keys().next().expect("some") - 1;
    story.close();
    flip(&story.place(damaged));

    let (outcome, store) = story.salvage();
    assert_eq!((outcome.lost.as_slice(), outcome.lost_records), (&[(damaged, damaged)][..], 1));
    assert_eq!((outcome.not_carried, outcome.ended, outcome.live), (0, 0, 2));
    assert!(!outcome.damages.is_empty() && !outcome.leaves.is_empty());
    assert!(lives(&store, &ann) && lives(&store, &cid));
    assert!(!lives(&store, &bob), "a revoked one stays dead");
    assert!(!lives(&store, &lost), "nobody knows of it");
    let after = events(store.ledger());
    let Fact::Salvaged { source, kept, lost, lost_records } = &after[&1].fact else {
        panic!("{:?}", after[&1])
    };
    assert_eq!((*source, *kept, *lost_records), (outcome.source, outcome.kept, 1));
    assert_eq!(lost, &outcome.lost);
    assert_eq!((after[&1].at_ms, after[&1].happened_at_ms()), (after[&2].at_ms, NOW_MS));
    let behind: Vec<_> = before.iter().filter(|(at, _)| **at != damaged).map(|(_, e)| e).collect();
    assert!(after.len() > behind.len() + 1, "@1 .. @{archived} come from the archive");
    assert!(after.values().rev().take(behind.len()).eq(behind.into_iter().rev()));
    assert_eq!((logins(&store, "ann"), logins(&store, "bob")), ((1, 0), (1, 1)));
    store.create("dora".to_owned());
}

#[test]
fn what_a_snapshot_knows_to_be_over_is_ended_again() {
    let story = Story::new();
    let (ann, bob, cid) = (story.login("ann"), story.login("bob"), story.login("cid"));
    assert!(story.store.revoke(&ann.expose()));
    let revoked = story.ledger().sequence();
    let successor = story.store.try_refresh(&bob.expose()).expect("durable").expect("live");
    let refreshed = story.ledger().sequence();
    story.ledger().snapshot().expect("taken");
    assert!(story.store.revoke(&cid.expose()));
    let after = story.ledger().sequence();
    story.close();
    let places = [revoked, refreshed, after].map(|sequence| story.place(sequence));
    flip(&places[0]);
    let (outcome, store) = story.salvage();
    assert_eq!(outcome.lost, [(revoked, revoked)]);
    assert_eq!((outcome.snapshot, outcome.ended, outcome.live), (Some(refreshed), 1, 1));
    assert!(!lives(&store, &ann) && !lives(&store, &cid));
    assert!(lives(&store, &successor.token));
    let ended = events(store.ledger()).into_values().last().expect("some");
    let is_end = matches!(&ended.fact, Fact::SessionRevoked { subject, reason: EndReason::RevokedByAdmin, .. } if *subject.user == *"ann");
    assert!(is_end && ended.note.is_some(), "{ended:?}");
    drop(store);

    // Behind the snapshot nobody knows: cid is live again, and the report has the range.
    std::fs::remove_dir_all(story.target()).expect("removed");
    flip(&places[1]);
    flip(&places[2]);
    let (outcome, store) = story.salvage();
    assert_eq!(outcome.lost, [(revoked, after)]);
    assert_eq!((outcome.ended, outcome.live), (2, 1), "and bob's spent token opens nothing");
    assert!(lives(&store, &cid), "its end is lost behind the snapshot: revoke what is in doubt");
    assert!(!lives(&store, &bob) && !lives(&store, &successor.token));
}

#[test]
fn sessions_that_no_kept_event_opened_are_counted_and_not_invented() {
    let story = Story::new();
    let ann = story.login("ann");
    story.fill(&ann);
    story.ledger().snapshot().expect("taken");
    let bob = story.login("bob");
    story.close();
    for name in ["journal/000001-1.seg", "MANIFEST"] {
        RealVfs.unlink(&story.path().join(name)).expect("removed");
    }
    let (outcome, store) = story.salvage();
    assert_eq!((outcome.not_carried, outcome.ended, outcome.live), (1, 0, 1));
    assert_eq!(outcome.lost[0].0, 1);
    assert!(lives(&store, &bob) && !lives(&store, &ann));
}

#[test]
fn what_is_no_event_of_this_version_counts_as_lost() {
    use passbook::journal::{Group, Payload, RecordRef};
    let story = Story::new();
    let ann = story.login("ann");
    story.close();
    let visit = &mut |_: RecordRef<'_>| Ok(());
    let (journal, recovery) =
        FileJournal::open(&story.path(), options(), visit).expect("it is whole");
    let payloads = [Payload::new(b"from the future"), Payload::new(b"")];
    let last = recovery.sequence_last;
    journal.append(last, &Group { time_ms: NOW_MS, payloads: &payloads }).expect("queued");
    journal.close().expect("durable");
    drop(journal);
    let (outcome, store) = story.salvage();
    assert_eq!((outcome.kept, outcome.lost), (last, vec![(last + 1, last + 2)]));
    assert!(lives(&store, &ann));
    // And once more: an event of an earlier salvage is kept as any other.
    let twice = story.folder.path().join("twice");
    store.ledger().close().expect("closed");
    let outcome = salvage(&story.target(), &twice, NOW_MS, options()).expect("salvaged");
    assert_eq!((outcome.kept, outcome.lost_records), (last + 1, 0));
    let kinds = events(open(&twice, &story.clock).ledger());
    let kinds: Vec<_> = kinds.values().take(3).map(|event| event.fact.kind()).collect();
    assert_eq!(kinds, ["Salvaged", "Salvaged", "Opened"]);
}

#[test]
fn a_salvage_writes_only_into_a_folder_that_is_empty() {
    let story = Story::new();
    story.login("ann");
    story.close();
    for into in [story.path(), story.path().join("new"), story.folder.path().to_owned()] {
        let error = salvage(&story.path(), &into, NOW_MS, options()).expect_err("refused");
        let LedgerError::Backup(error) = error else { panic!("{error}") };
        assert!(matches!(*error, BackupError::Inside { .. } | BackupError::NotEmpty { .. }));
    }
    let nothing = story.folder.path().join("nothing");
    let missing = salvage(&nothing, &story.target(), NOW_MS, options());
    assert_eq!(missing.expect_err("there is none").code(), "ledger:missing");
    assert!(!story.target().exists(), "and nothing was made");
}
