//! A table of another program's PostgreSQL database, which is only ever read.

use std::collections::BTreeSet;

use passbook::{BackendError, PostgresReader, PostgresRow, PostgresValue};

use super::{
    columns::{Cells, Tell, Value, Wanted, no_table, quoted},
    session::{Row, Take},
};
use crate::{
    address::Address,
    failure::{Exit, Failure},
};

/// A table, and what it has.
#[derive(Debug)]
pub(crate) struct Table {
    reader: PostgresReader,
    name: String,
    columns: BTreeSet<String>,
    /// How many rows there are.
    pub(crate) rows: u64,
}

/// Why it was not read to the end.
enum Ended {
    Failed(Failure),
    Unreadable(BackendError),
}

impl Table {
    /// Connects; all that is read from then on is of this moment.
    pub(crate) fn open(address: &Address, name: &str) -> Result<Self, Failure> {
        let url = address.postgres().ok_or_else(|| {
            Failure::usage("that is no address of a PostgreSQL database")
                .help("postgres://USER@HOST/DATABASE; nothing was changed")
        })?;
        let reader = PostgresReader::connect(url).map_err(unreadable)?;
        let columns = reader.columns_of(&quoted(name)).map_err(unreadable)?;
        if columns.is_empty() {
            return Err(no_table(format!("{address} has no table {name}")));
        }
        let mut rows = 0;
        let count = format!("SELECT count(*) AS rows FROM {}", quoted(name));
        let counted = reader.each(&count, &mut |row| {
            if let Some(PostgresValue::Integer(count)) = row.value("rows") {
                rows = u64::try_from(count).unwrap_or_default();
            }
            Ok::<(), BackendError>(())
        });
        counted.map_err(unreadable)?;
        Ok(Self { reader, name: name.to_owned(), columns, rows })
    }

    /// Gives every row to `take`, as what `told` makes of it.
    pub(crate) fn each(
        &self,
        wanted: &Wanted,
        told: &Tell<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), Failure> {
        let select = wanted.select_from(&self.name, &self.columns)?;
        let mut place = 0;
        let read = self.reader.each(&select, &mut |row| {
            place += 1;
            take(Row { place, found: told(row).map(Box::new) }).map_err(Ended::Failed)
        });
        read.map_err(|ended| match ended {
            Ended::Failed(failure) => failure,
            Ended::Unreadable(error) => unreadable(error),
        })
    }
}

impl Cells for PostgresRow {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(match self.value(name)? {
            PostgresValue::Null => Value::Null,
            PostgresValue::Integer(number) => Value::Integer(number),
            PostgresValue::Text(text) => Value::Text(text.as_bytes()),
            PostgresValue::Other => Value::Other,
        })
    }
}

impl From<BackendError> for Ended {
    fn from(error: BackendError) -> Self {
        Self::Unreadable(error)
    }
}

fn unreadable(error: BackendError) -> Failure {
    Failure::new(Exit::Failed, "import:unreadable", "the PostgreSQL database can't be read")
        .why(error.why)
        .help("what was imported until then is recorded; the database was not written to")
}
