//! Opening a store for writing: the lock, who holds it, and in whose name.

use passbook::{
    Actor as CoreActor, Builder, CompactionPolicy, Ledger,
    core::{Note, OperatorName},
    journal::{Create, Options},
};

use crate::{cli::App, failure::Failure};

/// Whether the folder may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    /// If it is not there, it is made, and the person is told.
    MadeIfMissing,
    /// It must be there.
    MustExist,
}

/// In whose name something is changed, and with which words.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Actor {
    /// Who does this [default: the operating system's user].
    #[arg(long, value_name = "NAME", env = "PASSBOOK_OPERATOR", hide_env_values = true)]
    operator: Option<String>,
    /// Words that are kept in the event.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Actor {
    pub(crate) fn operator(&self) -> Result<CoreActor, Failure> {
        let name = operator_name(self.operator.as_deref());
        let name = OperatorName::new(name).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(CoreActor::Operator(name))
    }

    pub(crate) fn note(&self) -> Result<Option<Note>, Failure> {
        let note = self.note.clone().map(Note::new).transpose();
        note.map_err(|error| Failure::usage(error.to_string()))
    }
}

/// The operator's name as it was given, or that of the system's user.
pub(crate) fn operator_name(given: Option<&str>) -> String {
    given.map_or_else(user_of_system, str::to_owned)
}

/// The name of the user that this process runs as; `uid-1000` if the system has none for it.
fn user_of_system() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&uid)).then(|| name.to_owned())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("uid-{uid}"))
}

/// Opens the store for writing. What is expired stays until a server sweeps it.
pub(crate) fn open(app: &App, verb: &str, folder: Folder) -> Result<Ledger, Failure> {
    open_with(app, verb, folder, None)
}

/// As [`open`], with rules for compaction.
pub(crate) fn open_with(
    app: &App,
    verb: &str,
    folder: Folder,
    policy: Option<CompactionPolicy>,
) -> Result<Ledger, Failure> {
    let builder = builder(app, verb, folder);
    let ledger = builder.compaction(policy).open_blocking()?;
    let recovery = ledger.opened().recovery.as_ref();
    if recovery.is_some_and(|recovery| recovery.created) {
        app.output.note(&format!("made a new store in {}", app.store.display()));
    }
    if let Some(dropped) = recovery.and_then(|recovery| recovery.dropped.as_ref()) {
        app.output.note(&format!(
            "set aside {} bytes of a write that was cut off and never acknowledged",
            dropped.bytes
        ));
    }
    if let Some(rolled_back) = recovery.and_then(|recovery| recovery.rolled_back.as_ref()) {
        app.output.note(&format!(
            "went on from an older copy: events up to @{} are given up, and what was revoked in them \
             is live again",
            rolled_back.durable
        ));
    }
    Ok(ledger)
}

fn builder(app: &App, verb: &str, folder: Folder) -> Builder {
    let options = Options {
        owner: format!("passbook {verb}"),
        create: match folder {
            Folder::MadeIfMissing => Create::IfMissing,
            Folder::MustExist => Create::Never,
        },
        accept_rollback: app.accept_rollback,
        ..Options::default()
    };
    Ledger::builder()
        .path(&app.store)
        .journal_options(options)
        .clock(std::sync::Arc::clone(&app.clock))
        .sweep_interval(None)
        .compaction(None)
        .history_index(false)
}

/// Closes it; a failure is one of the writing.
pub(crate) fn close(ledger: &Ledger) -> Result<(), Failure> {
    Ok(ledger.close()?)
}
