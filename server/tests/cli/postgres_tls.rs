//! A PostgreSQL across a network, by TLS: only the server that the address names, and never in plain
//! text where TLS is asked for.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    server::Server,
    support::{NOW, Run, Store, command, story, told},
};

const ROWS: &str = "SELECT count(*) FROM passbook_sessions";
/// The table's name, once it is there.
const TABLE: &str = "SELECT to_regclass('passbook_sessions')";
/// By the network nobody comes in but by TLS.
const ONLY_TLS: &str = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";

/// A certificate of a server's own for `localhost`, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .expect("the program openssl is installed: ./check does it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("bound").port()
}

/// A server on a port of this machine, its certificate, and the port.
fn with_tls() -> (Server, PathBuf, u16) {
    let port = free_port();
    let mut trusted = PathBuf::new();
    let server = Server::start_with(|data| {
        let (certificate, key) = certificate(data);
        // A key that others may read is refused.
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let owner = fs::metadata(data).expect("it is there").uid();
        chown(&key, Some(owner), None).expect("it is ours");
        fs::write(data.join("pg_hba.conf"), ONLY_TLS).expect("written");
        trusted = certificate;
        vec!["listen_addresses=127.0.0.1".to_owned(), format!("port={port}"), "ssl=on".to_owned()]
    });
    (server, trusted, port)
}

/// Writes the rows, and trusts whom that file names alone.
fn mirror(store: &Store, to: &str, trusted: &Path) -> Run {
    let mut mirror = command(&["mirror", "--to", to, "--store", store.path(), "--now", NOW]);
    told(&mirror.env("SSL_CERT_FILE", trusted).output().expect("the binary runs"))
}

#[test]
fn rows_go_by_tls_to_the_server_that_the_address_names_and_to_no_other() {
    let (server, trusted, port) = with_tls();
    let store = story();
    let address =
        |host: &str, rest: &str| format!("postgres://passbook@{host}:{port}/postgres{rest}");
    let folder = tempfile::tempdir().expect("a folder");
    let (stranger, _key) = certificate(folder.path());
    for (to, trusted, why) in [
        (address("localhost", "?sslmode=require"), &stranger, "certificate"),
        (address("127.0.0.1", "?sslmode=require"), &trusted, "certificate"),
        (address("localhost", "?sslmode=disable"), &trusted, "no encryption"),
    ] {
        let refused = mirror(&store, &to, trusted);
        assert_eq!(refused.code, 6, "{refused:?}");
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    assert_eq!(server.psql(TABLE).trim(), "", "nothing is made");

    // Without a word about it TLS is used as well: nobody else is let in.
    for rest in ["?sslmode=require", ""] {
        let mirrored = mirror(&store, &address("localhost", rest), &trusted);
        assert_eq!(mirrored.code, 0, "{mirrored:?}");
    }
    assert_eq!(server.psql(ROWS).trim(), "2");
}

#[test]
fn tls_that_the_server_does_not_have_is_not_done_without() {
    let port = free_port();
    let settings = vec!["listen_addresses=127.0.0.1".to_owned(), format!("port={port}")];
    let server = Server::start_with(|_data| settings);
    let store = story();
    let to = |rest: &str| format!("postgres://passbook@localhost:{port}/postgres{rest}");
    let refused = mirror(&store, &to("?sslmode=require"), Path::new("/dev/null"));
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("TLS"), "{refused:?}");
    assert_eq!(server.psql(TABLE).trim(), "", "nothing is made");
    assert_eq!(mirror(&store, &to(""), Path::new("/dev/null")).code, 0, "it may be without");
    assert_eq!(server.psql(ROWS).trim(), "2");
}
