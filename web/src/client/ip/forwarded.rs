//! The two headers in which proxies say for whom they ask: `X-Forwarded-For` and RFC 7239's
//! `Forwarded`. Each proxy adds the address that it was asked from on the right; what stands left
//! of the last one that is not trusted was written by the client, and may be anything.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Which of the two headers the proxies write. The other one is never read: a proxy passes it on as
/// the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyHeader {
    XForwardedFor,
    Forwarded,
}

/// An address that a proxy names; `None` if it is no address (`unknown`, `_hidden`) or can't be
/// read.
type Node = Option<IpAddr>;

impl ProxyHeader {
    /// The nodes that the header names, from the nearest on.
    pub(super) fn nodes(self, headers: &HeaderMap) -> impl Iterator<Item = Node> {
        let name = match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => header::FORWARDED,
        };
        let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
        lines.into_iter().rev().flat_map(move |line| {
            // A line that can't be read ends the search: nobody knows what the proxy wrote there.
            let nodes = line.to_str().ok().and_then(|line| self.nodes_of(line));
            nodes.unwrap_or_else(|| vec![None]).into_iter().rev()
        })
    }

    /// The nodes of one line, from left to right; `None` if it can't be split.
    fn nodes_of(self, line: &str) -> Option<Vec<Node>> {
        let elements = match self {
            Self::XForwardedFor => line.split(',').collect(),
            Self::Forwarded => split_outside_quotes(line, ',')?,
        };
        let read = match self {
            Self::XForwardedFor => node,
            Self::Forwarded => for_node,
        };
        // Empty elements are none: RFC 9110, 5.6.1.
        let elements = elements.into_iter().map(str::trim).filter(|element| !element.is_empty());
        Some(elements.map(read).collect())
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address in the `for` parameter of one element: `for="[2001:db8::1]:4711";proto=https`.
fn for_node(element: &str) -> Node {
    let parameters = split_outside_quotes(element, ';')?;
    let value = parameters.into_iter().find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    // No address needs an escape: what has one is none, and fails below.
    node(inner.unwrap_or(value))
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`. What the port is does not matter (RFC 7239, 6.2, lets it be
/// a made-up name).
fn node(text: &str) -> Node {
    let ip: IpAddr = match text.strip_prefix('[').map(|text| text.split_once(']')) {
        Some(Some((ip, ""))) => IpAddr::V6(ip.parse().ok()?),
        Some(Some((ip, port))) if port.starts_with(':') => IpAddr::V6(ip.parse().ok()?),
        Some(_) => return None,
        None => match text.split_once(':') {
            Some((ip, port)) if !port.contains(':') => IpAddr::V4(ip.parse().ok()?),
            _ => text.parse().ok()?,
        },
    };
    Some(ip.to_canonical())
}

/// The parts between separators that stand in no quoted string; `None` if a quote has no end.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|char| {
        if escaped {
            escaped = false;
            return false;
        }
        match char {
            '"' => quoted = !quoted,
            '\\' if quoted => escaped = true,
            _ => {}
        }
        char == separator && !quoted
    });
    let parts = parts.collect();
    (!quoted).then_some(parts)
}

#[cfg(test)]
mod tests;
