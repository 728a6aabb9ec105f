//! Passbook for axum: sessions that survive a restart, know every device, and leave a history.
//!
//! Times are Unix milliseconds where a name ends in `_ms`, else Unix seconds.

mod client;
mod cookie;
mod hex;
mod problem;
mod session_data;

pub use client::{DeviceType, Fingerprint, SessionMeta};
pub use cookie::{
    ConfigError, CookieConfig, CookieSecret, CookieSessionsConfig, OnMismatch, SameSite,
};
pub use problem::{Error, Result};
pub use session_data::SessionData;
