//! The filter, and the options that are sugar for its terms.

use serde_json::json;

use crate::{
    failure::Failure,
    filter::{Filter, Key},
};

/// A filter that is put together from words and options.
#[derive(Debug, Default)]
pub(crate) struct FilterText(String);

impl FilterText {
    /// The filter as it was given; a misspelt option is told from one that begins with a negation.
    pub(crate) fn of(text: Option<&str>) -> Result<Self, Failure> {
        let text = text.unwrap_or_default();
        if text.starts_with("--") {
            return Err(Failure::usage(format!("there is no option `{text}`")).help("see --help"));
        }
        Ok(Self(text.to_owned()))
    }

    /// One more term, from an option.
    pub(crate) fn term(&mut self, key: Key, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            self.push(&format!("{key}:\"{quoted}\""));
        }
        self
    }

    /// One more term of names that need no quotes, which may be joined by commas.
    pub(crate) fn names(&mut self, key: Key, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.push(&format!("{key}:{value}"));
        }
        self
    }

    /// A term that excludes one name.
    pub(crate) fn names_not(&mut self, key: Key, value: &str) -> &mut Self {
        self.push(&format!("-{key}:{value}"));
        self
    }

    fn push(&mut self, term: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(term);
    }

    /// Reads it; a mistake is shown at its column.
    pub(crate) fn parse(&self, now_ms: u64) -> Result<Filter, Failure> {
        Filter::parse(&self.0, now_ms).map_err(|error| {
            Failure::usage(format!("the filter, {error}"))
                .why(&*self.0)
                .points_at(error.column)
                .help("passbook help filter shows what can be written")
                .field("column", json!(error.column))
                .field("filter", json!(self.0))
        })
    }
}
