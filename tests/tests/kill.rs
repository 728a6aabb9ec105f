//! `kill -9` of a real process under load on the real disk: what it said was done is done.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use passbook::{SessionId, SessionStore};

const ROUNDS: usize = 20;

#[derive(Default)]
struct Said {
    created: BTreeSet<SessionId>,
    revoking: BTreeSet<SessionId>,
    revoked: BTreeSet<SessionId>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        // The last line may have been cut by the kill.
        let Some((what, id)) = line.split_once(' ') else { return };
        let Ok(id) = SessionId::parse(id) else { return };
        match what {
            "created" => self.created.insert(id),
            "revoking" => self.revoking.insert(id),
            "revoked" => self.revoked.insert(id),
            _ => panic!("{line:?}"),
        };
    }
}

/// Starts the process, listens to `lines` lines, kills it, and listens to what is left in the pipe.
fn run_and_kill(folder: &std::path::Path, lines: usize, said: &mut Said) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kill_target"))
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut heard = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in heard.by_ref().take(lines) {
        said.hear(&line.expect("text"));
    }
    child.kill().expect("it runs");
    for line in heard.map_while(Result::ok) {
        said.hear(&line);
    }
    child.wait().expect("it ended");
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut said = Said::default();
    let mut dropped = 0;
    for round in 0..ROUNDS {
        run_and_kill(folder.path(), 50 + 37 * round, &mut said);
        let store = SessionStore::open(folder.path()).expect("a killed process's ledger opens");
        let recovery = store.ledger().opened().recovery.clone().expect("on disk");
        dropped += usize::from(recovery.dropped.is_some());
        let there: BTreeSet<SessionId> =
            store.list_all_unfiltered().iter().map(|session| session.id).collect();
        for id in &said.created {
            let kept = there.contains(id) || said.revoking.contains(id);
            assert!(kept, "round {round}: the acknowledged login {id} is lost");
        }
        for id in &said.revoked {
            assert!(!there.contains(id), "round {round}: the revoked session {id} is back");
        }
    }
    println!(
        "kill -9: {ROUNDS} rounds, {} logins and {} revocations acknowledged, none lost, {dropped} torn tails",
        said.created.len(),
        said.revoked.len()
    );
    assert!(said.created.len() > ROUNDS * 50 / 4);
}
