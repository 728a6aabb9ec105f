//! `passbook completions`: a script that completes commands in a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::global::App;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook completions bash >~/.local/share/bash-completion/completions/passbook
  passbook completions zsh >~/.zfunc/_passbook
  passbook completions fish >~/.config/fish/completions/passbook.fish
")]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "passbook", &mut script);
    app.output.write(&String::from_utf8_lossy(&script))
}
