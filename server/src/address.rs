//! Where a source or a database is: a path, or an address in which a password may stand.

use std::{ffi::OsString, fmt, path::Path};

/// A path or an address, as it was given. Shown, it has no password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(OsString);

impl Address {
    /// The address as a path.
    pub(crate) fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The address of a SQLite file, which `sqlite:` stands in front of: its path.
    pub(crate) fn sqlite(&self) -> Option<&str> {
        self.0.to_str()?.strip_prefix("sqlite:")
    }

    /// The whole address, if it is of a PostgreSQL database.
    pub(crate) fn postgres(&self) -> Option<&str> {
        let is_one = |address: &&str| {
            address.starts_with("postgres://") || address.starts_with("postgresql://")
        };
        self.0.to_str().filter(is_one)
    }
}

impl From<OsString> for Address {
    fn from(given: OsString) -> Self {
        Self(given)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0.to_string_lossy()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The address without what is secret in it: the password, and the options, of which one may be it.
/// If it is not sure where that ends, because of a sign that should be written as %XX, it is left out.
fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let bare = |text: &str, end: char| text.split(end).next().unwrap_or_default().to_owned();
    match rest.split_once('@') {
        None => format!("{scheme}://{}", bare(rest, '?')),
        Some((login, place)) if !login.contains('?') && !place.contains('@') => {
            format!("{scheme}://{}@{}", bare(login, ':'), bare(place, '?'))
        }
        Some(_) => format!("{scheme}://…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_address_has_no_password() {
        for (given, wanted) in [
            ("postgres://ann:se:cret@db/app?password=x", "postgres://ann@db/app"),
            ("postgres://ann@db/app?password=a@b", "postgres://…"),
            ("postgres://ann:pass?word@db/app", "postgres://…"),
            ("postgres://ann:p@ssword@db/app", "postgres://…"),
            ("postgres://db/app?password=x", "postgres://db/app"),
            ("sqlite:/var/a?b.db", "sqlite:/var/a?b.db"),
            ("/var/log/a@b?c", "/var/log/a@b?c"),
        ] {
            let address = Address::from(OsString::from(given));
            assert_eq!(address.to_string(), wanted);
            assert_eq!(format!("{address:?}"), format!("Address({wanted})"));
        }
    }
}
