//! Passbook for axum: sessions that survive a restart, know every device, and leave a history.
//!
//! Times are Unix milliseconds where a name ends in `_ms`, else Unix seconds.
//!
//! # A whole app
//!
//! ```no_run
#![doc = include_str!("../examples/cookie.rs")]
//! ```

mod assurance;
mod client;
mod cookie;
mod guard;
mod hex;
#[cfg(feature = "jwt")]
pub mod jwt;
mod of_user;
mod problem;
mod sender;
mod session_data;

pub use assurance::Assurance;
pub use client::{ClientIp, ClientIpLayer, ClientIpService, DeviceType, Fingerprint, SessionMeta};
pub use cookie::{
    ConfigError, CookieConfig, CookieSecret, CookieSessionsConfig, OnMismatch, SameSite, Session,
    SessionFuture, SessionLayer, SessionService, layer,
};
pub use guard::{
    CrossOrigin, CrossOriginLayer, CrossOriginService, GuardFuture, OnCrossOrigin, OriginError,
    RequireLayer, RequireService, require_auth, require_recent_auth, require_tenant,
};
pub use problem::{Error, Result};
pub use session_data::SessionData;
