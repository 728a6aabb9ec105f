//! What a browser sees.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    browser::{Browser, Driver},
    server::Server,
};

fn log_in(browser: &Browser<'_>, url: &str) {
    browser.go(url);
    browser.fill("input[name=user]", "mira");
    browser.fill("input[name=password]", "correct horse");
    browser.click("button");
    assert_eq!(browser.text("nav b"), "mira");
}

#[test]
fn a_browser_stays_logged_in_over_a_restart_until_it_is_logged_out_elsewhere() {
    let folder = TempDir::new().expect("a folder");
    let ledger = folder.path().join("ledger");
    let server = Server::start(&ledger);
    let driver = Driver::start(folder.path());
    let here = driver.browser();
    log_in(&here, &server.url);
    assert_eq!(here.text("h1"), "Your devices");
    assert_eq!(here.text("tr mark"), "this device");

    server.stop();
    let server = Server::start(&ledger);
    here.go(&server.url);
    assert_eq!(here.text("tr mark"), "this device");

    let there = driver.browser();
    log_in(&there, &server.url);
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("judges-devices.png");
    fs::write(picture, there.screenshot()).expect("written");
    // The other one, the less recently active, comes second.
    there.click("tr:nth-child(2) button");
    assert_eq!(there.text("tr:only-child mark"), "this device");
    here.go(&server.url);
    assert_eq!(here.text("h1"), "Log in");

    there.click("a[href='/history']");
    assert_eq!(there.text("tr:first-child b"), "ended");
}

#[test]
fn a_form_on_another_site_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::start(&folder.path().join("ledger"));
    let driver = Driver::start(folder.path());
    let browser = driver.browser();
    log_in(&browser, &server.url);
    let form = format!("<form method='post' action='{}/logout'><button>", server.url);
    browser.go(&format!("data:text/html,{form}"));
    browser.click("button");
    assert!(browser.text("body").contains("auth:cross_origin"), "{}", browser.text("body"));
    browser.go(&server.url);
    assert_eq!(browser.text("tr mark"), "this device");
}
