//! Chromium without a window, by way of its driver: W3C's `WebDriver`, whose requests `curl` sends.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::terminal::curl;

/// How the answers name an element (`WebDriver`, 11.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long an element may take to be there, in milliseconds.
const ELEMENT_MS_MAX: u32 = 10_000;

/// `chromedriver`, which ends with this value, and its browsers with it.
pub(crate) struct Driver {
    process: Child,
    url: String,
    /// Kept open: it says more later.
    _lines: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it on a port of its choice. What its browsers write is within `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .envs(["TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"].map(|name| (name, folder)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                let how = "`./check` installs it: apt-get install chromium-driver";
                panic!("chromedriver: {error}. {how}")
            });
        let mut lines = BufReader::new(process.stdout.take().expect("piped"));
        let mut said = String::new();
        let port = loop {
            let start = said.len();
            let count = lines.read_line(&mut said).expect("its lines");
            assert_ne!(count, 0, "chromedriver does not start: {said}");
            let line = said[start..].trim_end().trim_end_matches('.');
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.to_owned();
            }
        };
        Self { process, url: format!("http://127.0.0.1:{port}"), _lines: lines }
    }

    /// A browser with a profile of its own.
    pub(crate) fn browser(&self) -> Browser<'_> {
        // Whoever is root has no other sandbox than none; it only sees our own pages.
        let options = ["--headless=new", "--no-sandbox", "--window-size=800,600"];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "implicit": ELEMENT_MS_MAX },
            "goog:chromeOptions": { "args": options },
        } } });
        let opened = call("POST", &format!("{}/session", self.url), &wanted);
        let id = opened["sessionId"].as_str().expect("an id");
        Browser { _driver: self, url: format!("{}/session/{id}", self.url) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It closes its browsers then; killed, it would leave them behind.
        let closed = curl([format!("{}/shutdown", self.url).as_str()]);
        if closed.is_err() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
        assert!(closed.is_ok() || std::thread::panicking(), "{closed:?}");
    }
}

/// One command of `WebDriver`, and its answer's value.
#[track_caller]
fn call(method: &str, url: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut args = vec!["--request", method, url];
    if method == "POST" {
        args.extend(["--header", "content-type: application/json", "--data-binary", &body]);
    }
    let said = curl(args).unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    let value = &answer["value"];
    assert!(value["error"].is_null(), "{method} {url}: {}: {}", value["error"], value["message"]);
    value.clone()
}

/// One browser; its driver closes it.
pub(crate) struct Browser<'a> {
    _driver: &'a Driver,
    url: String,
}

impl Browser<'_> {
    pub(crate) fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// The text of the first element that the CSS selector finds, once there is one.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = self.get(&format!("{}/text", self.element(selector)));
        text.as_str().expect("text").to_owned()
    }

    /// Types into an element.
    #[track_caller]
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.post(&format!("{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// Clicks, and waits for the page that comes of it.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// What is to be seen, as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let png = self.get("screenshot");
        STANDARD.decode(png.as_str().expect("text")).expect("base64")
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }));
        format!("element/{}", found[ELEMENT].as_str().expect("an element"))
    }

    #[track_caller]
    fn get(&self, what: &str) -> Value {
        call("GET", &format!("{}/{what}", self.url), &Value::Null)
    }

    #[track_caller]
    fn post(&self, what: &str, body: &Value) -> Value {
        call("POST", &format!("{}/{what}", self.url), body)
    }
}
