//! Where a request comes from: the address of its connection or, behind proxies that are trusted by
//! name, the one that they vouch for.

mod extract;
mod forwarded;
mod layer;

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::Extensions;
use serde::Serialize;

pub use layer::{ClientIpLayer, ClientIpService};

/// The address of the client, as an extension of the request: [`ClientIpLayer`] puts it there, or
/// the application, which has the last word. An IPv4 address is never written as IPv6.
///
/// It is an extractor too: without a known address it refuses with 500 `auth:middleware_missing`;
/// `Option<ClientIp>` never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// Of a request's extensions: a `ClientIp`, else the peer of axum's `ConnectInfo<SocketAddr>`,
    /// else nobody knows.
    pub fn of_request(extensions: &Extensions) -> Option<Self> {
        let known = extensions.get::<Self>().map(|Self(ip)| *ip);
        let ip = known.or_else(|| peer(extensions))?;
        Some(Self(ip.to_canonical()))
    }
}

/// Who is at the other end of the connection.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}
