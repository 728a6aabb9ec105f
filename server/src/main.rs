//! The `passbook` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    passbook_server::cli::main()
}
