//! A table of another program's SQLite file, which is only ever read.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OpenFlags, types::ValueRef};

use super::{
    columns::{Cells, Tell, Value, Wanted, no_table, quoted},
    session::{Row, Take},
};
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
            return Err(no_table(format!("{} has no table {name}", path.display())));
        }
        let count = format!("SELECT count(*) FROM {}", quoted(name));
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(unreadable)?;
        let rows = u64::try_from(rows).unwrap_or_default();
        Ok(Self { connection, name: name.to_owned(), columns, rows })
    }

    /// Gives every row to `take`, as what `told` makes of it.
    pub(crate) fn each(
        &self,
        wanted: &Wanted,
        told: &Tell<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), Failure> {
        let select = wanted.select_from(&self.name, &self.columns)?;
        let mut statement = self.connection.prepare(&select).map_err(unreadable)?;
        let mut rows = statement.query([]).map_err(unreadable)?;
        let mut place = 0;
        while let Some(row) = rows.next().map_err(unreadable)? {
            place += 1;
            take(Row { place, found: told(row).map(Box::new) })?;
        }
        Ok(())
    }
}

impl Cells for rusqlite::Row<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(match self.get_ref(name).ok()? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(bytes) => Value::Text(bytes),
            ValueRef::Blob(bytes) => Value::Blob(bytes),
            ValueRef::Real(_) => Value::Other,
        })
    }
}

fn unreadable(error: rusqlite::Error) -> Failure {
    Failure::new(Exit::Failed, "import:unreadable", "the SQLite file can't be read")
        .why(chain(&error))
        .help("what was imported until then is recorded; the file was not written to")
}
