//! The cookie that carries a session: how it is configured, signed, found and set.

mod config;
mod jar;
mod secret;
mod signing;

pub use config::{ConfigError, CookieConfig, CookieSessionsConfig, OnMismatch, SameSite};
pub(crate) use jar::CookieJar;
pub use secret::CookieSecret;
