//! The one place that prints: the answer to stdout, everything else to stderr.
//!
//! It knows what stdout is, in which format an answer is wanted, and who reads it page by page.

use std::{
    io::{self, IsTerminal as _, Write},
    process::{Command, Stdio},
};

use anstream::{AutoStream, ColorChoice};

use crate::{
    answer::{Answer, View},
    failure::Failure,
    interrupt::Interrupt,
    progress::{Mode, Phases, Progress, Unit},
    render::time::Zone,
};

/// How wide and how high a terminal is that does not say.
const TERMINAL_SIZE_DEFAULT: (u16, u16) = (24, 80);

/// In which form an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For a person at a terminal.
    Table,
    /// Tab-separated, no header.
    Plain,
    /// One document.
    Json,
    /// A document a line.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// Where and how the answer goes.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) form: Form,
    pub(crate) zone: Zone,
    pub(crate) color: ColorChoice,
    /// Columns are not cut.
    pub(crate) is_wide: bool,
    /// No notes.
    pub(crate) is_quiet: bool,
    /// What shows long answers; `None` = nothing does.
    pub(crate) pager: Option<String>,
    pub(crate) progress: Mode,
    /// Whether a person can be asked.
    pub(crate) can_ask: bool,
    pub(crate) interrupt: Interrupt,
}

impl Output {
    /// How answers are shown.
    pub(crate) fn view(&self, now_ms: u64) -> View {
        let is_cut = self.form == Form::Table && io::stdout().is_terminal() && !self.is_wide;
        let width = is_cut.then(|| usize::from(terminal_size().1));
        View { zone: self.zone.clone(), width, now_ms, is_of_today: false }
    }

    /// Prints an answer.
    pub(crate) fn print(&self, answer: &impl Answer) -> Result<(), Failure> {
        let text = match self.form {
            Form::Table => answer.to_string(),
            Form::Plain => answer.rows().to_plain(),
            Form::Csv => answer.rows().to_csv(),
            Form::Json => serde_json::to_string(answer).map_err(io::Error::other)? + "\n",
            Form::Jsonl => {
                let lines = answer.documents().map_err(io::Error::other)?;
                lines.into_iter().map(|line| line + "\n").collect()
            }
        };
        if self.form == Form::Table && self.is_long(&text) && self.page(&text) {
            return Ok(());
        }
        self.write(&text)
    }

    /// Whether a person is shown what it prints and can answer with keys.
    pub(crate) fn has_keys(&self) -> bool {
        self.form == Form::Table && self.can_ask && io::stdout().is_terminal()
    }

    /// Prints text that is no answer: a help topic, a script for a shell.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.color);
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// A stream of answers, each printed when it comes.
    pub(crate) fn stream(&self) -> Stream {
        let stdout = AutoStream::new(io::stdout().lock(), self.color);
        Stream { form: self.form, stdout: io::BufWriter::new(stdout), has_header: false }
    }

    /// A word to the person, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.say(&format!("note: {}", crate::render::escape::escape(text)));
        }
    }

    /// A line on stderr, as it is.
    pub(crate) fn say(&self, line: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        // Who closed stderr does not want to hear it.
        drop(writeln!(stderr, "{line}"));
    }

    /// Prints what went wrong.
    pub(crate) fn fail(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        match self.form {
            Form::Json | Form::Jsonl => {
                let document = serde_json::to_string(&failure.document());
                self.say(&document.unwrap_or_else(|error| error.to_string()));
            }
            Form::Table | Form::Plain | Form::Csv => self.say(&failure.to_string()),
        }
    }

    /// Long work that begins.
    pub(crate) fn progress(&self, phase: &'static str, total: Option<u64>, unit: Unit) -> Progress {
        Progress::new(phase, total, unit, self.progress)
    }

    /// Long work of several phases, one after the other.
    pub(crate) fn phases(&self) -> Phases {
        Phases::new(self.progress)
    }

    fn is_long(&self, text: &str) -> bool {
        let height = usize::from(terminal_size().0);
        self.pager.is_some() && io::stdout().is_terminal() && text.lines().count() >= height
    }

    /// Whether the pager showed it.
    fn page(&self, text: &str) -> bool {
        let Some(pager) = &self.pager else { return false };
        let child = Command::new("sh").arg("-c").arg(pager).stdin(Stdio::piped()).spawn();
        let Ok(mut child) = child else { return false };
        // The pager hears Ctrl-C too, and it is the pager's.
        self.interrupt.guard();
        if let Some(mut stdin) = child.stdin.take() {
            let choice = match self.color {
                ColorChoice::Auto => AutoStream::choice(&io::stdout()),
                chosen @ (ColorChoice::Always | ColorChoice::AlwaysAnsi | ColorChoice::Never) => {
                    chosen
                }
            };
            let text = match choice {
                ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
                ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => {
                    text.to_owned()
                }
            };
            // A person who leaves before the end has read enough.
            drop(stdin.write_all(text.as_bytes()));
        }
        child.wait().is_ok_and(|status| status.code() != Some(127))
    }
}

/// Answers one after the other.
#[derive(Debug)]
pub(crate) struct Stream {
    form: Form,
    stdout: io::BufWriter<AutoStream<io::StdoutLock<'static>>>,
    has_header: bool,
}

impl Stream {
    /// Prints one more.
    pub(crate) fn print(&mut self, answer: &impl Answer) -> Result<(), Failure> {
        let text = match self.form {
            Form::Table => answer.to_string(),
            Form::Plain => answer.rows().to_plain(),
            Form::Json | Form::Jsonl => {
                serde_json::to_string(answer).map_err(io::Error::other)? + "\n"
            }
            Form::Csv if self.has_header => {
                let text = answer.rows().to_csv();
                text.split_once('\n').map(|(_header, row)| row.to_owned()).unwrap_or_default()
            }
            Form::Csv => answer.rows().to_csv(),
        };
        self.has_header = true;
        self.stdout.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Lets the reader have what was printed.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush()?;
        Ok(())
    }
}

/// Rows and columns of the terminal that stdout is.
fn terminal_size() -> (u16, u16) {
    console::Term::stdout().size_checked().unwrap_or(TERMINAL_SIZE_DEFAULT)
}
