//! Colours: the sixteen of the palette, and never without a word.

use anstyle::{AnsiColor, Style};

/// Alive, whole, well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Dead, damaged, refused.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Ended in order, or to be looked at.
pub(crate) const FADED: Style = AnsiColor::Yellow.on_default();
/// Names of facts and of columns.
pub(crate) const LABEL: Style = Style::new().bold();

/// `text` in that style.
pub(crate) fn painted(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// The style of a state or of a word of a history.
pub(crate) fn style_of(word: &str) -> Style {
    match word {
        "live" | "login" | "GOOD" | "yes" => GOOD,
        "DEAD" | "FAILED" | "BAD" | "REUSE" => BAD,
        "ended" | "expired" => FADED,
        _ => Style::new(),
    }
}

/// A table whose header is a label and whose cells in column `column` are painted by their word.
/// Columns before it must not hold two spaces in a row.
pub(crate) fn table(text: &str, word_at: Option<usize>) -> String {
    let mut lines = text.lines();
    let mut painted_text = String::with_capacity(text.len() + 64);
    if let Some(header) = lines.next() {
        painted_text.push_str(&painted(header, LABEL));
        painted_text.push('\n');
    }
    for line in lines {
        match word_at.and_then(|column| split_cell(line, column)) {
            Some((before, word, behind)) => {
                painted_text.push_str(before);
                painted_text.push_str(&painted(word, style_of(word)));
                painted_text.push_str(behind);
            }
            None => painted_text.push_str(line),
        }
        painted_text.push('\n');
    }
    painted_text
}

/// The line before the cell of that number, the cell, and what is behind it.
fn split_cell(line: &str, column: usize) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    for _ in 0..column {
        let (_, rest) = line.split_at_checked(start)?;
        let gap = rest.find("  ")?;
        let (_, behind) = rest.split_at_checked(gap)?;
        start += gap + (behind.len() - behind.trim_start_matches(' ').len());
    }
    let (before, rest) = line.split_at_checked(start)?;
    let end = rest.find("  ").unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end)?;
    Some((before, word, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_column_is_found_and_nothing_else_is_touched() {
        assert_eq!(split_cell("a b  live   c", 1), Some(("a b  ", "live", "   c")));
        assert_eq!(split_cell("live", 0), Some(("", "live", "")));
        assert_eq!(split_cell("one", 1), None);
        let stripped = anstream::adapter::strip_str(&table("A  B\nx  live\n", Some(1))).to_string();
        assert_eq!(stripped, "A  B\nx  live\n");
    }
}
