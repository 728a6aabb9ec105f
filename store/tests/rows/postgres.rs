//! A real PostgreSQL: every column comes back, and a server that is killed in mid-stream has each
//! live session once in the end.

use std::sync::Arc;

use passbook::{LedgerError, PostgresSessionBackend, RowMirror, SessionBackend as _, SessionStore};

use super::{
    mirror::{caught_up, clock, journal, live_a_day, open},
    sample::{bare, check},
    server::Server,
};

fn connect(server: &Server) -> PostgresSessionBackend {
    PostgresSessionBackend::connect(&server.url()).expect("it connects")
}

#[test]
fn every_column_comes_back_and_a_store_on_it_is_there_after_a_restart() {
    let mut server = Server::start();
    check(&connect(&server));
    server.psql("DELETE FROM passbook_checkpoint; DELETE FROM passbook_sessions");

    let folder = tempfile::tempdir().expect("a folder");
    let store_on = |server: &Server| {
        let backend = connect(server).with_removals_file(folder.path().join("removals"));
        SessionStore::with_backend(Box::new(backend))
    };
    let store = store_on(&server);
    let [ann, bob] = ["ann", "bob"].map(|user| store.create(user.to_owned()));
    server.kill();
    let error = store.try_revoke(&ann.token.expose()).expect_err("nobody is there");
    assert_eq!(error.code(), "ledger:backend");
    assert!(store.get(&ann.token.expose()).is_none(), "dead at once");
    assert!(store.get(&bob.token.expose()).is_some());
    drop(store);
    server.restart();
    let store = store_on(&server);
    assert!(store.get(&ann.token.expose()).is_none(), "it does not come back");
    assert_eq!(store.get(&bob.token.expose()), Some(bob.session));
    // The pool connects anew by itself.
    server.kill();
    server.restart();
    while store.try_create("cid").is_err() {
        std::thread::yield_now();
    }
    while store.health().backend_backlog > 0 {
        std::thread::yield_now();
    }
    let rows = server.psql("SELECT count(*) FROM passbook_sessions WHERE user_id = 'bob'");
    assert_eq!(rows.trim(), "1");
    server.psql("INSERT INTO passbook_schema VALUES (1000)");
    let error = PostgresSessionBackend::connect(&server.url()).expect_err("newer");
    assert!(error.why.contains("1000"), "{error}");
}

#[test]
fn it_is_used_inside_and_outside_a_runtime() {
    let server = Server::start();
    connect(&server).save(&bare(1)).expect("outside");
    for flavor in ["one thread", "many threads"] {
        let mut builder = match flavor {
            "one thread" => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        builder.build().expect("a runtime").block_on(async {
            let backend = connect(&server);
            assert_eq!(backend.load_all().expect("inside"), [bare(1)], "{flavor}");
            let store = SessionStore::with_backend(Box::new(backend));
            let login = store.create("ann".to_owned());
            assert!(store.revoke(&login.token.expose()));
            drop(store);
        });
    }
}

#[test]
fn a_server_killed_in_mid_stream_has_each_live_session_once_in_the_end() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 50, &clock);
    let table = Arc::new(connect(&server));
    caught_up(folder.path(), Box::new(Arc::clone(&table)));
    let first = journal(folder.path());
    let mut mirror = RowMirror::open(&first, first.store(), Box::new(table)).expect("opens");
    for _ in 0..2 {
        live_a_day(&store, 1_300, &clock);
        std::thread::scope(|scope| {
            let (batches, seen) = std::sync::mpsc::channel::<u64>();
            let (mirror, folder) = (&mut mirror, folder.path());
            let mirroring = scope.spawn(move || {
                mirror.catch_up(&journal(folder), &|sequence| {
                    batches.send(sequence).expect("it is waited for");
                })
            });
            // One batch is in, another may be under way.
            seen.recv().expect("a batch is in");
            server.kill();
            match mirroring.join().expect("no panic") {
                Err(LedgerError::Backend(_)) => {}
                told => assert!(told.is_ok(), "{told:?}"),
            }
        });
        server.restart();
    }
    store.ledger().close().expect("closes");
    // The same process goes on; and another finds nothing to do.
    while mirror.catch_up(&journal(folder.path()), &|_sequence| ()).is_err() {}
    let check = caught_up(folder.path(), Box::new(connect(&server)));
    assert_eq!(check.rows, store.list_all_unfiltered().len());
    let count = server.psql("SELECT count(*), count(DISTINCT id) FROM passbook_sessions");
    assert_eq!(count.trim(), format!("{0}|{0}", check.rows));
}
