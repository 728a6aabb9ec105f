//! What `curl` sees.

use std::path::Path;

use tempfile::TempDir;

use crate::{server::Server, terminal::Terminal};

const MIRA: (&str, &str) = ("mira", "correct horse");

fn terminal(folder: &Path, name: &str) -> Terminal {
    Terminal { jar: folder.join(name), agent: "curl/8.17.0" }
}

/// A server, and a terminal that has logged in there.
fn logged_in(folder: &TempDir) -> (Server, Terminal) {
    let server = Server::start(&folder.path().join("ledger"));
    let here = terminal(folder.path(), "here");
    here.log_in(&server.url, MIRA.0, MIRA.1).is("/");
    (server, here)
}

#[test]
fn a_login_outlives_the_server() {
    let folder = TempDir::new().expect("a folder");
    let (server, here) = logged_in(&folder);
    let before = here.get(&server.url);
    server.kill();
    let server = Server::start(&folder.path().join("ledger"));
    let after = here.get(&server.url);
    after.is("/");
    assert_eq!(before.sessions(), after.sessions());
    server.stop();
    let server = Server::start(&folder.path().join("ledger"));
    here.get(&server.url).is("/");
    terminal(folder.path(), "somebody else").get(&server.url).is("/login");
}

#[test]
fn a_device_that_is_logged_out_elsewhere_is_out_here() {
    let folder = TempDir::new().expect("a folder");
    let (server, here) = logged_in(&folder);
    let there = terminal(folder.path(), "there");
    let list = there.log_in(&server.url, MIRA.0, MIRA.1);
    let [own, other] = list.sessions()[..] else { panic!("{}", list.html) };
    let left = there.post(&format!("{}/sessions/{other}/end", server.url), &[]);
    left.is("/");
    assert_eq!(left.sessions(), [own]);
    here.get(&server.url).is("/login");
    there.get(&server.url).is("/");

    let history = there.get(&format!("{}/history", server.url));
    history.is("/history");
    assert!(history.html.contains("ended</b>: revoked_by_user"), "{}", history.html);
}

#[test]
fn logging_out_the_others_leaves_this_one() {
    let folder = TempDir::new().expect("a folder");
    let (server, here) = logged_in(&folder);
    let others = ["laptop", "phone"].map(|name| terminal(folder.path(), name));
    for other in &others {
        other.log_in(&server.url, MIRA.0, MIRA.1).is("/");
    }
    let left = here.post(&format!("{}/sessions/end-others", server.url), &[]);
    left.is("/");
    assert_eq!(left.sessions().len(), 1);
    for other in &others {
        other.get(&server.url).is("/login");
    }
    here.post(&format!("{}/logout", server.url), &[]).is("/login");
    here.get(&server.url).is("/login");
}

#[test]
fn the_history_has_each_login_and_each_failure() {
    let folder = TempDir::new().expect("a folder");
    let (server, here) = logged_in(&folder);
    let there = terminal(folder.path(), "there");
    let refused = there.log_in(&server.url, MIRA.0, "wrong horse");
    assert_eq!(refused.status, "403");
    assert!(refused.html.contains("Wrong name or password"), "{}", refused.html);
    there.get(&server.url).is("/login");
    there.log_in(&server.url, "theo", "battery staple").is("/");

    let own = here.get(&format!("{}/history", server.url)).html;
    assert!(own.contains("<b>login</b><p>127.0.0.1"), "{own}");
    assert!(own.contains("<b>failed</b>: wrong_password<p>127.0.0.1"), "{own}");
    let of_theo = there.get(&format!("{}/history", server.url)).html;
    assert!(of_theo.contains("<b>login</b>") && !of_theo.contains("failed"), "{of_theo}");
}

#[test]
fn what_a_client_says_of_itself_is_no_html() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::start(&folder.path().join("ledger"));
    let hostile = Terminal { agent: "<script>alert(1)</script>", ..terminal(folder.path(), "jar") };
    assert_eq!(hostile.log_in(&server.url, MIRA.0, "wrong").status, "403");
    let pages = [
        hostile.log_in(&server.url, MIRA.0, MIRA.1),
        hostile.get(&format!("{}/history", server.url)),
    ];
    for page in &pages {
        assert_eq!(page.status, "200");
        assert!(!page.html.contains("<script"), "{}", page.html);
    }
    assert!(pages[1].html.contains("&lt;script&gt;alert(1)"), "{}", pages[1].html);
}
