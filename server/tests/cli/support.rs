//! Running the binary, and a store that is the same every time.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use passbook::{
    Clock as _, Ledger, Login, SeededEntropy, SimClock, Token,
    core::{Act, Command as Wish, EndReason, FailureReason, Origin, SessionRef, UserAgent, UserId},
    journal::{FileJournal, Held, Options, RealVfs},
};
use serde_json::Value;
use tempfile::TempDir;

/// When the fixture's story begins: 2026-11-20T12:00:00Z.
pub(crate) const BEGIN_MS: u64 = 1_795_176_000_000;
/// When it is looked at: two and a half hours later.
pub(crate) const NOW: &str = "2026-11-20T14:30:00Z";
const MINUTE_MS: u64 = 60_000;

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Run {
    /// The answer, if the exit code is what it should be.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The last line of stderr as a document.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary with these arguments and nothing of our environment that it would hear.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passbook"));
    command.args(args);
    for name in ["STORE", "OPERATOR", "PAGER", "MIRROR_TO", "IMPORT_SOURCE"] {
        command.env_remove(format!("PASSBOOK_{name}"));
    }
    command.env_remove("PAGER").env_remove("NO_COLOR");
    command.env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

#[track_caller]
pub(crate) fn run(args: &[&str]) -> Run {
    told(&command(args).output().expect("the binary runs"))
}

/// With that on stdin.
#[track_caller]
pub(crate) fn run_with(args: &[&str], stdin: &[u8]) -> Run {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // A binary that does not read its stdin may be gone.
    drop(child.stdin.take().expect("it is piped").write_all(stdin));
    told(&child.wait_with_output().expect("the binary ends"))
}

pub(crate) fn told(output: &Output) -> Run {
    Run {
        stdout: String::from_utf8(output.stdout.clone()).expect("answers are text"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// A store in a folder of its own.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    /// The token of mira's live session.
    pub(crate) live_token: Token,
    /// The session that it opens.
    pub(crate) live: String,
    /// The session that a reused token ended.
    pub(crate) reused: String,
}

impl Store {
    pub(crate) fn path(&self) -> &str {
        self.folder.path().to_str().expect("temporary folders have plain names")
    }

    /// Runs a verb on it, at the time of the story.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&[args, &["--store", self.path(), "--now", NOW]].concat())
    }

    /// Every file of it, by path.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        add_files(self.folder.path(), &mut files);
        files
    }
}

pub(crate) fn add_files(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            add_files(&path, files);
        } else {
            let bytes = std::fs::read(&path).expect("it can be read");
            files.insert(path, bytes);
        }
    }
}

/// Small segments: a default one is 64 MiB.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 1 << 20, owner: "a test".to_owned(), ..Options::default() }
}

/// A ledger of its own clock and entropy in that folder.
pub(crate) fn ledger(folder: &Path, clock: &Arc<SimClock>) -> Ledger {
    let builder = Ledger::builder()
        .path(folder)
        .journal_options(options())
        .clock(Arc::<SimClock>::clone(clock))
        .entropy(Arc::new(SeededEntropy::new(7)))
        .sweep_interval(None);
    builder.open_blocking().expect("a ledger opens in an empty folder")
}

/// Closes it for good. A process that another test starts at this moment has a copy of our files,
/// lock included, until it is another program: that is waited for.
pub(crate) fn close(ledger: Ledger, folder: &Path) {
    ledger.close().expect("it closes");
    drop(ledger);
    let is_held = || {
        let journal = FileJournal::open_read_only(folder, Arc::new(RealVfs));
        journal.expect("it is a ledger").held() == Held::ByWriter
    };
    while is_held() {
        std::thread::yield_now();
    }
}

/// What the hostile client says of itself: ANSI, a line end, a bidi mark, a tab.
pub(crate) const HOSTILE: &str = "\u{1b}[2J\u{1b}[31mroot\nlive\u{202e}moc\tx";

/// Mira logs in twice; one of her tokens is stolen and reused; jonas logs out; a stranger guesses.
pub(crate) fn story() -> Store {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let submit =
        |wish: &Wish| ledger.submit(wish).expect("it is taken").wait().expect("it becomes durable");
    let store = passbook::SessionStore::from(ledger.clone());
    let login = |user: &str, device: &str, ip: &str| {
        let login = Login::new(user).device(device).ip(ip.parse().expect("an address"));
        tokio_free(ledger.create(login))
    };
    let reused = login("mira", "Firefox on Linux", "198.51.100.7");
    clock.advance_ms(40 * MINUTE_MS);
    store.try_refresh(&reused.token.expose()).expect("durable").expect("live");
    clock.advance_ms(10 * MINUTE_MS);
    let jonas = login("jonas", "Chrome on Windows", "2001:db8:7:1::42");
    clock.advance_ms(5 * MINUTE_MS);
    let by_token = SessionRef::Token(jonas.token.digest());
    submit(&Wish::new(Act::Revoke { session: by_token, reason: EndReason::Logout }));
    clock.advance_ms(5 * MINUTE_MS);
    let mut guess = Wish::new(Act::RecordFailure {
        user: Some(UserId::new("mira").expect("short")),
        reason: FailureReason::WrongPassword,
        count: 3,
    });
    guess.origin = Origin {
        ip: Some("203.0.113.40".parse().expect("an address")),
        user_agent: Some(UserAgent::new(HOSTILE)),
        imported: None,
    };
    submit(&guess);
    clock.advance_ms(5 * MINUTE_MS);
    store.try_refresh(&reused.token.expose()).expect("durable");
    clock.advance_ms(5 * MINUTE_MS);
    let live = login("mira", "Safari on iPhone", "192.0.2.15");
    login("dagny", "Firefox on Android", "192.0.2.77");
    drop(store);
    close(ledger, folder.path());
    assert!(clock.now_ms() < BEGIN_MS + 150 * MINUTE_MS, "the story ends before it is looked at");
    Store {
        live: live.id.to_string(),
        reused: reused.id.to_string(),
        live_token: live.token,
        folder,
    }
}

/// Waits for what is ready when the journal's own threads say so.
pub(crate) fn tokio_free<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future).expect("it becomes durable")
}

/// Compares with `golden/NAME`; with `GOLDEN=write` in the environment writes it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "tests read the environment of who runs them")]
pub(crate) fn check_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("writable");
        std::fs::write(&path, found).expect("writable");
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; GOLDEN=write makes it", path.display()));
    assert!(expected == found, "{name} differs:\n--- expected\n{expected}\n--- found\n{found}");
}
