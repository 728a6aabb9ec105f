//! Untrusted text for a terminal: what would act on the screen is shown instead.
//!
//! A user name, a device label or a log line comes from strangers. Control bytes could repaint the
//! screen, bidi marks turn a line around, invisible characters make two names look the same. Each
//! becomes an escape that can be told from text, as a backslash is doubled. Letters which only look
//! alike are left as they are.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every character that acts or hides made visible: `\n`, `\t`, `\u{1b}`, `\\`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(must_show) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            c if must_show(c) => {
                write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all");
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn must_show(c: char) -> bool {
    c == '\\' || c.is_control() || turns_text(c) || is_invisible(c)
}

/// Marks that set the direction of text, and line ends beyond ASCII.
fn turns_text(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
    )
}

/// Characters of no width which are not part of a letter, and fillers that look like a space.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nasty_text_is_shown_and_does_nothing() {
        for (nasty, shown) in [
            ("\u{1b}[2J\u{1b}[31mroot", r"\u{1b}[2J\u{1b}[31mroot"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\r\nb\tc\0", r"a\r\nb\tc\u{0}"),
            ("\u{7f}\u{8}", r"\u{7f}\u{8}"),
            ("admin\u{202e}gpj.exe", r"admin\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}\u{200f}", r"\u{2066}x\u{2069}\u{200f}"),
            ("ro\u{200b}ot\u{feff}", r"ro\u{200b}ot\u{feff}"),
            ("a\u{2028}b\u{85}", r"a\u{2028}b\u{85}"),
            ("tag\u{e0041}", r"tag\u{e0041}"),
            ("\u{3164}", r"\u{3164}"),
            (r"\u{1b}", r"\\u{1b}"),
        ] {
            assert_eq!(escape(nasty), shown);
        }
    }

    #[test]
    fn plain_text_is_not_touched() {
        for text in ["", "Firefox on Linux", "Зоя 雪 é 🦀", "a b"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_comes_through(text in "(\\PC|\\p{Cf}|\\p{Cc}|\\p{Zl}|\\p{Zp}){0,40}") {
            let shown = escape(&text).into_owned();
            prop_assert!(!shown.chars().any(|c| c != '\\' && must_show(c)), "{:?}", shown);
        }

        #[test]
        fn different_texts_look_different(a in "[\\\\nu{}b1\n\u{1b}]{0,6}", b in "[\\\\nu{}b1\n\u{1b}]{0,6}") {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
        }
    }
}
