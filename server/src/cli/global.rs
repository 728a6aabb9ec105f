//! Options that every verb has, and what follows from them.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
};

use anstream::ColorChoice;
use clap::{Args, ValueEnum};
use passbook::{Clock, SimClock, SystemClock};

use crate::{
    at::At,
    failure::Failure,
    interrupt::Interrupt,
    output::{Form, Output},
    progress::Mode,
    render::time::Zone,
};

/// Where a store is if nobody says.
pub(crate) const STORE_DEFAULT: &str = "./passbook-data";
/// What shows long answers if nobody says.
const PAGER_DEFAULT: &str = "less -FRX";

/// In which form answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `table` on a terminal, `plain` in a pipe.
    Auto,
    /// Columns for a person.
    Table,
    /// Tab-separated, no header, nothing cut.
    Plain,
    /// One JSON document; streams give JSON Lines.
    Json,
    /// JSON Lines: a document for each item of a list.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressArg {
    /// A bar on a terminal, a line every ten seconds in a pipe.
    Auto,
    /// JSON lines on stderr.
    Json,
}

/// Options that every verb has.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The store's folder [default: ./passbook-data].
    #[arg(long, global = true, value_name = "DIR", env = "PASSBOOK_STORE", hide_env_values = true)]
    store: Option<PathBuf>,
    /// How answers are printed.
    #[arg(long, global = true, value_enum, default_value = "auto", hide_possible_values = false)]
    format: Format,
    /// Short for --format json.
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours; `NO_COLOR`, `CLICOLOR_FORCE` and TERM=dumb are heard.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// Times for a person: utc, local, or a name as Europe/Vienna.
    #[arg(long, global = true, default_value = "utc", value_name = "ZONE")]
    tz: Zone,
    /// Never cut a column.
    #[arg(long, global = true)]
    wide: bool,
    /// No notes on stderr.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How progress of long work is shown.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "HOW",
        hide_default_value = true
    )]
    progress: ProgressArg,
    /// Show no progress.
    #[arg(long, global = true)]
    no_progress: bool,
    /// Don't show long answers page by page.
    #[arg(long, global = true)]
    no_pager: bool,
    /// Never ask; fail instead.
    #[arg(long, global = true)]
    no_input: bool,
    /// What shows long answers on a terminal.
    #[arg(long, global = true, hide = true, env = "PASSBOOK_PAGER", value_name = "COMMAND")]
    pager: Option<String>,
    /// The pager of all programs.
    #[arg(long, global = true, hide = true, env = "PAGER", value_name = "COMMAND")]
    any_pager: Option<String>,
    /// When writing: go on from an older copy of the store, without the rest.
    #[arg(long, global = true)]
    accept_rollback: bool,
    /// Stop the clock at this time: for tests.
    #[arg(long, global = true, hide = true, value_name = "TIME")]
    now: Option<At>,
}

/// What every verb is given.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) output: Output,
    pub(crate) store: PathBuf,
    /// Whether the store was named on the command line.
    pub(crate) is_store_chosen: bool,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether what only a newer copy of the store had may be given up.
    pub(crate) accept_rollback: bool,
}

impl App {
    pub(crate) fn new(global: Global, is_store_chosen: bool) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = match global.now {
            None => Arc::new(SystemClock),
            Some(At::Time(time)) => {
                let now_ms = time.resolve(SystemClock.now_ms());
                let now_ms = now_ms.map_err(|error| Failure::usage(error.to_string()))?;
                Arc::new(SimClock::at_ms(now_ms))
            }
            Some(At::Sequence(_) | At::Head { .. } | At::Bookmark(_)) => {
                return Err(Failure::usage("--now takes a time"));
            }
        };
        let pager = global.pager.or(global.any_pager).unwrap_or_else(|| PAGER_DEFAULT.to_owned());
        let output = Output {
            form: form(if global.json { Format::Json } else { global.format }),
            zone: global.tz,
            color: match global.color {
                Color::Auto => ColorChoice::Auto,
                Color::Always => ColorChoice::Always,
                Color::Never => ColorChoice::Never,
            },
            is_wide: global.wide,
            is_quiet: global.quiet,
            pager: (!global.no_pager && !pager.trim().is_empty()).then_some(pager),
            progress: match (global.no_progress || global.quiet, global.progress) {
                (true, _) => Mode::Off,
                (false, ProgressArg::Json) => Mode::Json,
                (false, ProgressArg::Auto) if io::stderr().is_terminal() => Mode::Bar,
                (false, ProgressArg::Auto) => Mode::Lines,
            },
            can_ask: !global.no_input && io::stdin().is_terminal() && io::stderr().is_terminal(),
            interrupt: Interrupt::listen(),
        };
        let store = global.store.unwrap_or_else(|| PathBuf::from(STORE_DEFAULT));
        let accept_rollback = global.accept_rollback;
        Ok(Self { output, store, is_store_chosen, clock, accept_rollback })
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

fn form(format: Format) -> Form {
    match format {
        Format::Auto if io::stdout().is_terminal() => Form::Table,
        Format::Auto | Format::Plain => Form::Plain,
        Format::Table => Form::Table,
        Format::Json => Form::Json,
        Format::Jsonl => Form::Jsonl,
        Format::Csv => Form::Csv,
    }
}

/// The output of a mistake that comes before the options are known.
pub(crate) fn early_output(wants_json: bool) -> Output {
    Output {
        form: if wants_json { Form::Json } else { Form::Plain },
        zone: Zone::Utc,
        color: ColorChoice::Auto,
        is_wide: false,
        is_quiet: false,
        pager: None,
        progress: Mode::Off,
        can_ask: false,
        interrupt: Interrupt::default(),
    }
}

/// Whether errors are to be JSON, as far as it can be told before the options are read.
pub(crate) fn wants_json(args: &[OsString]) -> bool {
    let is = |arg: Option<&OsString>, text: &str| arg.is_some_and(|arg| arg == text);
    let pairs = args.iter().zip(args.iter().skip(1).map(Some).chain([None]));
    pairs.into_iter().any(|(arg, next)| {
        let value = arg == "--format" && (is(next, "json") || is(next, "jsonl"));
        value || arg == "--json" || arg == "--format=json" || arg == "--format=jsonl"
    })
}

/// Refuses arguments that hold a token, before anything can repeat them.
pub(crate) fn refuse_tokens(args: &[OsString]) -> Result<(), Failure> {
    if !args.iter().any(|arg| holds_token(&arg.to_string_lossy())) {
        return Ok(());
    }
    Err(Failure::usage("a token is never an argument")
        .why("arguments are seen by every user of this machine and kept in the shell's history")
        .help("take it from stdin with --token-stdin, and revoke the session of this one"))
}

/// Hexadecimal digits of a token in a row; half of them are half a secret.
const TOKEN_DIGITS: usize = 64;

fn holds_token(arg: &str) -> bool {
    let digits_of = |text: &str| text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let prefixed = arg.split("pb_").skip(1).any(|rest| digits_of(rest) >= TOKEN_DIGITS / 2);
    let is_digit = |c: char| c.is_ascii_hexdigit();
    prefixed || arg.split(|c| !is_digit(c)).any(|run| run.len() == TOKEN_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_among_the_arguments_is_seen() {
        let hex = "0123456789abcdef".repeat(4);
        for bad in [format!("pb_{hex}"), hex.clone(), format!("--token=pb_{hex}")] {
            assert!(holds_token(&bad), "{bad}");
        }
        for good in ["pb_", "user:mira", "01M7WH9B1A4TFF59TDWH9EDD1R", "./pb_data"] {
            assert!(!holds_token(good), "{good}");
        }
    }

    #[test]
    fn json_is_seen_before_the_options_are_read() {
        let args = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&args("passbook nothing --json")));
        assert!(wants_json(&args("passbook --format json nothing")));
        assert!(wants_json(&args("passbook --format=jsonl nothing")));
        assert!(!wants_json(&args("passbook --format table json")));
    }
}
