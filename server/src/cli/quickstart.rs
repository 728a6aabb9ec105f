//! stub
use super::global::App;
use crate::failure::Failure;
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
#[derive(Debug, clap::Args)]
pub(crate) struct WriterArgs {}
pub(crate) fn run(_app: &App, _args: &Args) -> Result<(), Failure> { Ok(()) }
pub(crate) fn write(_app: &App, _args: &WriterArgs) -> Result<(), Failure> { Ok(()) }
