//! Sessions of modo-rs, in the table that it makes for its own tests.

use modo::{
    auth::session::{CookieSessionsConfig, SessionStore},
    client::ClientInfo,
    db::{Config, ConnExt as _, JournalMode, connect},
    testing::TestSession,
};
use passbook_witnesses::{Failure, Witness};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut witness = Witness::of("modo")?;
    let path = witness.database();
    // One file, nothing beside it.
    let config = Config { path, journal_mode: JournalMode::Delete, ..Config::default() };
    let database = connect(&config).await?;
    database.conn().execute_raw(TestSession::SCHEMA_SQL, ()).await?;
    for index in TestSession::INDEXES_SQL {
        database.conn().execute_raw(index, ()).await?;
    }
    let store = SessionStore::new(database, CookieSessionsConfig::default());
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let browser = ClientInfo::from_headers(Some("192.0.2.7".to_owned()), agent, "en", "gzip");
    let data = json!({ "cart": [1, { "name": "\u{20ac}" }], "theme": "dark" });
    let (_, token) = store.create(&browser, "mira", Some(data)).await?;
    witness.live(token.as_hex(), "mira");
    let (tove, old) = store.create(&ClientInfo::new(), "tove", None).await?;
    let renewed = store.rotate_token(&tove.id).await?;
    witness.live(renewed.as_hex(), "tove");
    witness.dead(old.as_hex());
    let (gone, token) = store.create(&browser, "gone", None).await?;
    store.destroy(&gone.id).await?;
    witness.dead(token.as_hex());
    witness.finish()
}
