//! The cookie that carries a session: how it is configured, signed, found and set.

mod config;
mod secret;

pub use config::{ConfigError, CookieConfig, CookieSessionsConfig, OnMismatch, SameSite};
pub use secret::CookieSecret;
