//! Facts under one another: a label, and what stands behind it.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr;

use super::paint::{self, painted};
use crate::render::escape::escape;

/// Between the label and the value.
const GAP: usize = 2;

/// Lines of `label  value`, aligned.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    lines: Vec<(String, String)>,
    label_width_min: usize,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Aligned as if a label had so many cells.
    pub(crate) fn wide(label_width_min: usize) -> Self {
        Self { lines: Vec::new(), label_width_min }
    }

    /// A fact; its text may be anybody's.
    pub(crate) fn add(&mut self, label: &str, value: impl AsRef<str>) -> &mut Self {
        self.own(label, escape(value.as_ref()).into_owned())
    }

    /// A fact, if there is one.
    pub(crate) fn add_some(&mut self, label: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(value) => self.add(label, value),
            None => self,
        }
    }

    /// A fact in our own words, which may be painted.
    pub(crate) fn own(&mut self, label: &str, value: impl Into<String>) -> &mut Self {
        self.lines.push((label.to_owned(), value.into()));
        self
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.lines.iter().map(|(label, _)| label.width()).max().unwrap_or(0);
        let width = widest.max(self.label_width_min);
        for (label, value) in &self.lines {
            let padding = " ".repeat(width.saturating_sub(label.width()) + GAP);
            let line = format!("{}{padding}{value}", painted(label, paint::LABEL));
            f.write_str(line.trim_end())?;
            f.write_char('\n')?;
        }
        Ok(())
    }
}
