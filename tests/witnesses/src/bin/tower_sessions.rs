//! Sessions of tower-sessions, in its own SQLite store.

use std::sync::Arc;

use passbook_witnesses::{Failure, Witness};
use serde_json::json;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use time::{Duration, OffsetDateTime};
use tower_sessions_core::{Expiry, Session};
use tower_sessions_sqlx_store::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut witness = Witness::of("tower_sessions")?;
    let options = SqliteConnectOptions::new().filename(witness.database()).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    let store = SqliteStore::new(pool.clone());
    store.migrate().await?;
    let store = Arc::new(store);
    let open = |expiry| Session::new(None, Arc::<SqliteStore>::clone(&store), Some(expiry));
    let in_a_month = || Expiry::OnInactivity(Duration::days(30));

    let mira = open(in_a_month());
    mira.insert("user_id", "mira").await?;
    mira.insert("cart", json!([1, { "name": "\u{20ac}" }])).await?;
    mira.save().await?;
    witness.live(mira.id().expect("it was saved").to_string(), "mira");

    let numbered = open(Expiry::AtDateTime(OffsetDateTime::now_utc() + Duration::days(30)));
    numbered.insert("user_id", 42).await?;
    numbered.save().await?;
    witness.live(numbered.id().expect("it was saved").to_string(), "42");

    let rotated = open(in_a_month());
    rotated.insert("user_id", "tove").await?;
    rotated.save().await?;
    witness.dead(rotated.id().expect("it was saved").to_string());
    rotated.cycle_id().await?;
    rotated.save().await?;
    witness.live(rotated.id().expect("it was saved").to_string(), "tove");

    let expired = open(Expiry::AtDateTime(OffsetDateTime::now_utc() - Duration::days(1)));
    expired.insert("user_id", "gone").await?;
    expired.save().await?;
    witness.dead(expired.id().expect("it was saved").to_string());

    pool.close().await;
    witness.finish()
}
