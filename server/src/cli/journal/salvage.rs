//! `passbook journal salvage`: a new store of what can be read of a damaged one.

use std::{path::PathBuf, sync::Arc};

use passbook::journal::{Create, FileJournal, Held, Options, RealVfs};

use crate::{
    answer::salvaged::Salvaged,
    cli::global::App,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook journal salvage --into ./salvaged --store /var/lib/passbook

The damaged store is only read. Exit 8 if events are lost: those are named.
")]
pub(crate) struct Args {
    /// The new store's folder: empty, or not there.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

/// As [`run`], under the name that fingers know.
pub(crate) fn repair(app: &App, args: &Args) -> Result<(), Failure> {
    app.output.note(&format!(
        "nothing is repaired in place: what can be read of {} is written to {}",
        app.store.display(),
        args.into.display()
    ));
    run(app, args)
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let opened = FileJournal::open_read_only(&app.store, Arc::new(RealVfs));
    if opened.is_ok_and(|journal| journal.held() == Held::ByWriter) {
        let what = "another process writes to the store";
        return Err(Failure::new(Exit::Busy, "ledger:locked", what).help("stop it first"));
    }
    let options = Options {
        owner: "passbook journal salvage".to_owned(),
        create: Create::IfMissing,
        ..Options::default()
    };
    let phases = app.output.phases();
    let told = |at| phases.salvaging(at);
    let outcome = passbook::salvage_with(&app.store, &args.into, app.now_ms(), options, &told);
    phases.finish();
    let outcome = outcome?;
    let [source, into] = [&app.store, &args.into].map(|path| path.display().to_string());
    app.output.print(&Salvaged::of(&outcome, source, into))?;
    if outcome.lost_records == 0 { Ok(()) } else { Err(Failure::told(Exit::Partly)) }
}
