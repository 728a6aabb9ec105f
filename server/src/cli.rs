//! The command line: what can be asked, and the way from arguments to an exit code.
//!
//! Each noun has its file; what all verbs share is in `global`.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, error::ErrorKind};

use crate::{
    answer::explanation::Length,
    failure::{Exit, Failure},
};

mod backup;
mod check;
mod compact;
mod completions;
mod export;
mod filters;
mod global;
mod help;
mod import;
mod journal;
mod mirror;
mod quickstart;
mod replay;
mod restore;
mod revoke;
mod schema;
mod session;
mod snapshot;
mod user;
mod verify;
mod why;

pub(crate) use global::App;
use global::Global;

/// The first lines of the help: what to do with it.
const EXAMPLES: &str = "\
Examples:
  passbook quickstart                                  a tour in a folder of its own
  passbook import --from syslog --year 2026 auth.log   what a host's log tells of logins
  passbook user history mira                           who, when, from where
  passbook why 01M7WH9B1A4TFF59TDWH9EDD1R              why was it logged out?
  passbook session list 'ip:203.0.113.0/24 state:live'
  passbook session revoke --filter user:mira --dry-run
  passbook verify                                      is every byte as it was written?
";

/// Who is logged in, where and since when; ending that at once; proving later what happened.
#[derive(Debug, Parser)]
#[command(
    name = "passbook",
    version,
    before_long_help = EXAMPLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Topics: passbook help at | filter | exit-codes | json | security",
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A tour: a store in a folder of its own, with an imported log and an invented week.
    Quickstart(quickstart::Args),
    /// Why a session is dead, or what would end it (= replay explain).
    Why(why::Args),
    /// Sessions: list, show, lineage, create, check, revoke.
    #[command(subcommand, arg_required_else_help = true)]
    Session(session::Verb),
    /// Users: show, history, revoke.
    #[command(subcommand, arg_required_else_help = true)]
    User(user::Verb),
    /// The past: the state at a moment, event by event, what differs, why a session is dead.
    #[command(subcommand, arg_required_else_help = true)]
    Replay(replay::Verb),
    /// The journal: stat, verify, dump, show, tail, bookmark, salvage.
    #[command(subcommand, arg_required_else_help = true)]
    Journal(journal::Verb),
    /// Check every checksum, the order and the chain (= journal verify).
    #[command(alias = "fsck")]
    Verify(verify::Args),
    /// Snapshots, from which an opening begins: create, list, verify.
    #[command(subcommand, arg_required_else_help = true)]
    Snapshot(snapshot::Verb),
    /// Move what no live session needs to the archive; logins stay in the history.
    Compact(compact::Args),
    /// Copies of the store: create, list, verify.
    #[command(subcommand, arg_required_else_help = true)]
    Backup(backup::Verb),
    /// Make a store of a backup, in a folder of its own.
    Restore(restore::Args),
    /// Read a log of logins, or the sessions of another store, into this one.
    Import(import::Args),
    /// Write the live sessions to a file, to be imported elsewhere.
    Export(export::Args),
    /// Keep live sessions as rows of a SQLite or PostgreSQL database.
    Mirror(mirror::Args),
    /// The JSON Schema of what is printed under --json.
    Schema(schema::Args),
    /// Print a script that completes commands in a shell.
    Completions(completions::Args),
    /// Which version this is.
    Version,
    /// Help on a command or a topic.
    Help(help::Args),
    #[command(hide = true)]
    Ls(session::ListArgs),
    #[command(hide = true)]
    Log(journal::DumpArgs),
    #[command(hide = true)]
    Repair(journal::SalvageArgs),
    #[command(hide = true)]
    QuickstartWriter(quickstart::WriterArgs),
}

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()).code())
}

fn run(args: Vec<OsString>) -> Exit {
    let wants_json = global::wants_json(&args);
    if let Err(failure) = global::refuse_tokens(&args) {
        return fail_early(&failure, wants_json);
    }
    let matches = match Cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return misused(&error, wants_json),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return misused(&error, wants_json),
    };
    let is_store_chosen =
        matches.value_source("store") == Some(clap::parser::ValueSource::CommandLine);
    let app = match App::new(cli.global, is_store_chosen) {
        Ok(app) => app,
        Err(failure) => return fail_early(&failure, wants_json),
    };
    match dispatch(&app, cli.verb) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            app.output.fail(&failure);
            failure.exit()
        }
    }
}

fn dispatch(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Quickstart(args) => quickstart::run(app, &args),
        Verb::Why(args) => why::run(app, &args, Length::Short),
        Verb::Session(verb) => session::run(app, verb),
        Verb::User(verb) => user::run(app, verb),
        Verb::Replay(verb) => replay::run(app, verb),
        Verb::Journal(verb) => journal::run(app, verb),
        Verb::Verify(args) => verify::run(app, &args),
        Verb::Snapshot(verb) => snapshot::run(app, verb),
        Verb::Compact(args) => compact::run(app, &args),
        Verb::Backup(verb) => backup::run(app, verb),
        Verb::Restore(args) => restore::run(app, &args),
        Verb::Import(args) => import::run(app, &args),
        Verb::Export(args) => export::run(app, &args),
        Verb::Mirror(args) => mirror::run(app, &args),
        Verb::Schema(args) => schema::run(app, &args),
        Verb::Completions(args) => completions::run(app, &args),
        Verb::Version => app.output.print(&crate::answer::schema::Version::new()),
        Verb::Help(args) => help::run(app, &args),
        Verb::Ls(args) => session::list(app, &args),
        Verb::Log(args) => journal::dump(app, &args),
        Verb::Repair(args) => journal::repair(app, &args),
        Verb::QuickstartWriter(args) => quickstart::write(app, &args),
    }
}

/// What clap has to say: help that was asked for is an answer, all else is a mistake.
fn misused(error: &clap::Error, wants_json: bool) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader who closed the pipe has read enough.
        drop(error.print());
        return Exit::Done;
    }
    let text = error.render().to_string();
    if wants_json || text.contains("://") {
        let what = text.lines().next().unwrap_or_default();
        let what = what.strip_prefix("error: ").unwrap_or(what);
        return fail_early(&Failure::usage(without_urls(what)).help("see --help"), wants_json);
    }
    drop(error.print());
    Exit::Usage
}

/// The parser repeats what it does not know. A database's URL in the wrong place may have a password
/// in it.
fn without_urls(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || c == '\'').unwrap_or(part.len());
        shown.push_str("://…");
        shown.push_str(part.split_at(end).1);
    }
    shown
}

fn fail_early(failure: &Failure, wants_json: bool) -> Exit {
    global::early_output(wants_json).fail(failure);
    failure.exit()
}
