//! `passbook backup`: create, list, verify.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Subcommand;
use passbook::journal::{
    FileJournal, Journal as _, OpenError, Progress, RealVfs, Tail, VerifyOptions, Vfs, check_target,
};

use super::global::App;
use crate::{
    answer::{
        Moment,
        backup::{
            BACKUP_LIST_SCHEMA, BACKUP_VERIFY_SCHEMA, BackupItem, BackupList, BackupMade,
            BackupsVerified,
        },
    },
    failure::{Exit, Failure, chain},
    reading::Book,
    render::time::rfc_3339,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Copy the store into a new folder below DIR; its writer goes on.
    Create(Args),
    /// The backups below DIR.
    List(Args),
    /// Read every byte of the backups below DIR, or of the one that it is.
    Verify(Args),
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook backup create /backup --store /var/lib/passbook
  passbook backup list /backup
  passbook backup verify /backup/20261120T140311Z-@1048611
")]
pub(crate) struct Args {
    /// Where backups are.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(app: &App, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(app, &args.dir),
        Verb::List(args) => list(app, &args.dir),
        Verb::Verify(args) => verify(app, &args.dir),
    }
}

fn create(app: &App, dir: &Path) -> Result<(), Failure> {
    let book = Book::open(&app.store, &app.output)?;
    let second: String = rfc_3339(app.now_ms()).chars().take("2026-11-20T14:03:11".len()).collect();
    let name = second.replace(['-', ':'], "") + "Z";
    // What it reaches up to is known once it is made.
    let unnamed = dir.join(format!("{name}.part"));
    let vfs: Arc<dyn Vfs> = Arc::new(RealVfs);
    check_target(&app.store, &unnamed, Arc::clone(&vfs)).map_err(passbook::LedgerError::from)?;
    fs::create_dir_all(dir).map_err(|error| unreadable(dir, &error))?;
    let phases = app.output.phases();
    let told = |at| phases.copying(at);
    let info = passbook::backup_with(&book.journal, &unnamed, Arc::clone(&vfs), &told);
    phases.finish();
    let info = info?;
    let path = dir.join(format!("{name}-@{}", info.sequence));
    let named = vfs.rename(&unnamed, &path).and_then(|()| vfs.fsync_dir(dir));
    named.map_err(|error| unreadable(&path, &error))?;
    app.output.print(&BackupMade::of(&info, path.display().to_string()))
}

fn list(app: &App, dir: &Path) -> Result<(), Failure> {
    let items = found(dir)?.iter().map(|path| look(path)).collect::<Result<_, _>>()?;
    let view = app.output.view(app.now_ms());
    app.output.print(&BackupList { schema: BACKUP_LIST_SCHEMA, items, view })
}

fn verify(app: &App, dir: &Path) -> Result<(), Failure> {
    let mut items = found(dir)?.iter().map(|path| look(path)).collect::<Result<Vec<_>, _>>()?;
    if items.is_empty() {
        let what = format!("there is no backup in {}", dir.display());
        return Err(Failure::new(Exit::NotFound, "not_found", what));
    }
    for item in items.iter_mut().filter(|item| item.is_whole()) {
        let path = Path::new(&item.path);
        let phases = app.output.phases();
        let told = |at: Progress| phases.verifying(at);
        let options = VerifyOptions { progress: Some(&told), ..VerifyOptions::default() };
        let report = passbook::journal::verify(path, Arc::new(RealVfs), &options);
        phases.finish();
        if let Some(damage) = report?.damages.first() {
            (item.state, item.why) = ("damaged", Some(damage.to_string()));
        }
    }
    let is_good = items.iter().all(BackupItem::is_whole);
    let result = if is_good { "good" } else { "bad" };
    app.output.print(&BackupsVerified { schema: BACKUP_VERIFY_SCHEMA, result, items })?;
    if is_good { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let exits = [
        (io::ErrorKind::NotFound, Exit::NotFound),
        (io::ErrorKind::PermissionDenied, Exit::NotAllowed),
        (io::ErrorKind::StorageFull, Exit::Unwritable),
    ];
    let exit = exits.iter().find(|(kind, _)| *kind == error.kind());
    let exit = exit.map_or(Exit::Failed, |(_, exit)| *exit);
    Failure::new(exit, "backup:folder", format!("{} can't be used", path.display()))
        .why(error.to_string())
}

/// Names that only a backup, whole or not, has.
fn is_backup(path: &Path) -> bool {
    ["MANIFEST", "INCOMPLETE"].iter().any(|name| path.join(name).is_file())
}

/// The folder, if it is a backup, else those below it, by name.
fn found(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    if is_backup(dir) {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
        if is_backup(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// How a backup looks at a glance: whether it opens, and up to where it reaches.
pub(super) fn look(path: &Path) -> Result<BackupItem, Failure> {
    let mut item = BackupItem {
        path: path.display().to_string(),
        sequence: None,
        at: None,
        bytes: length(path).map_err(|error| unreadable(path, &error))?,
        state: "whole",
        why: None,
    };
    if path.join("INCOMPLETE").is_file() {
        item.state = "incomplete";
        item.why = Some("the copying was cut short: remove it".to_owned());
        return Ok(item);
    }
    match glance(path) {
        Ok((sequence, at)) => (item.sequence, item.at) = (Some(sequence), at),
        Err(why) => (item.state, item.why) = ("damaged", Some(why)),
    }
    Ok(item)
}

fn glance(path: &Path) -> Result<(u64, Option<Moment>), String> {
    let said = |error: OpenError| chain(&error);
    let journal = FileJournal::open_read_only(path, Arc::new(RealVfs)).map_err(said)?;
    if let Tail::Ambiguous(damage) | Tail::Corrupt(damage) = journal.tail() {
        return Err(damage.to_string());
    }
    let stat = journal.stat().map_err(said)?;
    Ok((journal.durable(), stat.time_last_ms.map(Moment)))
}

/// The length of all files in a folder.
fn length(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { length(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
