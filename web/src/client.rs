//! Who sends a request, as far as it says so itself: browser, system, address.

mod fingerprint;
mod fingerprints;
mod ip;
mod meta;
mod user_agent;

pub use fingerprint::Fingerprint;
pub(crate) use fingerprints::Fingerprints;
pub use ip::{ClientIp, ClientIpLayer, ClientIpService};
pub use meta::{DeviceType, SessionMeta};
