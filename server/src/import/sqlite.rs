//! A table of another program's SQLite file, which is only ever read.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use zeroize::Zeroizing;

use super::session::{Incoming, Reason, Row, Take};
use crate::failure::{Exit, Failure, chain};

/// A table, and what it has.
#[derive(Debug)]
pub(crate) struct Table {
    connection: Connection,
    name: String,
    columns: BTreeSet<String>,
    /// How many rows there were when it was opened.
    pub(crate) rows: u64,
}

/// A row of the columns that were asked for.
#[derive(Debug)]
pub(crate) struct Columns<'a>(&'a rusqlite::Row<'a>);

impl Table {
    /// Opens the file without the right to write to it.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self, Failure> {
        if !path.is_file() {
            let what = format!("there is no file {}", path.display());
            return Err(Failure::new(Exit::NotFound, "import:unreadable", what)
                .help("name the SQLite file of the old store; nothing was changed"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        let mut columns = BTreeSet::new();
        let told = connection.pragma(None, "table_info", name, |row| {
            columns.insert(row.get::<_, String>("name")?);
            Ok(())
        });
        told.map_err(unreadable)?;
        if columns.is_empty() {
            let what = format!("{} has no table {name}", path.display());
            return Err(Failure::new(Exit::NotFound, "import:no_table", what)
                .help("is it the right kind of store? see passbook import --help"));
        }
        let count = format!("SELECT count(*) FROM {}", quoted(name));
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(unreadable)?;
        let rows = u64::try_from(rows).unwrap_or_default();
        Ok(Self { connection, name: name.to_owned(), columns, rows })
    }

    /// Gives every row to `take`, as what `told` makes of it. Columns that older versions of the
    /// table lack are `optional`, and read as NULL.
    pub(crate) fn each(
        &self,
        columns: &[&str],
        optional: &[&str],
        told: &dyn Fn(&Columns<'_>) -> Result<Incoming, Reason>,
        take: &mut Take<'_>,
    ) -> Result<(), Failure> {
        let there = |column: &str| self.columns.contains(column);
        if let Some(missing) = columns.iter().find(|column| !there(column)) {
            let what = format!("the table {} has no column {missing}", self.name);
            return Err(Failure::new(Exit::Failed, "import:no_table", what)
                .help("is it the right kind of store? see passbook import --help"));
        }
        let named = |column: &&str| quoted(column);
        let or_null = |column: &&str| {
            let name = quoted(column);
            if there(column) { name } else { format!("NULL AS {name}") }
        };
        let list: Vec<_> = columns.iter().map(named).chain(optional.iter().map(or_null)).collect();
        let select = format!("SELECT {} FROM {}", list.join(", "), quoted(&self.name));
        let mut statement = self.connection.prepare(&select).map_err(unreadable)?;
        let mut rows = statement.query([]).map_err(unreadable)?;
        let mut place = 0;
        while let Some(row) = rows.next().map_err(unreadable)? {
            place += 1;
            take(Row { place, found: told(&Columns(row)).map(Box::new) })?;
        }
        Ok(())
    }
}

impl Columns<'_> {
    /// A text; wiped on drop, as it may be a token.
    pub(crate) fn text(&self, name: &str) -> Result<Zeroizing<String>, Reason> {
        self.text_or_null(name)?.ok_or_else(|| format!("{name} is NULL"))
    }

    pub(crate) fn text_or_null(&self, name: &str) -> Result<Option<Zeroizing<String>>, Reason> {
        match self.value(name)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_error| not_text(name))?;
                Ok(Some(Zeroizing::new(text.to_owned())))
            }
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Err(not_text(name)),
        }
    }

    /// A text that is no secret; an empty one is as good as none.
    pub(crate) fn label(&self, name: &str) -> Result<Option<String>, Reason> {
        let text = self.text_or_null(name)?;
        Ok(text.filter(|text| !text.is_empty()).map(|text| text.to_string()))
    }

    pub(crate) fn blob(&self, name: &str) -> Result<&[u8], Reason> {
        match self.value(name)? {
            ValueRef::Blob(bytes) => Ok(bytes),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
                Err(format!("{name} is no blob"))
            }
        }
    }

    /// A number; `None` for anything else.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Reason> {
        match self.value(name)? {
            ValueRef::Integer(number) => Ok(Some(number)),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Ok(None),
        }
    }

    fn value(&self, name: &str) -> Result<ValueRef<'_>, Reason> {
        self.0.get_ref(name).map_err(|_error| format!("{name} can't be read"))
    }
}

fn not_text(name: &str) -> Reason {
    format!("{name} is no text")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unreadable(error: rusqlite::Error) -> Failure {
    Failure::new(Exit::Failed, "import:unreadable", "the SQLite file can't be read")
        .why(chain(&error))
        .help("what was imported until then is recorded; the file was not written to")
}
