//! The cookie that carries a session: how it is configured, signed, found and set.

mod config;
mod jar;
mod layer;
mod secret;
mod service;
mod session;
mod signing;
mod visit;

pub use config::{ConfigError, CookieConfig, CookieSessionsConfig, OnMismatch, SameSite};
pub use layer::{SessionLayer, layer};
pub use secret::CookieSecret;
pub use service::{SessionFuture, SessionService};
pub use session::Session;
