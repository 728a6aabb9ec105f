//! `passbook schema`: the JSON Schema of what is printed under `--json`.

use super::global::App;
use crate::{
    answer::schema::{Schemas, all},
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook schema                            the names of all documents
  passbook schema passbook.session.list/1
")]
pub(crate) struct Args {
    /// The document, as its `schema` field names it; without the version, the newest.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let Some(wanted) = &args.name else { return app.output.print(&Schemas::new()) };
    let schemas = all();
    let found = schemas.iter().find(|(name, _)| {
        name == wanted || name.split_once('/').is_some_and(|(bare, _)| bare == wanted)
    });
    let Some((_, schema)) = found else {
        return Err(Failure::new(
            Exit::NotFound,
            "not_found",
            format!("no document is `{wanted}`"),
        )
        .help("passbook schema lists their names"));
    };
    let text = serde_json::to_string_pretty(schema).map_err(std::io::Error::other)?;
    app.output.write(&(text + "\n"))
}
