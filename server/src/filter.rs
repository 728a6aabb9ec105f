//! The filter of lists, of mass revocations and of the console's search box: one grammar.
//!
//! ```text
//! user:u_1842  id:01M7…  ip:198.51.100.0/24  device:"Firefox on Linux"  tenant:acme
//! state:live|ended|expired   reason:token_reuse,fingerprint   actor:admin   kind:LoginFailed
//! since:-2h  until:14:03  seq:@1048000..@1048611   guest:yes   transport:cookie|jwt
//! ```
//!
//! Terms are joined by *and*, `-` negates one, a comma means *or*, quotes are for spaces. (The bars
//! above say what can be chosen; they are not part of the grammar.)
//!
//! Texts are compared whole and exactly, as a filter also says what to revoke; ids in either case.
//! A fact that isn't there is like none of the values, so a term is false and a negated one true.
//! Where the facts come from is left to the caller, who fills in [`Facts`].

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

mod error;
mod key;
mod parse;

pub use error::{FilterError, FilterProblem};
pub use key::Key;
pub use parse::{FILTER_LEN_MAX, TERMS_MAX, VALUES_MAX};

/// A condition on sessions or events. The empty one holds for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    is_negated: bool,
    key: Key,
    values: Vec<Value>,
}

/// What a fact is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Net(IpNet),
    /// Unix milliseconds.
    Time(u64),
    Sequences {
        first: u64,
        last: u64,
    },
    Flag(bool),
}

/// What is known of a session or an event. For a session, `time_ms` and `sequence` are those of
/// the event which the list is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The user's id.
    pub user: Option<&'a str>,
    /// The session's id.
    pub id: Option<&'a str>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// The device's label.
    pub device: Option<&'a str>,
    /// The tenant's id.
    pub tenant: Option<&'a str>,
    /// `live`, `ended` or `expired`.
    pub state: Option<&'a str>,
    /// Why it ended, or why the login failed.
    pub reason: Option<&'a str>,
    /// `user`, `operator:NAME`, `system` or `importer`.
    pub actor: Option<&'a str>,
    /// The event's name.
    pub kind: Option<&'a str>,
    /// When, in Unix milliseconds.
    pub time_ms: Option<u64>,
    /// The event's sequence.
    pub sequence: Option<u64>,
    /// Whether the user is a guest.
    pub guest: Option<bool>,
    /// `cookie`, `jwt`, `token` or `imported`.
    pub transport: Option<&'a str>,
}

impl Filter {
    /// Reads a filter; `-2h` and `14:03` are resolved with `now_ms`.
    ///
    /// # Errors
    /// What is wrong, and at which column.
    pub fn parse(text: &str, now_ms: u64) -> Result<Self, FilterError> {
        parse::parse(text, now_ms).map(|terms| Self { terms })
    }

    /// Whether all terms hold.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|term| term.matches(facts))
    }

    /// Whether it holds for all.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether what its terms say of states lets this one through.
    pub fn allows_state(&self, state: &str) -> bool {
        let facts = Facts { state: Some(state), ..Facts::default() };
        let mut terms = self.terms.iter().filter(|term| term.key == Key::State);
        terms.all(|term| term.matches(&facts))
    }

    /// Whether some term is about `key`: a list that shows live sessions by default asks so
    /// whether the person chose a state.
    pub fn is_about(&self, key: Key) -> bool {
        self.terms.iter().any(|term| term.key == key)
    }
}

impl Term {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        self.values.iter().any(|value| self.key.holds(value, facts)) != self.is_negated
    }
}

impl Key {
    fn holds(self, value: &Value, facts: &Facts<'_>) -> bool {
        match (self, value) {
            (Self::User, Value::Text(text)) => facts.user == Some(text.as_str()),
            (Self::Device, Value::Text(text)) => facts.device == Some(text.as_str()),
            (Self::Tenant, Value::Text(text)) => facts.tenant == Some(text.as_str()),
            (Self::State, Value::Text(text)) => facts.state == Some(text.as_str()),
            (Self::Reason, Value::Text(text)) => facts.reason == Some(text.as_str()),
            (Self::Kind, Value::Text(text)) => facts.kind == Some(text.as_str()),
            (Self::Transport, Value::Text(text)) => facts.transport == Some(text.as_str()),
            (Self::Id, Value::Text(text)) => {
                facts.id.is_some_and(|id| id.eq_ignore_ascii_case(text))
            }
            (Self::Actor, Value::Text(text)) => {
                facts.actor.is_some_and(|actor| is_actor(actor, text))
            }
            (Self::Ip, Value::Net(net)) => {
                facts.ip.is_some_and(|ip| net.contains(&ip.to_canonical()))
            }
            (Self::Since, Value::Time(from_ms)) => facts.time_ms.is_some_and(|ms| ms >= *from_ms),
            (Self::Until, Value::Time(to_ms)) => facts.time_ms.is_some_and(|ms| ms < *to_ms),
            (Self::Seq, Value::Sequences { first, last }) => {
                facts.sequence.is_some_and(|sequence| (*first..=*last).contains(&sequence))
            }
            (Self::Guest, Value::Flag(flag)) => facts.guest == Some(*flag),
            (
                _,
                Value::Text(_)
                | Value::Net(_)
                | Value::Time(_)
                | Value::Flag(_)
                | Value::Sequences { .. },
            ) => false,
        }
    }
}

/// `operator:mara` is found by that, by `operator` and by `mara`.
fn is_actor(actor: &str, text: &str) -> bool {
    let part = actor.split_once(':').is_some_and(|(kind, name)| kind == text || name == text);
    part || actor == text
}

impl fmt::Display for Filter {
    /// As it can be given again; times are written out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            let gap = if place > 0 { " " } else { "" };
            let sign = if term.is_negated { "-" } else { "" };
            write!(f, "{gap}{sign}{}", term.key)?;
            for (place, value) in term.values.iter().enumerate() {
                write!(f, "{}{value}", if place > 0 { "," } else { ":" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if parse::is_bare(text) => f.write_str(text),
            Self::Text(text) => {
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{}", net.addr())
            }
            Self::Net(net) => write!(f, "{net}"),
            Self::Time(time_ms) => f.write_str(&crate::render::time::rfc_3339(*time_ms)),
            Self::Sequences { first, last } if first == last => write!(f, "@{first}"),
            Self::Sequences { first, last: u64::MAX } => write!(f, "@{first}.."),
            Self::Sequences { first, last } => write!(f, "@{first}..@{last}"),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
        }
    }
}

#[cfg(test)]
mod tests;
