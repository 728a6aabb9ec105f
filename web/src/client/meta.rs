//! What is known of a client at login: its address and what its browser says of itself.

use std::{fmt, net::IpAddr, sync::OnceLock};

use http::{HeaderMap, header};
use passbook::{
    Context,
    core::{UserAgent, limits::DEVICE_BYTES_MAX},
};
use serde::Serialize;

use super::{
    fingerprint::{Fingerprint, first},
    user_agent,
};

/// The kind of device that a session lives on, as its user agent tells. It serialises and displays
/// as `desktop`, `mobile` or `tablet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// Whatever is neither of the others, programs such as `curl` included. Safari on an iPad says
    /// that it is on a Mac, unless its user asks for mobile pages: that is a desktop here too.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
}

impl DeviceType {
    /// `desktop`, `mobile` or `tablet`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
        }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a login comes from, as a session keeps it. All of it is what the client says, but for the
/// address; nothing here proves anything.
///
/// The user agent is read when [`device`](Self::device) or [`device_type`](Self::device_type) is
/// first called, and then only.
///
/// ```
/// use passbook_axum::{DeviceType, SessionMeta};
/// let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
/// let meta = SessionMeta::from_headers("198.51.100.7", agent, "en", "gzip, br");
/// assert_eq!(meta.device(), "Firefox on Linux");
/// assert_eq!(meta.device_type(), DeviceType::Desktop);
/// ```
#[derive(Debug, Clone)]
pub struct SessionMeta {
    ip: Option<IpAddr>,
    user_agent: UserAgent,
    fingerprint: Fingerprint,
    device: OnceLock<Device>,
}

/// What a user agent was read as.
#[derive(Debug, Clone)]
struct Device {
    label: String,
    kind: DeviceType,
}

impl SessionMeta {
    /// Of the client's address and the values of three headers. It never fails: what is no address
    /// (`unknown`) is no address, a user agent is cut after 1,024 bytes, and any of them may be
    /// empty. The fingerprint is of the headers as they are, before they are cut.
    pub fn from_headers(
        ip: &str,
        user_agent: &str,
        accept_language: &str,
        accept_encoding: &str,
    ) -> Self {
        let [agent, language, encoding] =
            [user_agent, accept_language, accept_encoding].map(str::as_bytes);
        Self {
            ip: ip.parse().ok().map(|ip: IpAddr| ip.to_canonical()),
            user_agent: UserAgent::new(user_agent),
            fingerprint: Fingerprint::new(agent, language, encoding),
            device: OnceLock::new(),
        }
    }

    /// Of a request: the client's address, if it is known, and the request's headers. Of a header
    /// that came twice the first counts; bytes of a user agent that are no UTF-8 are replaced.
    pub fn of_request(ip: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let agent = String::from_utf8_lossy(first(headers, header::USER_AGENT));
        Self {
            ip: ip.map(|ip| ip.to_canonical()),
            user_agent: UserAgent::new(&agent),
            fingerprint: Fingerprint::of_headers(headers),
            device: OnceLock::new(),
        }
    }

    /// Builds the list that user agents are looked up in: about 0.1 s and 10 MB, once a process.
    /// Called at start from a thread of its own, it keeps that from the first login.
    pub fn warm_up() {
        user_agent::warm_up();
    }

    /// The client's address; an IPv4 address never as IPv6.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// What the browser says of itself: at most 1,024 bytes.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// What a person calls the device: `{browser} on {os}`, each `Unknown` if it is. At most 256
    /// bytes.
    pub fn device(&self) -> &str {
        &self.parsed().label
    }

    /// What kind of device it is.
    pub fn device_type(&self) -> DeviceType {
        self.parsed().kind
    }

    /// The hash by which the browser is known again.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What the ledger's events say of where an act of this client came from: for acts of the
    /// application itself, such as a login that failed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{FailureReason, HistoryQuery, Ledger};
    /// use passbook_axum::SessionMeta;
    /// let ledger = Ledger::memory()?;
    /// let meta = SessionMeta::from_headers("198.51.100.7", "curl/8.17", "", "");
    /// let here = ledger.in_context(meta.context());
    /// here.record_login_failure(Some("ann"), FailureReason::WrongPassword).await?;
    /// let history = ledger.history("ann", &HistoryQuery::default())?.entries;
    /// assert_eq!(history[0].ip, meta.ip());
    /// assert_eq!(history[0].device.as_deref(), Some("curl/8.17"));
    /// # Ok(()) }
    /// ```
    pub fn context(&self) -> Context {
        let context = self.ip.into_iter().fold(Context::user(), Context::ip);
        if self.user_agent.is_empty() { context } else { context.user_agent(&self.user_agent) }
    }

    fn parsed(&self) -> &Device {
        self.device.get_or_init(|| {
            let (browser, system, kind) = user_agent::parse(&self.user_agent);
            let mut label = format!("{browser} on {system}");
            label.truncate(label.floor_char_boundary(DEVICE_BYTES_MAX));
            Device { label, kind }
        })
    }
}
