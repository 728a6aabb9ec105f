//! From text to terms.

use std::iter::Peekable;
use std::str::Chars;

use ipnet::IpNet;

use super::error::{FilterError, FilterProblem};
use super::key::{Key, ValueKind};
use super::{Term, Value};
use crate::at::{At, AtRange};

/// The longest filter, in bytes.
pub const FILTER_LEN_MAX: usize = 4_096;
/// The most terms of a filter.
pub const TERMS_MAX: usize = 64;
/// The most values of a term.
pub const VALUES_MAX: usize = 256;

pub(super) fn parse(text: &str, now_ms: u64) -> Result<Vec<Term>, FilterError> {
    if text.len() > FILTER_LEN_MAX {
        return Err(FilterError { column: 1, problem: FilterProblem::TooLong });
    }
    let mut input = Input { chars: text.chars().peekable(), column: 1 };
    let mut terms = Vec::new();
    loop {
        input.skip_spaces();
        if input.peek().is_none() {
            return Ok(terms);
        }
        if terms.len() >= TERMS_MAX {
            return Err(input.error(FilterProblem::TooManyTerms));
        }
        terms.push(term(&mut input, now_ms)?);
    }
}

/// Whether `text` can stand without quotes.
pub(super) fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_bare_char)
}

fn is_bare_char(c: char) -> bool {
    !c.is_whitespace() && c != ',' && c != '"'
}

/// Characters, and the column of the next one.
struct Input<'a> {
    chars: Peekable<Chars<'a>>,
    column: usize,
}

impl Input<'_> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        self.column += 1;
        self.chars.next()
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.next();
        }
        found
    }

    fn skip_spaces(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            self.next();
            taken.push(c);
        }
        taken
    }

    const fn error(&self, problem: FilterProblem) -> FilterError {
        FilterError { column: self.column, problem }
    }
}

fn term(input: &mut Input<'_>, now_ms: u64) -> Result<Term, FilterError> {
    let is_negated = input.eat('-');
    let column = input.column;
    let name = input.take_while(|c| c != ':' && is_bare_char(c));
    if !input.eat(':') {
        let problem = FilterProblem::NoKey { word: name };
        return Err(FilterError { column, problem });
    }
    let Some(key) = Key::of_name(&name) else {
        let problem = FilterProblem::UnknownKey { key: name };
        return Err(FilterError { column, problem });
    };
    let mut values = Vec::new();
    loop {
        if values.len() >= VALUES_MAX {
            return Err(input.error(FilterProblem::TooManyValues));
        }
        let column = input.column;
        let text = value_text(input, key)?;
        let value = value(key, text, now_ms).map_err(|problem| FilterError { column, problem })?;
        values.push(value);
        if !input.eat(',') {
            return Ok(Term { is_negated, key, values });
        }
    }
}

fn value_text(input: &mut Input<'_>, key: Key) -> Result<String, FilterError> {
    let column = input.column;
    let text = if input.eat('"') {
        quoted(input).ok_or(FilterError { column, problem: FilterProblem::OpenQuote })?
    } else {
        let text = input.take_while(is_bare_char);
        if text.is_empty() {
            return Err(input.error(FilterProblem::NoValue { key }));
        }
        text
    };
    match input.peek() {
        Some(c) if c != ',' && !c.is_whitespace() => Err(input.error(FilterProblem::StrayQuote)),
        _ => Ok(text),
    }
}

/// Up to the quote that ends it; `None` when there is none.
fn quoted(input: &mut Input<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match input.next()? {
            '"' => return Some(text),
            '\\' => text.push(input.next()?),
            c => text.push(c),
        }
    }
}

fn value(key: Key, text: String, now_ms: u64) -> Result<Value, FilterProblem> {
    match key.value_kind() {
        ValueKind::Text => Ok(Value::Text(text)),
        ValueKind::OneOf(choices) => choice(key, text, choices).map(Value::Text),
        ValueKind::Flag => {
            choice(key, text, super::key::FLAGS).map(|text| Value::Flag(text == "yes"))
        }
        ValueKind::Net => {
            net(&text).ok_or(FilterProblem::NoAddress { value: text }).map(Value::Net)
        }
        ValueKind::Time => match text.parse()? {
            At::Time(time) => Ok(Value::Time(time.resolve(now_ms)?)),
            At::Sequence(_) | At::Head { .. } | At::Bookmark(_) => {
                Err(FilterProblem::NoTime { key })
            }
        },
        ValueKind::Sequences => sequences(&text),
    }
}

fn choice(
    key: Key,
    value: String,
    choices: &'static [&'static str],
) -> Result<String, FilterProblem> {
    if choices.contains(&value.as_str()) {
        Ok(value)
    } else {
        Err(FilterProblem::NoChoice { key, value, choices })
    }
}

/// The host part of a network is dropped; IPv4 in IPv6 is IPv4.
fn net(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let net: IpNet = text.parse().ok()?;
    Some(net.trunc())
}

fn sequences(text: &str) -> Result<Value, FilterProblem> {
    let range = if text.contains("..") {
        text.parse()?
    } else {
        let at: At = text.parse()?;
        AtRange { from: Some(at.clone()), to: Some(at) }
    };
    let end = |at: Option<At>, open: u64| match at {
        None => Ok(open),
        Some(At::Sequence(sequence)) => Ok(sequence),
        Some(At::Head { .. } | At::Time(_) | At::Bookmark(_)) => Err(FilterProblem::NoSequences),
    };
    let (first, last) = (end(range.from, 0)?, end(range.to, u64::MAX)?);
    if first > last {
        return Err(FilterProblem::Backwards { first, last });
    }
    Ok(Value::Sequences { first, last })
}
