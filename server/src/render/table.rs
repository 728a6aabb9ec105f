//! Rows and columns: aligned for a terminal, tab-separated for a pipe, or CSV.
//!
//! Cells are the bare text, untrusted or not; a table escapes what a terminal may see. It knows no
//! colour, and the terminal's width is an argument.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::escape;

/// Between two columns, in cells of the terminal.
const GAP: usize = 2;
/// No column is cut to less than this, in cells of the terminal.
pub const CUT_WIDTH_MIN: usize = 8;

/// Rows under headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// What all cells of a column share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub header: &'static str,
    /// At which side its text stands.
    pub align: Align,
    /// Whether its text may be shortened.
    pub cut: Cut,
}

/// At which side text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Whether text may be shortened on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Never: ids, numbers and times.
    Never,
    /// With `…`, when the line would be wider than the terminal.
    Allowed,
}

impl Column {
    /// A column that is never cut: an id, a state, a time.
    pub const fn whole(header: &'static str) -> Self {
        Self { header, align: Align::Left, cut: Cut::Never }
    }

    /// A column of free text, which may be cut.
    pub const fn text(header: &'static str) -> Self {
        Self { header, align: Align::Left, cut: Cut::Allowed }
    }

    /// A column of numbers.
    pub const fn number(header: &'static str) -> Self {
        Self { header, align: Align::Right, cut: Cut::Never }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it hasn't a cell for every column: that is a mistake in the caller.
    pub fn push<T: Into<String>>(&mut self, row: impl IntoIterator<Item = T>) {
        let row: Vec<String> = row.into_iter().map(Into::into).collect();
        assert_eq!(row.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its rows, to be part of another table.
    pub fn into_rows(self) -> Vec<Vec<String>> {
        self.rows
    }

    /// Aligned under headers; `width` is the terminal's, `None` (`--wide`) cuts nothing. Where
    /// even the columns that may be cut do not make room, lines are wider than the terminal.
    pub fn to_terminal(&self, width: Option<usize>) -> String {
        let header: Vec<String> = self.columns.iter().map(|c| c.header.to_owned()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| escape(cell).into()).collect());
        let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        let mut widths = vec![0; self.columns.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.width().max(*width);
            }
        }
        if let Some(width) = width {
            self.shrink(&mut widths, width);
        }
        lines.iter().map(|line| self.line(line, &widths)).collect()
    }

    /// Takes from the widest column that may be cut until the line fits.
    fn shrink(&self, widths: &mut [usize], width: usize) {
        let gaps = GAP * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
        while excess > 0 {
            let widest = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(width, column)| column.cut == Cut::Allowed && **width > CUT_WIDTH_MIN)
                .map(|(width, _)| width)
                .max();
            let Some(widest) = widest else { return };
            *widest -= 1;
            excess -= 1;
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), column) in cells.iter().zip(widths).zip(&self.columns) {
            let text = cut_to(cell, *width);
            let padding = " ".repeat(width.saturating_sub(text.width()));
            match column.align {
                Align::Left => line.extend([text, padding]),
                Align::Right => line.extend([padding, text]),
            }
            line.push_str(&" ".repeat(GAP));
        }
        line.truncate(line.trim_end_matches(' ').len());
        line.push('\n');
        line
    }

    /// A line a row, tabs between cells, no header, nothing cut. A tab in a cell is escaped.
    pub fn to_plain(&self) -> String {
        let line = |row: &Vec<String>| {
            let cells: Vec<_> = row.iter().map(|cell| escape(cell)).collect();
            cells.join("\t") + "\n"
        };
        self.rows.iter().map(line).collect()
    }

    /// CSV with a header line, in lower case with `_`. Cells are as they are, not escaped.
    ///
    /// # Panics
    /// Never: memory takes all, and all rows are of one length.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = self.columns.iter().map(|c| c.header.to_lowercase().replace(' ', "_"));
        let header: Vec<String> = header.collect();
        for record in std::iter::once(&header).chain(&self.rows) {
            writer.write_record(record).expect("memory takes all, and rows are of one length");
        }
        let bytes = writer.into_inner().expect("memory takes all");
        String::from_utf8(bytes).expect("cells are text")
    }
}

/// `text` in at most `width` cells, `…` at the end when something is missing.
pub fn cut_to(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    fits.chain(['…']).collect()
}

#[cfg(test)]
mod tests;
