//! `passbook help`: commands, and topics that belong to several of them.

use clap::CommandFactory as _;

use super::global::App;
use crate::failure::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook help session list
  passbook help topics
  passbook help filter
")]
pub(crate) struct Args {
    /// A command, or one of the topics: at, filter, exit-codes, json, security.
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

/// The topics, with a line on each.
const TOPICS: [(&str, &str, &str); 4] = [
    ("at", "how a moment is named", include_str!("help/at.txt")),
    ("filter", "what lists and revocations can be narrowed by", include_str!("help/filter.txt")),
    ("json", "documents for programs", include_str!("help/json.txt")),
    ("security", "tokens, files, untrusted text", include_str!("help/security.txt")),
];

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["topics"] => app.output.write(&topics()),
        ["exit-codes"] => app.output.write(&exit_codes()),
        [word] if TOPICS.iter().any(|(name, ..)| *name == word) => {
            let topic = TOPICS.iter().find(|(name, ..)| *name == word);
            app.output.write(topic.map(|(.., text)| *text).unwrap_or_default())
        }
        ref path => app.output.write(&command_help(path)?),
    }
}

fn topics() -> String {
    let mut lines: Vec<_> =
        TOPICS.iter().map(|(name, about, _)| format!("{name:<12}{about}\n")).collect();
    lines.push(format!("{:<12}{}\n", "exit-codes", "what a script can tell from them"));
    lines.sort();
    lines.concat()
}

fn exit_codes() -> String {
    let line = |exit: &Exit| format!("{:>4}  {}\n", exit.code(), exit.meaning());
    Exit::ALL.iter().map(line).collect()
}

/// The long help of the command of that path.
fn command_help(path: &[&str]) -> Result<String, Failure> {
    let mut command = super::Cli::command();
    command.build();
    for word in path {
        let found = command.find_subcommand(word).filter(|command| !command.is_hide_set());
        let Some(found) = found else {
            return Err(Failure::usage(format!("there is no command or topic `{word}`"))
                .help("passbook --help lists the commands, passbook help topics the topics"));
        };
        command = found.clone();
    }
    Ok(command.render_long_help().ansi().to_string())
}
