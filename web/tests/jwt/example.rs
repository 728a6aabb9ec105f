//! The program of `web/examples/jwt.rs`, as a process that a client talks to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use passbook::{FailureReason, HistoryKind, HistoryQuery, Ledger};
use serde_json::{Value, json};

use super::keys::ED25519_PEM;

/// It runs on a port of the system's choice, and dies with this value.
struct Program {
    process: Child,
    address: String,
}

/// A status and what came with it.
struct Told {
    status: u16,
    head: String,
    body: Value,
}

impl Program {
    /// Starts it on the ledger in that folder, and waits until it listens.
    fn start(folder: &Path) -> Self {
        let this = std::env::current_exe().expect("a test's path");
        let program = this.ancestors().nth(2).expect("cargo's folders").join("examples/jwt");
        let mut command = Command::new(&program);
        command.arg(folder).arg("0").env("JWT_KEY", ED25519_PEM).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| {
            let all = "`cargo build -p passbook-axum --features jwt --example jwt`";
            panic!("{}: {error}. Build it: {all}", program.display())
        });
        let out = process.stdout.take().expect("piped");
        // From here on it does not outlive the test.
        let mut program = Self { process, address: String::new() };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("its first line");
        let address = line.trim_end().strip_prefix("http://").expect("an address");
        address.clone_into(&mut program.address);
        program
    }

    fn ask(&self, what: &str, token: Option<&str>, body: Option<Value>) -> Told {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let authorization = authorization.unwrap_or_default();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let kind = "content-type: application/json\r\nuser-agent: curl/8.14.1\r\nconnection: close";
        let len = body.len();
        let head = format!("{what} HTTP/1.1\r\nhost: x\r\n{authorization}{kind}");
        let request = format!("{head}\r\ncontent-length: {len}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        Told {
            status: head.split(' ').nth(1).expect("a line").parse().expect("a status"),
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    fn log_in(&self, user: &str, password: &str) -> Told {
        self.ask("POST /login", None, Some(json!({ "user": user, "password": password })))
    }

    fn refresh(&self, token: &str) -> Told {
        self.ask("POST /refresh", None, Some(json!({ "refresh_token": token })))
    }
}

impl Drop for Program {
    /// Kills it, as a crash would.
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Told {
    #[track_caller]
    fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{}\n{}", self.head, self.body);
        self
    }

    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        assert!(self.head.contains("application/problem+json"), "{}", self.head);
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)));
    }

    /// Both tokens of a pair: for access, and for the next pair.
    #[track_caller]
    fn pair(self) -> (String, String) {
        let told = self.ok();
        let token = |name: &str| told.body[name].as_str().expect("a token").to_owned();
        (token("access_token"), token("refresh_token"))
    }
}

const MIRA: (&str, &str) = ("mira", "correct horse");

#[test]
fn the_tokens_of_the_example_outlive_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    let old = program.log_in(MIRA.0, MIRA.1).pair();
    let new = program.refresh(&old.1).pair();
    program.ask("GET /me", Some(&old.0), None).is_problem(401, "auth:session_not_found");
    program.refresh(&old.1).is_problem(401, "auth:session_not_found");
    drop(program);

    let program = Program::start(folder.path());
    let me = program.ask("GET /me", Some(&new.0), None).ok().body;
    assert_eq!((&me["user_id"], &me["device"]), (&json!("mira"), &json!("curl on Unknown")));
    assert_eq!(me["ip"], "127.0.0.1");
    program.ask("GET /me", Some(&old.0), None).is_problem(401, "auth:session_not_found");
    let new = program.refresh(&new.1).pair();
    assert_eq!(program.ask("POST /logout", Some(&new.0), None).ok().status, 204);
    program.ask("GET /me", Some(&new.0), None).is_problem(401, "auth:session_not_found");
    program.refresh(&new.1).is_problem(401, "auth:session_not_found");
}

#[test]
fn a_user_of_the_example_ends_the_sessions_on_other_devices() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    let [here, lost, _old] = [(); 3].map(|()| program.log_in(MIRA.0, MIRA.1).pair().0);
    let theo = program.log_in("theo", "battery staple").pair().0;
    let id = |token: &str| {
        let me = program.ask("GET /me", Some(token), None).ok().body;
        me["id"].as_str().expect("an id").to_owned()
    };
    let list = || {
        let list = program.ask("GET /sessions", Some(&here), None).ok().body;
        let list = list.as_array().expect("a list").clone();
        let current = list.iter().find(|session| session["is_current"] == true);
        assert_eq!(current.map(|session| &session["id"]), Some(&json!(id(&here))));
        list.len()
    };
    assert_eq!(list(), 3);
    let end = |id: &str| program.ask(&format!("DELETE /sessions/{id}"), Some(&here), None);
    end(&id(&theo)).is_problem(404, "auth:session_not_found");
    assert_eq!(end(&id(&lost)).ok().status, 204);
    program.ask("GET /me", Some(&lost), None).is_problem(401, "auth:session_not_found");
    assert_eq!(list(), 2);
    program.ask("DELETE /sessions", Some(&here), None).ok();
    assert_eq!(list(), 1);
    program.ask("GET /me", Some(&theo), None).ok();
    program.ask("GET /sessions", None, None).is_problem(401, "jwt:missing_token");
}

#[test]
fn the_example_tells_a_stranger_nothing_and_its_history_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    program.log_in("mira", "x").is_problem(401, "auth:unauthenticated");
    program.log_in("nobody", "x").is_problem(401, "auth:unauthenticated");
    program.ask("POST /login", None, Some(json!("mira"))).is_problem(400, "auth:body_not_json");
    let keys = program.ask("GET /.well-known/jwks.json", None, None).ok().body;
    assert_eq!((&keys["keys"][0]["kid"], &keys["keys"][0]["d"]), (&json!("2026-11"), &Value::Null));
    drop(program);

    let ledger = Ledger::builder().path(folder.path()).open_blocking().expect("it is whole");
    for (user, expected) in
        [("mira", FailureReason::WrongPassword), ("nobody", FailureReason::UnknownUser)]
    {
        let entries = ledger.history(user, &HistoryQuery::default()).expect("kept").entries;
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        let is_as_told =
            matches!(entry.kind, HistoryKind::Failure { reason, .. } if reason == expected);
        assert!(is_as_told, "{:?}", entry.kind);
        assert_eq!(entry.ip, Some("127.0.0.1".parse().expect("an address")));
    }
}
