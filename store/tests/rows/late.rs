//! What a PostgreSQL does after nobody waits for it any more: nothing comes after what was asked
//! later.

use std::time::Duration;

use passbook::{BackendError, MirrorBackend as _, PostgresSessionBackend, SessionBackend as _};

use super::{
    held::{Halted, Psql},
    sample::bare,
    server::Server,
};

/// A backend that gives up soon. It has written a row.
fn with_a_row(server: &Server) -> PostgresSessionBackend {
    let backend = PostgresSessionBackend::connect(&server.url()).expect("it connects");
    let backend = backend.with_timeout(Duration::from_secs(2));
    backend.save(&bare(1)).expect("written");
    backend
}

/// Whether a session of the server waits for a lock.
fn waiting(server: &Server) -> bool {
    server.psql("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted").trim() != "0"
}

fn rows(server: &Server) -> String {
    server.psql("SELECT count(*) FROM passbook_sessions").trim().to_owned()
}

#[test]
fn a_write_that_was_given_up_does_not_bring_back_a_row_that_was_removed() {
    let server = Server::start();
    let backend = with_a_row(&server);
    let session =
        server.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'passbook'");
    let halted = Halted::new(session.trim());
    let error = backend.save(&bare(1)).expect_err("nobody answers");
    assert_eq!(error.why, "no answer within 2s");

    std::thread::scope(|scope| {
        let removing = scope.spawn(|| backend.remove(&bare(1).id));
        while !waiting(&server) && !removing.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(rows(&server), "1", "what is late may come yet");
        drop(halted);
        removing.join().expect("no panic").expect("removed");
    });
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", session.trim());
    while server.psql(&there).trim() != "0" {
        std::thread::yield_now();
    }
    assert_eq!(rows(&server), "0", "it stays removed");
}

#[test]
fn a_write_that_waits_for_others_is_ended_by_the_next_one() {
    let server = Server::start();
    let backend = with_a_row(&server);
    let mut other = Psql::open(&server);
    other.run("BEGIN; DELETE FROM passbook_sessions");
    let error = backend.save(&bare(1)).expect_err("another transaction has the row");
    assert!(error.why.contains("no answer"), "{error}");

    backend.save(&bare(2)).expect("written, whatever holds up the other");
    other.run("COMMIT");
    assert_eq!(backend.load_all().expect("loaded"), [bare(2)], "what was given up is not there");
}

#[test]
fn rows_and_checkpoint_are_read_when_every_write_that_has_begun_has_ended() {
    type Ask = fn(&PostgresSessionBackend) -> Result<(), BackendError>;
    let asks: [Ask; 2] = [|rows| rows.load_all().map(drop), |rows| rows.checkpoint().map(drop)];
    let server = Server::start();
    let backend = with_a_row(&server);
    // A statement of a process that is gone: the server has not noticed yet.
    let mut other = Psql::open(&server);
    for ask in asks {
        other.run("BEGIN; DELETE FROM passbook_sessions");
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask(&backend));
            while !waiting(&server) && !asking.is_finished() {
                std::thread::yield_now();
            }
            assert!(!asking.is_finished(), "what was begun may come yet");
            other.run("COMMIT");
            asking.join().expect("no panic").expect("read");
        });
    }
    assert_eq!(backend.load_all().expect("loaded"), []);
}
