//! What browser and what system a `User-Agent` names: ua-parser, with the list of uap-core.
//!
//! The list and its source are in `data/user-agents.json`. The part of it that names models of
//! devices is left out: it would double the memory and the start, and does not tell a tablet.

use std::{borrow::Cow, sync::LazyLock};

use serde::Deserialize;
use ua_parser::{os, user_agent};

use super::meta::DeviceType;

/// What is said of a browser or a system that the list does not know.
const UNKNOWN: &str = "Unknown";

/// Built at the first look: about 0.1 s and 10 MB, once a process.
static TABLES: LazyLock<Tables> = LazyLock::new(Tables::built_in);

/// The list, ready to be searched.
struct Tables {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

/// `data/user-agents.json`. Searched in order; the first rule that matches counts.
#[derive(Deserialize)]
struct Rules {
    browsers: Vec<Rule>,
    systems: Vec<Rule>,
}

/// A regex, and what it stands for if that is not its first group.
#[derive(Deserialize)]
struct Rule(String, #[serde(default)] Option<String>);

impl Tables {
    fn built_in() -> Self {
        const VALID: &str = "the list is built in, and a test reads it";
        let rules = include_str!("../../data/user-agents.json");
        let rules: Rules = serde_json::from_str(rules).expect(VALID);
        let browsers = rules.browsers.into_iter().map(|Rule(regex, family)| user_agent::Parser {
            regex: regex.into(),
            family_replacement: family.map(Cow::from),
            ..Default::default()
        });
        let systems = rules.systems.into_iter().map(|Rule(regex, family)| os::Parser {
            regex: regex.into(),
            os_replacement: family.map(Cow::from),
            ..Default::default()
        });
        let browsers = user_agent::Builder::new().push_all(browsers).expect(VALID);
        let systems = os::Builder::new().push_all(systems).expect(VALID);
        Self { browsers: browsers.build().expect(VALID), systems: systems.build().expect(VALID) }
    }
}

/// Builds the list now, if it was not built yet.
pub(super) fn warm_up() {
    LazyLock::force(&TABLES);
}

/// The browser's name, the system's, and what kind of device both run on.
pub(super) fn parse(user_agent: &str) -> (String, String, DeviceType) {
    let browser = TABLES.browsers.extract(user_agent).map_or(UNKNOWN.into(), |found| found.family);
    let system = TABLES.systems.extract(user_agent).map_or(UNKNOWN.into(), |found| found.os);
    let kind = device_type(&system, user_agent);
    (browser_name(&browser).to_owned(), system_name(&system).to_owned(), kind)
}

/// Which of the three kinds, by the words that browsers document: Chrome's and Firefox's on Android
/// say `Mobile` on a phone and not on a tablet. Other programs on Android say neither: they count as
/// phones.
fn device_type(system: &str, user_agent: &str) -> DeviceType {
    let says = |word| user_agent.contains(word);
    match system {
        "iOS" if says("iPad") => DeviceType::Tablet,
        "Android" if !says("Mobile") && says("Mozilla/") => DeviceType::Tablet,
        "BlackBerry Tablet OS" => DeviceType::Tablet,
        "iOS" | "Android" | "KaiOS" | "Firefox OS" | "BlackBerry OS" | "Windows Phone"
        | "Windows Mobile" => DeviceType::Mobile,
        _ if says("Mobile") => DeviceType::Mobile,
        _ => DeviceType::Desktop,
    }
}

/// A browser as its makers call it now: the list has one name for each system that it is on.
fn browser_name(family: &str) -> &str {
    match family {
        "Chrome Mobile" | "Chrome Mobile iOS" => "Chrome",
        "Chrome Mobile WebView" => "Android WebView",
        "Edge Mobile" => "Edge",
        "Firefox Mobile" | "Firefox iOS" => "Firefox",
        "Mobile Safari" => "Safari",
        "Mobile Safari UI/WKWebView" => "iOS WebView",
        "Opera Mobile" => "Opera",
        "DuckDuckGo Mobile" => "DuckDuckGo",
        "Ecosia Android" | "Ecosia iOS" => "Ecosia",
        "IE" | "IE Mobile" | "IE Large Screen" => "Internet Explorer",
        other => other,
    }
}

/// A system as its makers call it now.
fn system_name(family: &str) -> &str {
    match family {
        "Mac OS X" => "macOS",
        "Chrome OS" => "ChromeOS",
        "Other" => UNKNOWN,
        other => other,
    }
}
