//! Stepping by keys, on a terminal.
//!
//! Each step is printed below the last, so the screen is a record of the walk. The terminal is as it
//! always is, save while a key is waited for.

use std::io;

use console::{Key, Term};
use passbook::{SessionId, Step};

use super::{super::first_from, Args, nothing, start, stops::Stops, walk::Walk};
use crate::{
    answer::{
        count_of, counted,
        explanation::{ExplanationDocument, Length},
        step::StepDocument,
    },
    at::At,
    cli::{global::App, why},
    failure::{Exit, Failure},
    reading::Book,
    render::{escape::escape, number::thousands},
};

const PROMPT: &str = "[n]ext  [p]revious  [g]o to  [w]hy  [q]uit  ";
const GO_TO: &str = "go to: ";

/// What a person asks for.
#[derive(Debug, Clone)]
enum Wish {
    Next,
    Previous,
    GoTo(At),
    Why,
    Quit,
}

/// The person at the terminal.
struct Desk<'a> {
    app: &'a App,
    args: &'a Args,
    stops: &'a Stops,
    /// What was shown last.
    shown: Option<Step>,
    /// What is not done yet: it is done again if a compaction came in between.
    wish: Option<Wish>,
}

pub(super) fn run(app: &App, args: &Args, stops: &Stops) -> Result<(), Failure> {
    let mut desk = Desk { app, args, stops, shown: None, wish: None };
    Book::read(app, |book| desk.work(book))
}

impl Desk<'_> {
    fn work(&mut self, book: &Book) -> Result<(), Failure> {
        let mut walk = Walk::new(self.app, book, self.stops);
        if self.shown.is_none() {
            let place = start(self.app, book, self.args)?;
            let first = if self.args.back { walk.back(place)? } else { walk.forward(place)? };
            self.show(first.ok_or_else(|| nothing(book, self.args))?)?;
        }
        loop {
            let wish = match self.wish.take() {
                Some(wish) => wish,
                None => self.ask()?,
            };
            self.wish = Some(wish.clone());
            let granted = match wish {
                Wish::Quit => return Ok(()),
                Wish::Next => self.next(book, &mut walk),
                Wish::Previous => self.previous(book, &mut walk),
                Wish::GoTo(at) => self.go_to(book, &mut walk, &at),
                Wish::Why => self.why(&walk),
            };
            match granted {
                // What is not there is said, and the walk goes on.
                Err(failure) if matches!(failure.exit(), Exit::NotFound | Exit::Usage) => {
                    self.say(&failure.to_string())?;
                }
                granted => granted?,
            }
            self.wish = None;
        }
    }

    fn place(&self) -> u64 {
        self.shown.as_ref().map_or(0, |step| step.recorded.sequence)
    }

    fn next(&mut self, book: &Book, walk: &mut Walk<'_>) -> Result<(), Failure> {
        match walk.forward(self.place())? {
            Some(step) => self.show(step),
            None => self.say(&match (self.stops.are_all(), thousands(book.head())) {
                (true, head) => format!("that was the last event, @{head}"),
                (false, head) => format!("nothing to stop at up to the last event, @{head}"),
            }),
        }
    }

    fn previous(&mut self, book: &Book, walk: &mut Walk<'_>) -> Result<(), Failure> {
        match walk.back(self.place())? {
            Some(step) => self.show(step),
            None => self.say(&match (self.stops.are_all(), thousands(book.first())) {
                (true, _) => "that was the first event that can be told".to_owned(),
                (false, first) => format!("nothing to stop at back to the first event, @{first}"),
            }),
        }
    }

    fn go_to(&mut self, book: &Book, walk: &mut Walk<'_>, at: &At) -> Result<(), Failure> {
        let place = first_from(self.app, book, at)? - 1;
        match walk.forward(place)? {
            Some(step) => self.show(step),
            None => self.say("nothing to stop at from there on"),
        }
    }

    /// Why the session of the step is dead now, or what would end it.
    fn why(&mut self, walk: &Walk<'_>) -> Result<(), Failure> {
        let (session, others) = self.shown.as_ref().map_or((None, 0), session_of);
        let Some(session) = session else {
            return self.say("this event is about no session");
        };
        if others > 0 {
            let others = counted(count_of(others), "other", "others");
            self.say(&format!("of the first session that it ended, and not of {others}:"))?;
        }
        let explanation = why::of_session(walk.replay(), session, None)?;
        let view = self.app.output.view(self.app.now_ms());
        let document = ExplanationDocument::of(&explanation, Length::Short, view);
        self.app.output.write(&format!("\n{document}"))
    }

    fn show(&mut self, step: Step) -> Result<(), Failure> {
        let view = self.app.output.view(self.app.now_ms());
        let shown = StepDocument::of(&step, &view);
        let gap = if self.shown.replace(step).is_some() { "\n" } else { "" };
        self.app.output.write(&format!("{gap}{shown}"))
    }

    fn say(&self, words: &str) -> Result<(), Failure> {
        self.app.output.write(&format!("{words}\n"))
    }

    /// Waits for a key that asks for something.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys that there are ask for nothing")]
    fn ask(&self) -> Result<Wish, Failure> {
        loop {
            let wish = match self.key(PROMPT)? {
                Key::Char('n' | ' ') | Key::ArrowRight | Key::ArrowDown | Key::Enter => Wish::Next,
                Key::Char('p') | Key::ArrowLeft | Key::ArrowUp | Key::Backspace => Wish::Previous,
                Key::Char('w') => Wish::Why,
                // The byte of Ctrl-D: the end of what is typed.
                Key::Char('q' | '\u{4}') => Wish::Quit,
                Key::CtrlC => return Err(Failure::told(Exit::Interrupted)),
                Key::Char('g') => match self.moment()? {
                    Some(at) => Wish::GoTo(at),
                    None => continue,
                },
                key => {
                    self.say(&format!("{} does nothing here", name(&key)))?;
                    continue;
                }
            };
            return Ok(wish);
        }
    }

    /// One key, under words that go away when it comes.
    fn key(&self, words: &str) -> Result<Key, Failure> {
        self.app.output.write(words)?;
        let terminal = Term::stdout();
        let key = whole_key(&terminal);
        if terminal.features().colors_supported() {
            terminal.clear_line()?;
        } else {
            terminal.write_line("")?;
        }
        key.map_err(|error| {
            Failure::new(Exit::Failed, "io", "the terminal gives no key").why(error.to_string())
        })
    }

    /// The moment that is typed; `None` = none.
    fn moment(&self) -> Result<Option<At>, Failure> {
        self.app.output.write(GO_TO)?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            self.say("")?;
        }
        match line.trim() {
            "" => Ok(None),
            text => match text.parse::<At>() {
                Ok(at) => Ok(Some(at)),
                Err(error) => self.say(&escape(&error.to_string())).map(|()| None),
            },
        }
    }
}

/// The session that the step is about, or the first that it ended; and how many others it ended.
fn session_of(step: &Step) -> (Option<SessionId>, usize) {
    let ended = &step.difference.ended;
    match step.recorded.event.fact.subject() {
        Some(subject) => (Some(subject.session), 0),
        None => (ended.first().map(|ended| ended.state.id()), ended.len().saturating_sub(1)),
    }
}

/// One key. Of one that the library does not know it gives the beginning alone, and the rest as keys
/// of their own: that goes with it.
fn whole_key(terminal: &Term) -> io::Result<Key> {
    let key = terminal.read_key_raw()?;
    if let Key::UnknownEscSeq(begun) = &key {
        let is_final = |c: char| ('@'..='~').contains(&c);
        // `ESC O` and one more, `ESC [` and parameters up to a letter or a tilde.
        let mut is_open = match begun.as_slice() {
            ['O' | '['] => true,
            ['[', .., last] => !is_final(*last),
            _ => false,
        };
        while is_open {
            is_open = matches!(terminal.read_key_raw()?, Key::Char(c) if !is_final(c));
        }
    }
    Ok(key)
}

/// A key by name, to be printed.
fn name(key: &Key) -> String {
    if let Key::Char(c) = key {
        return format!("`{}`", escape(&c.to_string()));
    }
    let is_unknown = matches!(key, Key::UnknownEscSeq(_) | Key::Unknown);
    if is_unknown { "this key".to_owned() } else { format!("{key:?}") }
}
