//! `curl`, with the cookie jar that it keeps itself.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Longest that one request may take, in seconds: a browser's start is one.
const REQUEST_SECS_MAX: &str = "60";

/// Runs `curl` with these arguments and nothing of the user's configuration: what it got, or why it
/// failed.
pub(crate) fn curl<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--noproxy", "*"]);
    command.args(["--max-time", REQUEST_SECS_MAX]).args(args);
    let how = "`./check` installs it: apt-get install curl";
    let ran = command.output().map_err(|error| format!("curl: {error}. {how}"));
    let Output { status, stdout, stderr } = ran?;
    if !status.success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&stderr)));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Somebody at a terminal: one jar, one user agent.
pub(crate) struct Terminal {
    pub(crate) jar: PathBuf,
    pub(crate) agent: &'static str,
}

/// What came back, after all redirects.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: String,
    /// Where the redirects led to: the path.
    pub(crate) path: String,
    pub(crate) html: String,
}

impl Terminal {
    pub(crate) fn get(&self, url: &str) -> Page {
        self.send(url, &[])
    }

    /// Sends the fields as a form does.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // A form without a field is sent as well.
        let mut args = vec!["--data", ""];
        args.extend(pairs.iter().flat_map(|pair| ["--data-urlencode", pair.as_str()]));
        self.send(url, &args)
    }

    pub(crate) fn log_in(&self, url: &str, user: &str, password: &str) -> Page {
        self.post(&format!("{url}/login"), &[("user", user), ("password", password)])
    }

    fn send(&self, url: &str, args: &[&str]) -> Page {
        let jar = self.jar.to_str().expect("UTF-8");
        let mut all = vec!["--location", "--cookie", jar, "--cookie-jar", jar];
        all.extend(["--user-agent", self.agent, "--write-out", "\n%{http_code} %{url_effective}"]);
        all.extend(args);
        all.push(url);
        let said = curl(all).unwrap_or_else(|error| panic!("{url}: {error}"));
        let (html, last) = said.rsplit_once('\n').expect("what is written out");
        let (status, reached) = last.split_once(' ').expect("two words");
        let path = reached.splitn(4, '/').nth(3).expect("a path");
        Page { status: status.to_owned(), path: format!("/{path}"), html: html.to_owned() }
    }
}

impl Page {
    /// It is this page, and in order.
    #[track_caller]
    pub(crate) fn is(&self, path: &str) {
        assert_eq!((&*self.status, &*self.path), ("200", path), "{}", self.html);
    }

    /// The ids of the sessions that the list of devices offers to end, in its order.
    pub(crate) fn sessions(&self) -> Vec<&str> {
        let mut behind = self.html.split("action=\"/sessions/").skip(1);
        let mut ids = Vec::new();
        while let Some(id) = behind.next().and_then(|rest| rest.split_once("/end\"")) {
            ids.push(id.0);
        }
        ids
    }
}
