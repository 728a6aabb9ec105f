//! Postings change no answer: whatever they know, and whatever became of their files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use passbook::{
    At, Cause, EndReason, Explanation, FailureReason, Ledger, LedgerError, Lineage, Postings,
    Replay, SessionId, SimClock,
    core::{Act, Command, SessionRef, UserId},
    journal::{Durability, FileJournal, Journal, MemoryJournal, Options, RealVfs, Vfs as _},
};
use passbook_projections::postings::BLOCK_EVENTS_MAX;
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, START_MS, Wish, short_policy, token, user, wishes};

const STORE: [u8; 16] = *b"of this one test";

/// What was answered; of an error its words.
type Answer<T> = Result<T, String>;

/// Everything that can be asked about single sessions, and states at some moments.
#[derive(Debug, PartialEq)]
struct Answers {
    now: Vec<Answer<Explanation>>,
    then: Vec<Answer<Explanation>>,
    lineages: Vec<Answer<Lineage>>,
    of_tokens: Vec<Answer<SessionId>>,
    states: Vec<Answer<(u64, [u8; 32])>>,
}

fn said<T>(answer: Result<T, LedgerError>) -> Answer<T> {
    answer.map_err(|error| format!("{error:?}"))
}

fn answers(replay: &Replay<'_>, life: &Life) -> Answers {
    let unknown = SessionId::from_u128(u128::MAX / 3);
    let asked = || life.sessions.iter().copied().chain([unknown]);
    let (head, now_ms) = (life.ledger.sequence(), life.ledger.now_ms());
    let sequences = (1..=3).map(|part| At::Sequence(head * part / 4));
    let times = (1..=3).map(|part| At::Time(START_MS + (now_ms - START_MS) * part / 4));
    let moments: Vec<At> = sequences.chain(times).collect();
    Answers {
        now: asked().map(|id| said(replay.explain(id))).collect(),
        then: asked()
            .flat_map(|id| moments.iter().map(move |at| said(replay.explain_at(id, *at))))
            .collect(),
        lineages: asked().map(|id| said(replay.lineage(id))).collect(),
        of_tokens: (0..=life.newest_token() + 1)
            .map(|number| said(replay.explain_token(&token(number)).map(|it| it.session.id)))
            .collect(),
        states: moments
            .iter()
            .map(|at| said(replay.as_of(*at).map(|view| (view.sequence(), view.fingerprint()))))
            .collect(),
    }
}

/// A ledger in memory, its journal, and a folder for its postings.
struct Case {
    life: Life,
    journal: Arc<MemoryJournal>,
    folder: tempfile::TempDir,
    block_events: u64,
}

impl Case {
    fn new(block_events: u64) -> Self {
        let journal = Arc::new(MemoryJournal::new());
        let mut life = Life::in_journal(Arc::<MemoryJournal>::clone(&journal));
        life.submit(Act::SetPolicy(short_policy()), 0, None);
        let folder = tempfile::tempdir().expect("a folder");
        Self { life, journal, folder, block_events }
    }

    fn live(&mut self, wishes: &[Wish]) -> &mut Self {
        self.life.live(wishes);
        self
    }

    /// The postings, as a start finds them.
    fn postings(&self) -> Postings {
        Postings::in_folder(self.folder.path(), STORE).with_block_events(self.block_events)
    }

    /// The postings of all events.
    fn filled(&self) -> Postings {
        let postings = self.postings();
        postings.fill(&*self.journal, u64::MAX).expect("a folder");
        postings
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }

    fn without(&self) -> Answers {
        answers(&Replay::over(&*self.journal, self.life.ledger.now_ms()), &self.life)
    }

    fn with(&self, postings: &Postings) -> Answers {
        let replay = Replay::over(&*self.journal, self.life.ledger.now_ms());
        answers(&replay.with_postings(postings), &self.life)
    }
}

/// What becomes of a file.
fn harm(files: &[PathBuf], (which, how, place): (u8, u8, u16)) {
    let Some(path) = files.get(usize::from(which) % files.len().max(1)) else { return };
    let Ok(mut bytes) = fs::read(path) else { return };
    let place = usize::from(place) % bytes.len().max(1);
    match how {
        0 => RealVfs.unlink(path).expect("there"),
        1 => bytes.truncate(place),
        2 => bytes.extend([0; 7]),
        3 => bytes = files.first().and_then(|first| fs::read(first).ok()).unwrap_or_default(),
        _ => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << (how % 8);
            }
        }
    }
    if how > 0 {
        fs::write(path, bytes).expect("writable");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_answer_is_the_same_with_and_without(
        wishes in (wishes(40), wishes(40), wishes(30)),
        block_events in 1..24_u64,
        harms in prop::collection::vec((any::<u8>(), 0..12_u8, any::<u16>()), 0..6),
        compacted in 0..3_u8,
    ) {
        let mut case = Case::new(block_events);
        case.live(&wishes.0);
        let early = case.filled();
        prop_assert_eq!(case.with(&early), case.without());
        // It has not heard of what follows.
        case.live(&wishes.1);
        prop_assert_eq!(case.with(&early), case.without());
        if compacted > 0 {
            case.life.ledger.compact().expect("compacts");
            prop_assert_eq!(case.with(&early), case.without(), "compacted");
        }
        case.live(&wishes.2);
        if compacted > 1 {
            case.life.ledger.compact().expect("compacts");
            prop_assert_eq!(case.with(&early), case.without(), "compacted again");
        }
        early.fill(&*case.journal, case.journal.durable()).expect("a folder");
        prop_assert_eq!(early.through(), case.journal.durable());
        prop_assert_eq!(case.with(&early), case.without());
        // A start, after something has happened to the files.
        let files = case.files();
        for each in harms {
            harm(&files, each);
        }
        prop_assert_eq!(case.with(&case.postings()), case.without(), "harmed");
        prop_assert_eq!(case.with(&early), case.without(), "harmed while in use");
        prop_assert_eq!(case.with(&case.filled()), case.without(), "made again");
        prop_assert_eq!(case.files(), files);
        prop_assert_eq!(case.with(&early), case.without());
    }
}

fn removed_from(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let firsts = names.filter_map(|name| name.to_str()?.strip_suffix(".post")?.parse().ok());
    firsts.min().unwrap_or_default()
}

#[test]
fn what_fell_to_the_retention_is_in_no_file() {
    let mut case = Case::new(7);
    for _ in 0..30 {
        case.life.create(user(0), None, None);
    }
    case.filled();
    assert_eq!(removed_from(case.folder.path()), 1);
    case.life.ledger.compact().expect("compacts");
    case.life.clock.advance_ms(3_600_000);
    for _ in 0..30 {
        case.life.create(user(1), None, None);
    }
    case.filled();
    let report = case.life.ledger.compact().expect("compacts");
    let kept_first = report.files.kept_first;
    assert!(kept_first > 20 && kept_first % 7 != 1, "in the middle of a file: {report:?}");
    case.filled();
    assert_eq!(removed_from(case.folder.path()), kept_first);
    let last: Vec<_> = case.files();
    assert!(last.iter().all(|path| path.extension().is_some_and(|end| end == "post")), "{last:?}");
}

/// The same sequences, and from the tenth login on other events: an older copy that went on by itself.
fn two_pasts() -> [Case; 2] {
    [0, 1].map(|past| {
        let mut case = Case::new(4);
        for number in 0..20_u8 {
            case.life.clock.advance_ms(MINUTE_MS * if number < 10 { 1 } else { 1 + past });
            case.life.create(user(number % 2), None, None);
        }
        case.filled();
        case
    })
}

#[test]
fn files_of_another_past_are_not_used() {
    let [left, right] = two_pasts();
    let between = Case { folder: left.folder, ..right };
    assert_eq!(between.with(&between.postings()), between.without());
    assert_eq!(between.with(&between.filled()), between.without());
    let of_another_store = Postings::in_folder(between.folder.path(), [1; 16]).with_block_events(4);
    assert_eq!(between.with(&of_another_store), between.without());
    of_another_store.fill(&*between.journal, between.journal.durable()).expect("a folder");
    let stores =
        between.files().into_iter().map(|path| fs::read(path).expect("there")[16..32].to_vec());
    assert!(stores.into_iter().all(|store| store == [1; 16]), "made again for that one");
}

#[test]
fn a_file_of_another_past_among_ours_is_not_used() {
    let files = two_pasts().map(|case| case.files()).map(|files| files.len());
    assert_eq!(files[0], files[1]);
    for which in 0..files[0] {
        let [left, right] = two_pasts();
        fs::copy(&left.files()[which], &right.files()[which]).expect("writable");
        assert_eq!(right.with(&right.postings()), right.without(), "file {which}");
    }
}

#[test]
fn a_session_is_followed_to_its_user_and_to_the_login_that_it_made_room_for() {
    let mut case = Case::new(64);
    let guest = case.life.create(UserId::new("guest_1").expect("short"), None, None);
    let upgrade = Act::Upgrade { session: SessionRef::Id(guest), user: user(0), successor: None };
    case.life.submit(upgrade, 0, None);
    let evicted = case.life.create(user(1), None, None);
    for _ in 0..3 {
        case.life.create(user(1), None, None);
    }
    let reason = EndReason::RevokedByAdmin;
    case.life.submit(Act::RevokeUser { user: user(0), except: None, reason }, 0, None);
    let postings = case.filled();
    let replay = Replay::over(&*case.journal, case.life.ledger.now_ms()).with_postings(&postings);
    let ending = |id| replay.explain(id).expect("kept").ending().cloned().expect("dead");
    assert_eq!(ending(guest).reason, EndReason::RevokedByAdmin);
    assert!(matches!(ending(evicted).cause, Cause::Evicted { by: Some(_), .. }));
    assert_eq!(case.with(&postings), case.without());
}

/// A ledger in a folder that keeps its postings, and a clock of its own.
fn in_folder(folder: &Path) -> Life {
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let options = Options { durability: Durability::Buffered, ..Options::default() };
    let builder = Ledger::builder().path(folder).journal_options(options);
    let builder = builder.clock(Arc::<SimClock>::clone(&clock)).sweep_interval(None);
    Life::of(builder.compaction(None).open_blocking().expect("a ledger"), clock)
}

fn wait_for_the_postings(ledger: &Ledger) {
    while ledger.health().posted != Some(ledger.sequence()) {
        std::thread::yield_now();
    }
}

#[test]
fn a_ledger_keeps_its_postings_and_they_serve_who_only_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut life = in_folder(folder.path());
    let ann = life.create(user(0), None, None);
    let (user, reason) = (Some(user(1)), FailureReason::WrongPassword);
    let failure = Command::new(Act::RecordFailure { user, reason, count: 1 });
    let mut last = None;
    for _ in 0..BLOCK_EVENTS_MAX {
        last = Some(life.ledger.submit(&failure).expect("room"));
    }
    last.expect("many").wait().expect("written");
    life.refresh(1);
    wait_for_the_postings(&life.ledger);
    let store = life.ledger.opened().recovery.as_ref().expect("files").store;
    let first = folder.path().join("idx/postings/00000000000000000001.post");
    let is_whole = |path: &Path| fs::metadata(path).is_ok_and(|file| file.len() > 4_096);
    assert!(is_whole(&first));

    let check = |life: &Life| {
        let journal = FileJournal::open_read_only(folder.path(), Arc::new(RealVfs));
        let journal = journal.expect("readable");
        let postings = Postings::of_ledger(folder.path(), store);
        let replay = Replay::over(&journal, life.ledger.now_ms());
        let told = replay.explain(ann).expect("kept");
        assert_eq!(replay.with_postings(&postings).explain(ann).expect("kept"), told);
        // Beside a writer, the last event is not yet known to be durable.
        let told = life.ledger.replay().explain(ann).expect("kept");
        let sequences: Vec<_> = told.events.iter().map(|recorded| recorded.sequence).collect();
        assert_eq!(sequences, [2, BLOCK_EVENTS_MAX + 3]);
        let of_token = life.ledger.replay().explain_token(&token(1)).expect("kept");
        assert_eq!(of_token.session.id, ann);
    };
    check(&life);
    life.ledger.close().expect("closes");
    drop(life);
    // Taken away, it is made again.
    RealVfs.unlink(&first).expect("there");
    let life = in_folder(folder.path());
    check(&life);
    wait_for_the_postings(&life.ledger);
    assert!(is_whole(&first));
    check(&life);
}
