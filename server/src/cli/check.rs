//! `passbook session check`: whether a token opens a live session.

use std::io::{self, IsTerminal as _, Read as _};

use passbook::{
    Token,
    core::{SessionView as _, TokenStanding},
};
use zeroize::Zeroizing;

use super::global::App;
use crate::{
    answer::{
        made::{SESSION_CHECK_SCHEMA, SessionChecked},
        session::SessionItem,
    },
    failure::{Exit, Failure},
    fold::{Depth, fold, judged_at_ms},
    progress::Unit,
    reading::{Book, Until},
};

/// The longest input that is read for a token, in bytes.
const INPUT_BYTES_MAX: u64 = 4_096;

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session check                        asks for the token, and does not show it
  passbook session check --token-stdin <token.txt && echo live
")]
pub(crate) struct Args {
    /// Read the token from stdin.
    #[arg(long)]
    token_stdin: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let input = input(app, args)?;
    let text = input.trim();
    // What is no token opens nothing; that is all that is said of it.
    let token = Token::parse_any(text).ok();
    let now_ms = app.now_ms();
    let folded = Book::read(app, |book| {
        let progress = app.output.progress("read", Some(book.head()), Unit::Events);
        fold(book, (Until::Head, Depth::State), &progress, &mut |_, _, _| {})
    })?;
    let judged_at_ms = judged_at_ms(Until::Head, &folded, now_ms);
    let standing = token.and_then(|token| folded.state.token(&token.digest()));
    let live = match standing {
        Some(TokenStanding::Live(state)) if !state.session.is_expired(judged_at_ms) => Some(state),
        Some(TokenStanding::Live(_) | TokenStanding::Spent(..)) | None => None,
    };
    let session = live.map(|state| SessionItem::of(&state, folded.track(state.id()), None));
    let checked = SessionChecked {
        schema: SESSION_CHECK_SCHEMA,
        live: session.is_some(),
        at: folded.sequence,
        session,
        view: app.output.view(judged_at_ms),
    };
    app.output.print(&checked)?;
    if checked.live { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}

fn input(app: &App, args: &Args) -> Result<Zeroizing<String>, Failure> {
    if args.token_stdin {
        return from_stdin();
    }
    if !app.output.can_ask || !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask for the token")
            .help("give it on stdin: passbook session check --token-stdin <token.txt"));
    }
    let terminal = console::Term::stderr();
    terminal.write_str("Token: ").map_err(unread)?;
    terminal.read_secure_line().map(Zeroizing::new).map_err(unread)
}

/// The token on stdin, with what stands around it.
pub(super) fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text).map_err(unread)?;
    Ok(text)
}

fn unread(error: io::Error) -> Failure {
    Failure::new(Exit::Failed, "io", "the token could not be read").why(error.to_string())
}
