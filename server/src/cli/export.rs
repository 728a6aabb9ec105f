//! `passbook export`: the live sessions, to be imported elsewhere.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use passbook::core::{FingerprintSum, SessionState, WholeState as _};

use super::global::App;
use crate::{
    answer::{
        count_of,
        exported::{EXPORT_SCHEMA, Exported},
        verify::hex,
    },
    failure::Failure,
    fold::{Depth, Fold, fold, judged_at_ms},
    import::jsonl::SessionLine,
    progress::Unit,
    reading::{Book, Until},
    saving::{Existing, save, unwritable},
};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// A line of JSON for each session.
    Jsonl,
}

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook export --as jsonl -o sessions.jsonl
  passbook export --as jsonl | passbook import --from jsonl - --store ../elsewhere

Every live session, with the digests of its live and of its spent tokens. No token is in it, but who
can write to a store can open a session for whom they like, and the digests say whose tokens are
whose: keep the file as you keep the store. It is made with mode 0600.
")]
pub(crate) struct Args {
    /// In which form.
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: As,
    /// The file to be made, or - for stdout.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let As::Jsonl = args.form;
    let now_ms = app.now_ms();
    let folded = Book::read(app, |book| {
        let progress = app.output.progress("read", Some(book.head()), Unit::Events);
        let folded = fold(book, (Until::Head, Depth::State), &progress, &mut |_, _, _| {})?;
        progress.finish();
        Ok(folded)
    })?;
    let as_of_ms = judged_at_ms(Until::Head, &folded, now_ms);
    let header = header(&folded, as_of_ms);
    if args.output == Path::new("-") {
        return Ok(write(&folded, &header, &mut BufWriter::new(io::stdout().lock()))?);
    }
    save(&args.output, Existing::Kept, |output| write(&folded, &header, output)).map_err(
        |error| {
            unwritable("export:unwritable", &args.output, &error)
                .help("name a file that is not there yet; no file was made")
        },
    )?;
    app.output.print(&header)
}

/// The live sessions, in the order of ids.
fn live(folded: &Fold, as_of_ms: u64) -> impl Iterator<Item = &SessionState> {
    folded.state.iter().filter(move |state| !state.session.is_expired(as_of_ms))
}

fn header(folded: &Fold, as_of_ms: u64) -> Exported {
    let mut sum = FingerprintSum::new();
    for state in live(folded, as_of_ms) {
        sum.add(state, &folded.state.spent_tokens(state.id()));
    }
    Exported {
        schema: EXPORT_SCHEMA.to_owned(),
        at: folded.sequence,
        as_of_ms,
        sessions: count_of(live(folded, as_of_ms).count()),
        fingerprint: hex(&sum.finish_sessions()),
    }
}

fn write(folded: &Fold, header: &Exported, output: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, header)?;
    for state in live(folded, header.as_of_ms) {
        output.write_all(b"\n")?;
        let line = SessionLine::of(state, &folded.state.spent_tokens(state.id()));
        serde_json::to_writer(&mut *output, &line)?;
    }
    output.write_all(b"\n")?;
    output.flush()
}
