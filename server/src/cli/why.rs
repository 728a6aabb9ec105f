//! `passbook why`: why a session is dead, or what would end it; `replay explain` is its long form.

use passbook::{Explanation, LedgerError, Replay, SessionId, Token};

use super::{check, global::App, session};
use crate::{
    answer::explanation::{ExplanationDocument, Length},
    at::At,
    failure::{Exit, Failure},
    reading::Book,
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook why 01M7WH9B1A4TFF59TDWH9EDD1R
  passbook why --token-stdin <token.txt
  passbook replay explain 01M7WH9B1A4TFF59TDWH9EDD1R --at @1048610
")]
pub(crate) struct Args {
    /// The session's id.
    #[arg(value_name = "SESSION", required_unless_present = "token_stdin")]
    session: Option<SessionId>,
    /// Read one of its tokens from stdin, live or spent.
    #[arg(long, conflicts_with = "session")]
    token_stdin: bool,
    /// As it was at this moment: see passbook help at.
    #[arg(long, value_name = "AT", allow_hyphen_values = true)]
    at: Option<At>,
}

/// Whose end is asked about.
enum Whose {
    Session(SessionId),
    Token(Token),
}

pub(crate) fn run(app: &App, args: &Args, length: Length) -> Result<(), Failure> {
    let whose = match args.session {
        Some(session) => Whose::Session(session),
        None => Whose::Token(token()?),
    };
    let explanation = Book::read(app, |book| explain(app, args, book, &whose))?;
    let view = app.output.view(app.now_ms());
    app.output.print(&ExplanationDocument::of(&explanation, length, view))
}

fn token() -> Result<Token, Failure> {
    let input = check::from_stdin()?;
    // The cause would repeat what was given.
    Token::parse_any(input.trim()).map_err(|_cause| {
        Failure::new(Exit::NotFound, "not_found", "what stdin has is no token")
            .help("give the token alone, as it was handed out")
    })
}

fn explain(app: &App, args: &Args, book: &Book, whose: &Whose) -> Result<Explanation, Failure> {
    let now_ms = app.now_ms();
    let at = book.until(args.at.as_ref(), now_ms)?.moment();
    let replay = book.replay(now_ms);
    let session = match whose {
        Whose::Session(session) => *session,
        Whose::Token(token) => match (replay.explain_token(token), at) {
            (Ok(explanation), None) => return Ok(explanation),
            (Ok(explanation), Some(_)) => explanation.session.id,
            (Err(LedgerError::NoTrace { .. }), _) => return Err(no_token()),
            (Err(error), _) => return Err(error.into()),
        },
    };
    of_session(&replay, session, at)
}

/// Why that session is dead, or what would end it; `None` = as it stands now.
pub(super) fn of_session(
    replay: &Replay<'_>,
    session: SessionId,
    at: Option<passbook::At>,
) -> Result<Explanation, Failure> {
    let explained = match at {
        None => replay.explain(session),
        Some(at) => replay.explain_at(session, at),
    };
    explained.map_err(|error| session::told_of(session, error))
}

fn no_token() -> Failure {
    Failure::new(Exit::NotFound, "not_found", "the token belongs to no session that is kept")
        .help("passbook session check says whether a token opens a session")
}
