//! A PostgreSQL of this test's own: on a socket in a temporary folder, ended with the test, also when
//! it panics. `./check` installs the package.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use tempfile::TempDir;

/// A server that runs, and its data.
pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    /// Whom it runs as, if we are root: it refuses to run as root.
    user: Option<u32>,
    settings: Vec<String>,
    running: Option<Running>,
}

struct Running {
    process: Child,
    /// Reads what it says, so that it never waits for a reader.
    reader: JoinHandle<()>,
}

impl Server {
    /// Makes a database and starts the server, for connections by its socket.
    pub(crate) fn start() -> Self {
        Self::start_with(|_data| vec!["listen_addresses=".to_owned()])
    }

    /// The same, with what `prepare` does in the folder of its data and the settings that it names.
    pub(crate) fn start_with(prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a folder");
        let is_root = std::fs::metadata("/proc/self").expect("Linux").uid() == 0;
        let user = is_root.then(unprivileged);
        chown(folder.path(), user, None).expect("it is ours");
        let settings = Vec::new();
        let mut server = Self { folder, programs: programs(), user, settings, running: None };
        let data = server.data();
        let made = server
            .program("initdb")
            .args([
                "--auth=trust",
                "--username=passbook",
                "--no-sync",
                "--locale=C",
                "--encoding=UTF8",
            ])
            .arg("--pgdata")
            .arg(data)
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.settings = prepare(&server.data());
        server.restart();
        server
    }

    /// Where to connect to.
    pub(crate) fn url(&self) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        let port = self.settings.iter().find_map(|setting| setting.strip_prefix("port="));
        format!("postgres://passbook@{socket}:{}/postgres", port.unwrap_or("5432"))
    }

    /// What `psql` says to that statement.
    #[track_caller]
    pub(crate) fn psql(&self, sql: &str) -> String {
        let told = self.psql_program().args(["-c", sql]).output().expect("it starts");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).expect("text")
    }

    /// `psql`, connected to it.
    pub(crate) fn psql_program(&self) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XAtq", "-d", &self.url()]);
        psql
    }

    /// Ends it as a failing machine would: no process of it does anything more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.process.kill().expect("it is ours");
            running.process.wait().expect("it ends");
            // Its children hold the pipe until they notice.
            running.reader.join().expect("no panic");
        }
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) fn restart(&mut self) {
        let mut process = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args(["-c", "fsync=off", "-c", "max_connections=20"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let mut told = String::new();
        let is_ready = lines.by_ref().map_while(Result::ok).any(|line| {
            told = format!("{told}{line}\n");
            line.contains("ready to accept connections")
        });
        assert!(is_ready, "it did not start: {told}");
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.running = Some(Running { process, reader });
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program, as whom it may run, in a folder that it may see.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg("--clear-groups").arg(path);
                command
            }
            None => Command::new(path),
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        // At once, but in order: its children go with it.
        let asked =
            Command::new("kill").arg("-QUIT").arg(running.process.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(running.process.kill());
        }
        drop(running.process.wait());
        drop(running.reader.join());
    }
}

/// Where its programs are: the newest version that is installed.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = installed
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("postgres").exists())
        .collect();
    folders.sort();
    let on_path = || {
        let found = Command::new("sh").args(["-c", "command -v postgres"]).output().ok()?;
        let path = String::from_utf8(found.stdout).ok()?;
        Some(Path::new(path.trim()).parent()?.to_owned())
    };
    let folder = folders.pop().or_else(on_path);
    folder.expect("PostgreSQL is installed: ./check does it")
}

fn unprivileged() -> u32 {
    let id = |name: &str| {
        let told = Command::new("id").args(["-u", name]).output().ok()?;
        String::from_utf8(told.stdout).ok()?.trim().parse().ok()
    };
    id("postgres").or_else(|| id("nobody")).expect("there is such a user")
}
