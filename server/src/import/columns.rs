//! Rows of another program's table, whatever database it is in: which columns are asked for, and what
//! they hold.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::session::{Incoming, Reason};
use crate::failure::{Exit, Failure};

/// The columns of a table that are read.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) columns: &'static [&'static str],
    /// What older versions of the table lack; then it is NULL.
    pub(crate) optional: &'static [&'static str],
}

/// What a column holds.
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    /// As the database gave it: it may be no UTF-8.
    Text(&'a [u8]),
    Blob(&'a [u8]),
    Other,
}

/// A row of the columns that were asked for, as its database gives it.
pub(crate) trait Cells {
    /// `None`: it can't be read.
    fn value(&self, name: &str) -> Option<Value<'_>>;
}

/// What makes a session of a row.
pub(crate) type Tell<'a> = dyn Fn(&dyn Cells) -> Result<Incoming, Reason> + 'a;

impl Wanted {
    /// The statement that reads them, from a table that has the columns `there`.
    pub(crate) fn select_from(
        &self,
        table: &str,
        there: &BTreeSet<String>,
    ) -> Result<String, Failure> {
        let is_there = |column: &str| there.contains(column);
        if let Some(missing) = self.columns.iter().find(|column| !is_there(column)) {
            return Err(no_column(format!("the table {table} has no column {missing}")));
        }
        let named = |column: &&str| quoted(column);
        let or_null = |column: &&str| {
            let name = quoted(column);
            if is_there(column) { name } else { format!("NULL AS {name}") }
        };
        let (columns, optional) = (self.columns.iter(), self.optional.iter());
        let list: Vec<_> = columns.map(named).chain(optional.map(or_null)).collect();
        Ok(format!("SELECT {} FROM {}", list.join(", "), quoted(table)))
    }
}

impl dyn Cells + '_ {
    /// A text; wiped on drop, as it may be a token.
    pub(crate) fn text(&self, name: &str) -> Result<Zeroizing<String>, Reason> {
        self.text_or_null(name)?.ok_or_else(|| format!("{name} is NULL"))
    }

    pub(crate) fn text_or_null(&self, name: &str) -> Result<Option<Zeroizing<String>>, Reason> {
        match self.held(name)? {
            Value::Null => Ok(None),
            Value::Text(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_error| not_text(name))?;
                Ok(Some(Zeroizing::new(text.to_owned())))
            }
            Value::Integer(_) | Value::Other | Value::Blob(_) => Err(not_text(name)),
        }
    }

    /// A text that is no secret; an empty one is as good as none.
    pub(crate) fn label(&self, name: &str) -> Result<Option<String>, Reason> {
        let text = self.text_or_null(name)?;
        Ok(text.filter(|text| !text.is_empty()).map(|text| text.to_string()))
    }

    pub(crate) fn blob(&self, name: &str) -> Result<&[u8], Reason> {
        match self.held(name)? {
            Value::Blob(bytes) => Ok(bytes),
            Value::Null | Value::Integer(_) | Value::Other | Value::Text(_) => {
                Err(format!("{name} is no blob"))
            }
        }
    }

    /// A number; `None` for anything else.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Reason> {
        match self.held(name)? {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null | Value::Other | Value::Text(_) | Value::Blob(_) => Ok(None),
        }
    }

    fn held(&self, name: &str) -> Result<Value<'_>, Reason> {
        self.value(name).ok_or_else(|| format!("{name} can't be read"))
    }
}

fn not_text(name: &str) -> Reason {
    format!("{name} is no text")
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The database has no table of that name.
pub(crate) fn no_table(what: String) -> Failure {
    of_another_kind(Exit::NotFound, what)
}

fn no_column(what: String) -> Failure {
    of_another_kind(Exit::Failed, what)
}

fn of_another_kind(exit: Exit, what: String) -> Failure {
    Failure::new(exit, "import:no_table", what)
        .help("is it the right kind of store? see passbook import --help")
}
