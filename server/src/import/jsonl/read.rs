//! Reading lines: each is a session, or says why it is none. Nothing of a line is ever repeated, as a
//! token may stand in any place of it.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde_json::error::Category;

use super::{LINE_SCHEMA, SessionLine};
use crate::{
    answer::exported::{EXPORT_SCHEMA, Exported},
    failure::{Exit, Failure},
    import::session::{Reason, Row, Take},
};

/// The longest line, in bytes: a session with 64 KiB of data and thousands of spent tokens.
const LINE_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// Lines, and what the header said of them.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    /// The first line, if it was a header.
    pub(crate) header: Option<Exported>,
    lines: u64,
    sessions: u64,
}

/// What a line says it is.
#[derive(Deserialize)]
struct Named {
    schema: String,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, header: None, lines: 0, sessions: 0 }
    }

    /// Gives every line to `take`, and last, as a row of its own, that some are missing.
    pub(crate) fn each(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        let mut line = zeroize::Zeroizing::new(Vec::new());
        while self.next_line(&mut line)? {
            let found = match self.told(&line) {
                Ok(None) => continue,
                Ok(Some(session)) => session.into_incoming().map(Box::new),
                Err(reason) => Err(reason),
            };
            self.sessions += 1;
            take(Row { place: self.lines, found })?;
        }
        let expected = self.header.as_ref().map_or(self.sessions, |header| header.sessions);
        if expected != self.sessions {
            let reason = format!(
                "the header says {expected} sessions and {} follow: the file is cut off or changed",
                self.sessions
            );
            take(Row { place: 1, found: Err(reason) })?;
        }
        Ok(())
    }

    /// The next line without its end; what is beyond the limit is read and not kept.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        line.clear();
        let mut limited = (&mut self.input).take(LINE_BYTES_MAX + 1);
        if limited.read_until(b'\n', line).map_err(unreadable)? == 0 {
            return Ok(false);
        }
        self.lines += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if u64::try_from(line.len()).is_ok_and(|len| len > LINE_BYTES_MAX) {
            self.input.skip_until(b'\n').map_err(unreadable)?;
        }
        Ok(true)
    }

    /// The session of a line; `None` = it was the header.
    fn told(&mut self, line: &[u8]) -> Result<Option<SessionLine>, Reason> {
        if u64::try_from(line.len()).is_ok_and(|len| len > LINE_BYTES_MAX) {
            return Err(format!("the line has more than {LINE_BYTES_MAX} bytes"));
        }
        let named: Named = serde_json::from_slice(line).map_err(|error| reason_of(&error))?;
        match &*named.schema {
            LINE_SCHEMA => {
                let session = serde_json::from_slice(line);
                session.map(Some).map_err(|error| reason_of(&error))
            }
            EXPORT_SCHEMA if self.lines == 1 => {
                let header = serde_json::from_slice(line).map_err(|error| reason_of(&error))?;
                self.header = Some(header);
                Ok(None)
            }
            EXPORT_SCHEMA => Err("a header can only be the first line".to_owned()),
            _ => Err(format!("its schema is not {LINE_SCHEMA}")),
        }
    }
}

/// What is wrong with a line. Of the parser's words only those that name a field of ours are kept.
fn reason_of(error: &serde_json::Error) -> Reason {
    let column = error.column();
    match error.classify() {
        Category::Data => {
            let words = error.to_string();
            match words.split_once(" at line ") {
                Some((missing, _)) if missing.starts_with("missing field") => missing.to_owned(),
                Some(_) | None => {
                    format!(
                        "a field is unknown, there twice or not of its kind, at column {column}"
                    )
                }
            }
        }
        Category::Io | Category::Syntax | Category::Eof => {
            format!("it is no JSON from column {column} on")
        }
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(Exit::Partly, "import:unreadable", "the lines can't be read any further")
        .why(error.to_string())
        .help("what was read until then is recorded; import it again to go on")
}
