//! `passbook replay what-if`: who would have been logged out under another policy.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use passbook::Policy;
use serde_json::json;

use super::first_from;
use crate::{
    answer::what_if::{Listing, WhatIfDocument},
    at::At,
    cli::global::App,
    failure::Failure,
    policy_file::{self, POLICY_FILE_LEN_MAX},
    reading::Book,
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  echo 'idle_timeout = \"15m\"' | passbook replay what-if - --since -24h
  passbook replay what-if strict.toml --list
  passbook replay what-if strict.toml --json | jq .earlier

A policy file names the rules that are to be others; what it does not name stays as it is in force:
  idle_timeout = \"15m\"          # s, m, h, d, w; \"0\" = never
  absolute_timeout = \"30d\"
  sessions_per_user_max = 3     # 0 = no limit
  race_window = \"10s\"           # also ms
  replay_window = \"0\"
  on_reuse = \"end_session\"      # or \"refuse\"
")]
pub(crate) struct Args {
    /// The rules to try, or - for stdin.
    #[arg(value_name = "POLICY.toml")]
    policy: PathBuf,
    /// From here on: see passbook help at [default: since the policy in force was set].
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    since: Option<At>,
    /// Name each session that would have ended at another time, with both ends.
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let now_ms = app.now_ms();
    let text = read(&args.policy)?;
    let listing = if args.list { Listing::Each } else { Listing::Counts };
    let document = Book::read(app, |book| {
        let replay = book.replay(now_ms);
        let since = args.since.as_ref().map(|at| first_from(app, book, at)).transpose()?;
        let policy = parse(&args.policy, &text, &replay.policy()?.policy)?;
        let what_if = match since {
            Some(from) => replay.what_if_since(&policy, from),
            None => replay.what_if(&policy),
        };
        Ok(WhatIfDocument::of(&what_if?, listing, app.output.view(now_ms)))
    })?;
    app.output.print(&document)
}

fn parse(path: &Path, text: &str, in_force: &Policy) -> Result<Policy, Failure> {
    policy_file::parse(text, in_force).map_err(|error| {
        Failure::usage(format!("{}, {error}", path.display()))
            .why(&*error.text)
            .points_at(error.column)
            .help("passbook replay what-if --help shows all that can be named")
            .field("path", json!(path.display().to_string()))
            .field("line", json!(error.line))
            .field("column", json!(error.column))
    })
}

/// The file, as far as one may be long.
fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::unreadable("policy:unreadable", path, &error);
    let limit = u64::try_from(POLICY_FILE_LEN_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(limit).read_to_string(&mut text).map_err(failed)?;
    } else {
        #[expect(clippy::disallowed_methods, reason = "the file is not ours, and may be a pipe")]
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(limit).read_to_string(&mut text).map_err(failed)?;
    }
    Ok(text)
}
