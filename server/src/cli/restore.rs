//! `passbook restore`: a store again of a backup, in a folder of its own.

use std::{path::PathBuf, sync::Arc};

use passbook::{
    LedgerError,
    journal::{BackupError, OpenError, RealVfs, RestoreInfo, check_target},
};

use super::{backup, global::App};
use crate::{
    answer::{
        Moment,
        restored::{RESTORED_SCHEMA, Restored},
    },
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook restore /backup/20261120T140311Z-@1048611 --into ./then --dry-run
  passbook restore /backup/20261120T140311Z-@1048611 --into /var/lib/passbook

What was done after the backup is not in it: sessions that were revoked since are live again.
Revoke those in doubt before users come back.
")]
pub(crate) struct Args {
    /// The backup's folder.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The new store's folder: empty, or not there.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Say what would be restored; change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let Args { backup, into, dry_run } = args;
    let mut restored = Restored {
        schema: RESTORED_SCHEMA,
        dry_run: *dry_run,
        backup: backup.display().to_string(),
        path: into.display().to_string(),
        sequence: 0,
        at: None,
        bytes: 0,
        view: app.output.view(app.now_ms()),
    };
    if *dry_run {
        check_target(backup, into, Arc::new(RealVfs)).map_err(LedgerError::from)?;
        if !backup.is_dir() {
            let missing = OpenError::Missing { path: backup.clone() };
            return Err(LedgerError::from(BackupError::from(missing)).into());
        }
        let item = backup::look(backup)?;
        if !item.is_whole() {
            let what = format!("the backup is {}", item.state);
            return Err(Failure::new(Exit::Bad, "ledger:backup", what)
                .why(item.why.unwrap_or_default())
                .help("see which are whole: passbook backup list DIR"));
        }
        (restored.at, restored.bytes) = (item.at, item.bytes);
        restored.sequence = item.sequence.unwrap_or(0);
    } else {
        let phases = app.output.phases();
        let restored_to = passbook::restore_with(backup, into, &|at| phases.copying(at));
        phases.finish();
        let RestoreInfo { sequence, time_ms, bytes, .. } = restored_to?;
        let at = (sequence > 0).then_some(Moment(time_ms));
        (restored.sequence, restored.at, restored.bytes) = (sequence, at, bytes);
    }
    app.output.print(&restored)
}
