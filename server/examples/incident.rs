//! Makes the ledger of `docs/DEBUGGING.md`: mira is logged out at 14:03 on a Friday.
//!
//! `cargo run -p passbook-server --example incident -- DIR` makes `DIR/ledger`, and `DIR/harbor.log`,
//! the log of a host, to be imported.

use std::{error::Error, fs, net::IpAddr, path::Path, sync::Arc};

use passbook::{
    Context, FailureReason, IssuedSession, Ledger, Login, SeededEntropy, SessionStore, SimClock,
    core::{Act, BookmarkName, Command, Mark, Origin, UserId},
};

/// 2026-11-20T12:00:00Z.
const NOON_MS: u64 = 1_795_176_000_000;
const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;

/// What sshd on harbor wrote: olga was in from 13:20 to 13:55.
const LOG: &str = "\
Nov 20 13:20:05 harbor sshd[1304]: Accepted publickey for olga from 192.0.2.80 port 50412 ssh2
Nov 20 13:20:05 harbor sshd[1304]: pam_unix(sshd:session): session opened for user olga by (uid=0)
Nov 20 13:55:41 harbor sshd[1304]: pam_unix(sshd:session): session closed for user olga
";

/// A ledger whose clock stands until it is set.
struct Incident {
    ledger: Ledger,
    clock: Arc<SimClock>,
}

impl Incident {
    /// Sets the clock to a time of that Friday.
    fn at(&self, hour: u64, minute: u64, second: u64) {
        let minutes = (hour - 12) * 60 + minute;
        self.clock.set_ms(NOON_MS + minutes * MINUTE_MS + second * SECOND_MS);
    }

    fn login(&self, user: &str, device: &str, ip: &str) -> Result<IssuedSession, Box<dyn Error>> {
        let login = Login::new(user).device(device).ip(ip.parse()?);
        Ok(self.ledger.start_login(login)?.wait()?)
    }

    /// What is done from that address.
    fn from(&self, ip: &str) -> Result<SessionStore, Box<dyn Error>> {
        let context = Context::user().ip(ip.parse::<IpAddr>()?);
        Ok(SessionStore::from(self.ledger.in_context(context)))
    }

    fn submit(&self, command: &Command) -> Result<(), Box<dyn Error>> {
        self.ledger.submit(command)?.wait()?;
        Ok(())
    }
}

/// Makes the folder's ledger and log.
///
/// # Errors
/// If there is something in the folder already, or it can't be written to.
pub(crate) fn make(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("harbor.log"), LOG)?;
    let clock = Arc::new(SimClock::at_ms(NOON_MS));
    let ledger = Ledger::builder()
        .path(folder.join("ledger"))
        .clock(Arc::<SimClock>::clone(&clock))
        .entropy(Arc::new(SeededEntropy::new(1_403)))
        .sweep_interval(None)
        .open_blocking()?;
    let incident = Incident { ledger, clock };
    happen(&incident)?;
    incident.ledger.close()?;
    Ok(())
}

fn happen(incident: &Incident) -> Result<(), Box<dyn Error>> {
    let phone = incident.login("mira", "Safari on iPhone", "192.0.2.15")?;
    incident.at(12, 50, 0);
    let jonas = incident.login("jonas", "Chrome on Windows", "2001:db8:7:1::42")?;
    let name = BookmarkName::new("before-deploy")?;
    incident.submit(&Command::new(Act::Bookmark { name, mark: Mark::Here }))?;
    incident.at(13, 10, 31);
    let guess = Act::RecordFailure {
        user: Some(UserId::new("mira")?),
        reason: FailureReason::WrongPassword,
        count: 1,
    };
    let origin = Origin { ip: Some("198.51.100.7".parse()?), ..Origin::default() };
    incident.submit(&Command { origin, ..Command::new(guess) })?;
    incident.at(13, 10, 44);
    let laptop = incident.login("mira", "Firefox on Linux", "198.51.100.7")?;
    incident.at(13, 58, 2);
    incident.from("2001:db8:7:1::42")?.try_revoke(&jonas.token.expose())?;
    // Two tabs of the laptop wake up. The first gets the next token; the second still has the old one,
    // and a slow network: its request comes twelve seconds later.
    incident.at(14, 2, 59);
    incident.from("198.51.100.7")?.try_refresh(&laptop.token.expose())?;
    incident.at(14, 3, 11);
    incident.from("198.51.100.7")?.try_refresh(&laptop.token.expose())?;
    incident.at(14, 18, 40);
    incident.from("192.0.2.15")?.try_refresh(&phone.token.expose())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder that is not there yet")?;
    make(Path::new(&folder))
}
