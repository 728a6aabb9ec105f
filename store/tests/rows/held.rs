//! What holds a PostgreSQL up: a transaction that stays open, a process that does nothing.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::server::Server;

/// A `psql` that goes on for as long as it is kept.
pub(crate) struct Psql {
    process: Child,
    statements: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Psql {
    /// Connects to the server.
    pub(crate) fn open(server: &Server) -> Self {
        let mut psql = server.psql_program();
        psql.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = psql.spawn().expect("it starts");
        let statements = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, statements, lines }
    }

    /// Lets it do that, and waits until it has. It must not fail.
    #[track_caller]
    pub(crate) fn run(&mut self, sql: &str) {
        let statements = self.statements.as_mut().expect("open until it is dropped");
        writeln!(statements, "{sql}; SELECT 'done';").expect("it reads");
        assert_eq!(self.lines.next().expect("it answers").expect("text"), "done");
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        // At the end of what it reads it ends.
        drop(self.statements.take());
        drop(self.process.wait());
    }
}

/// A process of the server that does nothing until this is dropped.
pub(crate) struct Halted(String);

impl Halted {
    /// Of the server's session with that process id.
    pub(crate) fn new(session: &str) -> Self {
        assert!(signal("-STOP", session), "it is there");
        Self(session.to_owned())
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // If it is gone, it does nothing either.
        let _is_there = signal("-CONT", &self.0);
    }
}

fn signal(name: &str, process: &str) -> bool {
    Command::new("kill").args([name, process]).status().is_ok_and(|status| status.success())
}
