//! Lines of bytes, with a limit, from any reader.
//!
//! It leaves to others what a line means. An overlong line costs no memory beyond the limit.

use std::io::{self, BufRead};

use memchr::memchr;

/// The longest line that is read, in bytes without its end. RFC 5424 asks for 2,048; rsyslog cuts
/// at 8,192.
pub const LINE_LEN_MAX: usize = 8_192;

/// Reads line by line into one buffer.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// With a line feed; [`Lines::line`] has its text.
    Complete,
    /// The stream stopped before the line feed; [`Lines::line`] has what came.
    Unfinished,
    /// It was longer than the limit and has been passed over.
    Overlong,
    /// There is no further line.
    Stream,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new() }
    }

    /// The last line read, without its line feed or carriage return and line feed.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    pub(super) fn read(&mut self) -> io::Result<LineEnd> {
        self.line.clear();
        let (mut began, mut fits) = (false, true);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(match (began, fits) {
                    (false, _) => LineEnd::Stream,
                    (true, true) => self.ended(LineEnd::Unfinished),
                    (true, false) => LineEnd::Overlong,
                });
            }
            began = true;
            let feed = memchr(b'\n', chunk);
            let part = feed.and_then(|at| chunk.get(..at)).unwrap_or(chunk);
            // One more than the limit: a carriage return may be the last byte.
            fits = fits && self.line.len() + part.len() <= LINE_LEN_MAX + 1;
            if fits {
                self.line.extend_from_slice(part);
            } else {
                self.line.clear();
            }
            let used = feed.map_or(part.len(), |at| at + 1);
            self.input.consume(used);
            if feed.is_some() {
                let end = if fits { LineEnd::Complete } else { LineEnd::Overlong };
                return Ok(self.ended(end));
            }
        }
    }

    fn ended(&mut self, end: LineEnd) -> LineEnd {
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.line.len() > LINE_LEN_MAX {
            self.line.clear();
            return LineEnd::Overlong;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[(LineEnd, usize)]) {
        // A tiny buffer, so that lines are pieced together.
        for capacity in [1, 7, 64, 65_536] {
            let mut lines = Lines::new(io::BufReader::with_capacity(capacity, input));
            let mut found = Vec::new();
            loop {
                let end = lines.read().expect("memory does not fail");
                if end == LineEnd::Stream {
                    break;
                }
                found.push((end, lines.line().len()));
            }
            assert_eq!(found, expected, "buffer of {capacity}");
        }
    }

    #[test]
    fn lines_end_with_a_line_feed_or_both() {
        check(
            b"one\ntwo\r\n\n",
            &[(LineEnd::Complete, 3), (LineEnd::Complete, 3), (LineEnd::Complete, 0)],
        );
        check(b"one\ntw", &[(LineEnd::Complete, 3), (LineEnd::Unfinished, 2)]);
        check(b"", &[]);
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_one_past_it_is_not() {
        let mut input = vec![b'a'; LINE_LEN_MAX];
        input.extend_from_slice(b"\r\n");
        input.extend(vec![b'b'; LINE_LEN_MAX + 1]);
        input.extend_from_slice(b"\nc\n");
        input.extend(vec![b'd'; LINE_LEN_MAX * 3]);
        check(
            &input,
            &[
                (LineEnd::Complete, LINE_LEN_MAX),
                (LineEnd::Overlong, 0),
                (LineEnd::Complete, 1),
                (LineEnd::Overlong, 0),
            ],
        );
    }
}
