//! Puts the client's address into the request.

use std::{
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request};
use ipnet::IpNet;
use tower_layer::Layer;
use tower_service::Service;

use super::{ClientIp, forwarded::ProxyHeader, peer};

/// Puts a [`ClientIp`] into each request whose peer is known and that has none yet.
///
/// A header counts only if the peer is a proxy of the list, and only the header that these proxies
/// write. From there it goes back from proxy to proxy: the client is the first address that is not
/// in the list, and whatever the client wrote itself stands behind that. A node that is no address
/// ends the search at the proxy that named it.
///
/// ```
/// use passbook_axum::ClientIpLayer;
/// // A load balancer somewhere in 10.0.0.0/8 that adds to X-Forwarded-For:
/// let layer = ClientIpLayer::x_forwarded_for(["10.0.0.0/8".parse()?]);
/// let app: axum::Router = axum::Router::new().layer(layer);
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientIpLayer(Arc<Source>);

/// Whom to believe.
#[derive(Debug)]
struct Source {
    header: ProxyHeader,
    proxies: Vec<IpNet>,
}

impl ClientIpLayer {
    /// Clients that connect themselves: the peer of the connection, and no header.
    pub fn direct() -> Self {
        Self::x_forwarded_for([])
    }

    /// Behind proxies at these addresses, each of which adds to `X-Forwarded-For`.
    pub fn x_forwarded_for(proxies: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(ProxyHeader::XForwardedFor, proxies)
    }

    /// Behind proxies at these addresses, each of which adds to `Forwarded` (RFC 7239).
    pub fn forwarded(proxies: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(ProxyHeader::Forwarded, proxies)
    }

    fn new(header: ProxyHeader, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Arc::new(Source { header, proxies: proxies.into_iter().collect() }))
    }
}

impl Source {
    /// The farthest address that is vouched for.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        if !self.trusts(client) {
            return client;
        }
        for node in self.header.nodes(headers) {
            match node {
                Some(ip) => client = ip,
                None => break,
            }
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.proxies.iter().any(|proxies| proxies.contains(&ip))
    }
}

impl<S> Layer<S> for ClientIpLayer {
    type Service = ClientIpService<S>;

    fn layer(&self, inner: S) -> ClientIpService<S> {
        ClientIpService { inner, source: Arc::clone(&self.0) }
    }
}

/// What [`ClientIpLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct ClientIpService<S> {
    inner: S,
    source: Arc<Source>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ClientIpService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if request.extensions().get::<ClientIp>().is_none()
            && let Some(peer) = peer(request.extensions())
        {
            let client = self.source.client(peer, request.headers());
            request.extensions_mut().insert(ClientIp(client));
        }
        self.inner.call(request)
    }
}
