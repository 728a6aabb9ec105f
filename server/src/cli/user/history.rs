//! `passbook user history`: logins, failures and endings of a user, newest first, page by page.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use ipnet::IpNet;
use passbook::{
    Cursor, HistoryEntry, HistoryFold, HistoryQuery, HistoryWhat, history_of,
    login_history::query::PAGE_LINES_MAX,
};

use crate::{
    answer::{
        count_of,
        history::{HistoryItem, USER_HISTORY_SCHEMA, UserHistory},
    },
    at::At,
    cli::global::App,
    failure::{Exit, Failure},
    reading::{Book, Place},
    render::number::thousands,
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook user history mira
  passbook user history mira -n 4
  passbook user history mira --kind failed,ended --since -7d --ip 203.0.113.0/24
  passbook user history mira -n 50 --before 1795176000000-3-01M7WH9B1A4TFF59TDWH9EDD1R
  passbook user history mira --format csv >mira.csv
")]
pub(crate) struct Args {
    /// Whose.
    #[arg(value_name = "USER")]
    user: String,
    /// Show so many lines [default: all].
    #[arg(short = 'n', long = "lines", value_name = "COUNT")]
    lines: Option<usize>,
    /// Go on behind a page: what it gave under `next`.
    #[arg(long, value_name = "CURSOR")]
    before: Option<Cursor>,
    /// Only these kinds of lines, joined by commas.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind())]
    kind: Vec<HistoryWhat>,
    /// Only from this address or network.
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    ip: Option<IpNet>,
    /// Only on devices whose name has this text in it, in any case.
    #[arg(long, value_name = "TEXT")]
    device: Option<String>,
    /// Only what happened at or after this time: see passbook help at.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<At>,
    /// Only what happened before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<At>,
}

fn kind() -> impl clap::builder::TypedValueParser<Value = HistoryWhat> {
    PossibleValuesParser::new(HistoryWhat::ALL.map(HistoryWhat::as_str))
        .map(|name| HistoryWhat::parse(&name).expect("it is one of the names"))
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|ip: std::net::IpAddr| IpNet::from(ip));
    text.parse().or_else(|_no_network| address()).map_err(|_no_address| {
        "write an address or a network: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32".to_owned()
    })
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let history = Book::read(app, |book| tell(app, args, book))?;
    app.output.print(&history)
}

fn tell(app: &App, args: &Args, book: &Book) -> Result<UserHistory, Failure> {
    let query = query(app, args, book)?;
    let mut entries = lines(book, &args.user)?;
    if entries.is_empty() {
        return Err(unknown(&args.user, book, book.head()));
    }
    entries.retain(|entry| query.matches(entry));
    let total = count_of(entries.len());
    if let Some(before) = args.before {
        entries.retain(|entry| Cursor::of(entry) < before);
    }
    let shown = entries.get(..args.lines.unwrap_or(usize::MAX).min(entries.len()));
    let shown = shown.unwrap_or_default();
    let has_more = shown.len() < entries.len();
    Ok(UserHistory {
        schema: USER_HISTORY_SCHEMA,
        user_id: args.user.clone(),
        at: book.head(),
        items: shown.iter().map(HistoryItem::of).collect(),
        total,
        next: shown.last().filter(|_| has_more).map(|last| Cursor::of(last).to_string()),
        complete_from: book.complete_from(),
        view: app.output.view(app.now_ms()),
    })
}

/// Which lines are asked for, on whatever page.
fn query(app: &App, args: &Args, book: &Book) -> Result<HistoryQuery, Failure> {
    let time = |at: &Option<At>| -> Result<Option<u64>, Failure> {
        let Some(at) = at else { return Ok(None) };
        match book.place(at, app.now_ms())? {
            Place::Time(time_ms) => Ok(Some(time_ms)),
            Place::Sequence(_) => {
                Err(Failure::usage(format!("`{at}` is no time")).help("see passbook help at"))
            }
        }
    };
    Ok(HistoryQuery {
        kinds: args.kind.clone(),
        since_ms: time(&args.since)?,
        until_ms: time(&args.until)?,
        device: args.device.clone(),
        ip: args.ip,
        ..HistoryQuery::default()
    })
}

/// All lines of the user, newest first.
pub(crate) fn lines(book: &Book, user: &str) -> Result<Vec<HistoryEntry>, Failure> {
    let query =
        HistoryQuery::newest(PAGE_LINES_MAX).map_err(|error| Failure::usage(error.to_string()))?;
    let page = history_of(&book.journal, user, &query)?;
    if page.next.is_none() {
        return Ok(page.entries);
    }
    // Each further page costs as much as the first: all of them at once, for less.
    let mut fold = HistoryFold::of(user);
    for recorded in book.events(0)? {
        fold.add(&recorded?);
    }
    Ok(fold.newest_first())
}

pub(crate) fn unknown(user: &str, book: &Book, through: u64) -> Failure {
    Failure::new(Exit::NotFound, "not_found", format!("nothing is known of the user `{user}`"))
        .why(format!(
            "no event in @{} .. @{} names it",
            thousands(book.first()),
            thousands(through)
        ))
        .help("names are compared whole and exactly; passbook journal dump shows them all")
        .field("user_id", serde_json::json!(user))
}
