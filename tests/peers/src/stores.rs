//! The stores: each writes 200 records, every one acknowledged as durable, and reads all it has.

use std::{collections::BTreeMap, error::Error, path::Path};

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use passbook::{Ledger, Login, journal::Options};
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

/// What a store holds, by key.
pub type Records = BTreeMap<String, String>;

type Answer<T> = Result<T, Box<dyn Error>>;

const COUNT: usize = 200;
const TABLE: TableDefinition<'_, &str, &str> = TableDefinition::new("records");

/// A store under test.
pub struct Store {
    pub name: &'static str,
    pub version: &'static str,
    pub write: fn(&Path) -> Answer<()>,
    pub read: fn(&Path) -> Result<Records, String>,
}

pub const STORES: [Store; 5] = [
    Store {
        name: "passbook",
        version: "0.1.0",
        write: passbook_write,
        read: |folder| passbook_read(folder).map_err(|error| error.to_string()),
    },
    Store {
        name: "sled",
        version: "0.34.7",
        write: sled_write,
        read: |folder| sled_read(folder).map_err(|error| error.to_string()),
    },
    Store {
        name: "redb",
        version: "4.5.0",
        write: redb_write,
        read: |folder| redb_read(folder).map_err(|error| error.to_string()),
    },
    Store {
        name: "fjall",
        version: "3.1.13",
        write: fjall_write,
        read: |folder| fjall_read(folder).map_err(|error| error.to_string()),
    },
    Store {
        name: "sqlite-wal",
        version: "3 (rusqlite 0.41.1)",
        write: sqlite_write,
        read: |folder| sqlite_read(folder).map_err(|error| error.to_string()),
    },
];

/// One record: who, and what device.
pub fn record(number: usize) -> (String, String) {
    (format!("user{number:03}"), format!("Firefox {number} on a device of {number:050}"))
}

/// All of them.
pub fn records() -> impl Iterator<Item = (String, String)> {
    (0..COUNT).map(record)
}

fn ledger(folder: &Path) -> Answer<Ledger> {
    let options = Options { segment_bytes: 256 << 10, ..Options::default() };
    let builder = Ledger::builder().path(folder).journal_options(options);
    Ok(builder.sweep_interval(None).compaction(None).history_index(false).open_blocking()?)
}

fn passbook_write(folder: &Path) -> Answer<()> {
    let store = passbook::SessionStore::from(ledger(folder)?);
    for (user, device) in records() {
        store.try_create(Login::new(user).device(device))?;
    }
    Ok(store.ledger().close()?)
}

/// The sessions, once they and the events say the same.
fn passbook_read(folder: &Path) -> Answer<Records> {
    let ledger = ledger(folder)?;
    let events: Vec<_> = ledger.events(0)?.collect::<Result<_, _>>()?;
    let created = events.iter().filter_map(|recorded| match &recorded.event.fact {
        passbook::Fact::SessionCreated { subject, device, .. } => {
            Some((subject.user.to_string(), device.as_deref().unwrap_or_default().to_owned()))
        }
        _ => None,
    });
    let created: Records = created.collect();
    let sessions = ledger.list_all_unfiltered().into_iter().map(|session| {
        (session.user_id.to_string(), session.device.as_deref().unwrap_or_default().to_owned())
    });
    let sessions: Records = sessions.collect();
    // A difference is a lie of one of the two: let the comparison see the poorer one.
    Ok(if created.len() < sessions.len() { created } else { sessions })
}

fn sled_write(folder: &Path) -> Answer<()> {
    let store = sled::open(folder)?;
    for (key, value) in records() {
        store.insert(key, value.as_str())?;
        store.flush()?;
    }
    Ok(())
}

fn sled_read(folder: &Path) -> Answer<Records> {
    let store = sled::open(folder)?;
    let mut found = Records::new();
    for entry in store.iter() {
        let (key, value) = entry?;
        found.insert(lossy(&key), lossy(&value));
    }
    Ok(found)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn redb_write(folder: &Path) -> Answer<()> {
    std::fs::create_dir_all(folder)?;
    let store = redb::Database::create(folder.join("store.redb"))?;
    for (key, value) in records() {
        let write = store.begin_write()?;
        write.open_table(TABLE)?.insert(key.as_str(), value.as_str())?;
        write.commit()?;
    }
    Ok(())
}

fn redb_read(folder: &Path) -> Answer<Records> {
    let store = redb::Database::open(folder.join("store.redb"))?;
    let table = store.begin_read()?.open_table(TABLE)?;
    let mut found = Records::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        found.insert(key.value().to_owned(), value.value().to_owned());
    }
    Ok(found)
}

fn fjall_write(folder: &Path) -> Answer<()> {
    let store = Database::builder(folder).open()?;
    let items = store.keyspace("records", KeyspaceCreateOptions::default)?;
    for (key, value) in records() {
        items.insert(key, value)?;
        store.persist(PersistMode::SyncAll)?;
    }
    Ok(())
}

fn fjall_read(folder: &Path) -> Answer<Records> {
    let store = Database::builder(folder).open()?;
    let items = store.keyspace("records", KeyspaceCreateOptions::default)?;
    let mut found = Records::new();
    for entry in items.iter() {
        let (key, value) = entry.into_inner()?;
        found.insert(lossy(&key), lossy(&value));
    }
    Ok(found)
}

fn sqlite(folder: &Path) -> Answer<rusqlite::Connection> {
    std::fs::create_dir_all(folder)?;
    let store = rusqlite::Connection::open(folder.join("store.db"))?;
    store.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    Ok(store)
}

/// The process ends without closing, as servers do: the WAL stays.
fn sqlite_write(folder: &Path) -> Answer<()> {
    let store = sqlite(folder)?;
    store.execute_batch("CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL)")?;
    for record in records() {
        store.execute("INSERT INTO records VALUES (?1, ?2)", record)?;
    }
    std::mem::forget(store);
    Ok(())
}

fn sqlite_read(folder: &Path) -> Answer<Records> {
    let store = sqlite(folder)?;
    let mut select = store.prepare("SELECT key, value FROM records")?;
    let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
