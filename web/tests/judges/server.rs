//! The program of `web/examples/cookie.rs`, as a process.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A server on a port of the system's choice, which dies with this value.
pub(crate) struct Server {
    process: Child,
    /// Where it is: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Server {
    /// Starts it on the ledger in that folder, and waits until it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        let this = std::env::current_exe().expect("a test's path");
        let build = this.ancestors().nth(2).expect("cargo's folders");
        let program = build.join("examples/cookie");
        let mut process = Command::new(&program)
            .arg(folder)
            .arg("0")
            .env("SESSION_SECRET", "of the judges, as long as a secret is ".repeat(2))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                let all = "`cargo build -p passbook-axum --all-features --example cookie`";
                panic!("{}: {error}. Build it: {all}", program.display())
            });
        let mut lines = BufReader::new(process.stdout.take().expect("piped"));
        let mut url = String::new();
        lines.read_line(&mut url).expect("its first line");
        let url = url.trim_end().to_owned();
        // A server that did not come up must not be left behind either.
        let server = Self { process, url };
        assert!(server.url.starts_with("http://127.0.0.1:"), "it does not listen: {}", server.url);
        server
    }

    /// Stops it as Ctrl-C does, and waits for its end.
    pub(crate) fn stop(mut self) {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status().expect("kill");
        assert!(told.success());
        let status = self.process.wait().expect("its end");
        assert!(status.success(), "{status}");
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was stopped is gone.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
