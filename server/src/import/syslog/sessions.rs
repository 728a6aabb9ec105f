//! Which sessions are open, so that a close finds its open.
//!
//! A process can open several sessions for one user, and a process id comes back after a crash
//! which closed nothing: all stay apart, and a close ends the youngest.

use std::collections::HashMap;

use super::observation::Key;

/// How many open sessions are known. Past it the older half is forgotten, and their closes are
/// reported as unmatched.
pub const OPEN_MAX: usize = 65_536;

/// Systemd closes a user's session in another process than it opened it.
const SERVICE_OF_TWO_PROCESSES: &str = "systemd-user";

/// The open sessions of one stream.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    open: HashMap<SessionPlace, Vec<Open>>,
    count: usize,
}

/// Where a session is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SessionPlace {
    host: String,
    service: String,
    pid: Option<u32>,
    user: String,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    line: u64,
    key: Key,
}

impl SessionPlace {
    pub(super) fn new(host: &str, service: &str, pid: Option<u32>, user: &str) -> Self {
        let pid = pid.filter(|_| service != SERVICE_OF_TWO_PROCESSES);
        Self { host: host.to_owned(), service: service.to_owned(), pid, user: user.to_owned() }
    }
}

impl OpenSessions {
    pub(super) fn open(&mut self, place: SessionPlace, line: u64, key: Key) {
        if self.count >= OPEN_MAX {
            self.forget_half();
        }
        self.open.entry(place).or_default().push(Open { line, key });
        self.count += 1;
    }

    /// Ends the youngest session at `place` and gives its key.
    pub(super) fn close(&mut self, place: &SessionPlace) -> Option<Key> {
        let sessions = self.open.get_mut(place)?;
        let closed = sessions.pop();
        if sessions.is_empty() {
            self.open.remove(place);
        }
        let closed = closed?;
        self.count -= 1;
        Some(closed.key)
    }

    fn forget_half(&mut self) {
        let mut lines: Vec<u64> = self.open.values().flatten().map(|open| open.line).collect();
        let middle = lines.len() / 2;
        let (_, &mut first_kept, _) = lines.select_nth_unstable(middle);
        self.open.retain(|_, sessions| {
            sessions.retain(|open| open.line >= first_kept);
            !sessions.is_empty()
        });
        self.count = self.open.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::new([n; 32])
    }

    #[test]
    fn a_close_ends_the_youngest_session_of_its_place() {
        let mut sessions = OpenSessions::default();
        let place = SessionPlace::new("h", "su", Some(1), "ada");
        let other = SessionPlace::new("h", "su", Some(1), "bob");
        sessions.open(place.clone(), 1, key(1));
        sessions.open(place.clone(), 2, key(2));
        assert_eq!(sessions.close(&other), None);
        assert_eq!(sessions.close(&place), Some(key(2)));
        assert_eq!(sessions.close(&place), Some(key(1)));
        assert_eq!(sessions.close(&place), None);
        assert_eq!((sessions.count, sessions.open.len()), (0, 0));
    }

    #[test]
    fn systemd_closes_from_another_process() {
        let mut sessions = OpenSessions::default();
        sessions.open(SessionPlace::new("h", "systemd-user", Some(1), "ada"), 1, key(1));
        let place = SessionPlace::new("h", "systemd-user", Some(2), "ada");
        assert_eq!(sessions.close(&place), Some(key(1)));
    }

    #[test]
    fn past_the_limit_the_older_half_is_forgotten() {
        let mut sessions = OpenSessions::default();
        let place = |line: u64| SessionPlace::new("h", "su", None, &(line / 2).to_string());
        let last = u64::try_from(OPEN_MAX).unwrap();
        for line in 0..last {
            sessions.open(place(line), line, key(1));
        }
        assert_eq!(sessions.count, OPEN_MAX);
        sessions.open(place(last), last, key(2));
        assert_eq!(sessions.count, OPEN_MAX / 2 + 1);
        assert_eq!(sessions.close(&place(0)), None);
        assert_eq!(sessions.close(&place(last)), Some(key(2)));
        assert_eq!(sessions.close(&place(last - 1)), Some(key(1)));
    }
}
