//! A week that nobody lived: users with devices, who log in, rotate, fail and leave.
//!
//! The same choices every time; only ids and tokens are random. The clock is set along.

use std::{collections::VecDeque, net::IpAddr, path::Path, sync::Arc};

use passbook::{
    Clock as _, Entropy as _, FailureReason, Ledger, LedgerError, OsEntropy, Pending, Policy,
    Reply, SeededEntropy, SimClock, SystemClock, Token,
    core::{
        Act, Command, DeviceLabel, EndReason, NewSession, Origin, Outcome, ReuseVerdict,
        SessionRef, Transport, UserAgent, UserId,
    },
};

use crate::{
    answer::{
        count_of,
        quickstart::{Invented, Reuse},
    },
    failure::{Exit, Failure},
    progress::{Mode, Progress, Unit},
};

/// Whose story is told.
pub(super) const HEROINE: &str = "mira";

const USERS: [&str; 24] = [
    HEROINE, "jonas", "priya", "deploy", "amal", "bela", "chidi", "dagny", "eike", "farid",
    "greta", "hana", "ivo", "jun", "kwame", "lena", "marek", "noor", "otto", "pilar", "quinn",
    "rosa", "sami", "tove",
];
const DEVICES: [&str; 5] = [
    "Firefox on Linux",
    "Safari on iPhone",
    "Chrome on Windows",
    "Firefox on Android",
    "Safari on macOS",
];
const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
const WEEK_HOURS: u64 = 7 * 24;
/// The story is told on the last morning.
const STORY_HOURS: u64 = 4;
/// Commands on their way to the disk at one time.
const WINDOW: usize = 256;
/// For the same week every time.
const SEED: u64 = 20_261_120;

/// A browser that is logged in.
struct Browser {
    user: usize,
    device: usize,
    token: Token,
}

struct Week {
    ledger: Ledger,
    clock: Arc<SimClock>,
    choices: SeededEntropy,
    secrets: OsEntropy,
    browsers: Vec<Browser>,
    pending: VecDeque<Pending<Reply>>,
}

/// Invents a week that ends now.
pub(super) fn invent(store: &Path) -> Result<(Invented, Reuse), Failure> {
    let timer = Progress::new("invent", None, Unit::Events, Mode::Off);
    let now_ms = SystemClock.now_ms();
    let clock = Arc::new(SimClock::at_ms(now_ms.saturating_sub(WEEK_HOURS * HOUR_MS)));
    let ledger = Ledger::builder()
        .path(store)
        .journal_options(super::options("passbook quickstart"))
        .policy(Policy { sessions_per_user_max: 3, ..Policy::default() })
        .clock(Arc::<SimClock>::clone(&clock))
        .sweep_interval(None)
        .open_blocking()?;
    let mut week = Week {
        ledger,
        clock,
        choices: SeededEntropy::new(SEED),
        secrets: OsEntropy::new(),
        browsers: Vec::new(),
        pending: VecDeque::new(),
    };
    for _hour in 0..WEEK_HOURS - STORY_HOURS {
        week.hour()?;
    }
    week.settle(0)?;
    week.clock.set_ms(now_ms.saturating_sub(STORY_HOURS * HOUR_MS));
    let reuse = week.story()?;
    week.ledger.close()?;
    let mut invented = week.counts()?;
    invented.duration_ms = u64::try_from(timer.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((invented, reuse))
}

impl Week {
    /// What happens within an hour: by day more than by night.
    fn hour(&mut self) -> Result<(), Failure> {
        let began_ms = self.clock.now_ms();
        let is_day = (7..22).contains(&(began_ms / HOUR_MS % 24));
        let steps = if is_day { 12 } else { 2 };
        for _step in 0..steps {
            self.clock.advance_ms(self.choose(HOUR_MS / (steps + 1)).max(1));
            match self.choose(100) {
                0..20 => self.login()?,
                20..80 => self.rotate()?,
                80..90 => self.fail()?,
                _ => self.leave()?,
            }
        }
        self.clock.set_ms(began_ms + HOUR_MS);
        Ok(())
    }

    fn login(&mut self) -> Result<(), Failure> {
        let user = self.choose_index(USERS.len());
        let device = self.choose_index(DEVICES.len());
        let token = self.token()?;
        let command = command(self.create(user, device, &token)?, user, device);
        self.submit(&command)?;
        self.browsers.push(Browser { user, device, token });
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Failure> {
        let Some(mut browser) = self.pick() else { return self.login() };
        let successor = self.token()?;
        let act = refresh(&browser.token, &successor);
        let command = command(act, browser.user, browser.device);
        self.submit(&command)?;
        // If its session was evicted meanwhile, neither token opens anything.
        browser.token = successor;
        self.browsers.push(browser);
        Ok(())
    }

    fn fail(&mut self) -> Result<(), Failure> {
        let user = self.choose_index(USERS.len());
        let device = self.choose_index(DEVICES.len());
        let act = failure(user)?;
        let command = command(act, user, device);
        self.submit(&command)
    }

    fn leave(&mut self) -> Result<(), Failure> {
        let Some(browser) = self.pick() else { return Ok(()) };
        let session = SessionRef::Token(browser.token.digest());
        let act = Act::Revoke { session, reason: EndReason::Logout };
        let command = command(act, browser.user, browser.device);
        self.submit(&command)
    }

    /// A token is stolen, and shows itself by being used twice.
    fn story(&mut self) -> Result<Reuse, Failure> {
        let spent_for_ms = 12 * MINUTE_MS + 27_000;
        let first = self.token()?;
        let second = self.token()?;
        let login = command(self.create(0, 0, &first)?, 0, 0);
        self.submit(&login)?;
        self.clock.advance_ms(40 * MINUTE_MS);
        let rotation = command(refresh(&first, &second), 0, 0);
        self.submit(&rotation)?;
        self.clock.advance_ms(spent_for_ms);
        let third = self.token()?;
        let mut theft = Command::new(refresh(&first, &third));
        theft.origin = origin_of([203, 0, 113, 40].into(), "Chrome on Windows");
        self.settle(0)?;
        let reply = self.ledger.submit(&theft)?.wait()?;
        let Outcome::Reused(session, verdict) = reply.outcome else {
            return Err(Failure::new(Exit::Failed, "ledger:internal", "the reuse went unseen"));
        };
        self.clock.advance_ms(3 * MINUTE_MS);
        let mut guess = Command::new(failure(0)?);
        guess.origin = origin_of([203, 0, 113, 40].into(), "Chrome on Windows");
        self.submit(&guess)?;
        self.clock.advance_ms(9 * MINUTE_MS);
        let token = self.token()?;
        let login = command(self.create(0, 1, &token)?, 0, 1);
        self.submit(&login)?;
        self.settle(0)?;
        Ok(Reuse {
            user_id: HEROINE.to_owned(),
            session: session.to_string(),
            presented_generation: 1,
            current_generation: 2,
            spent_for_ms,
            ended: verdict == ReuseVerdict::Ended,
            sequence: reply.sequence,
        })
    }

    fn create(&self, user: usize, device: usize, token: &Token) -> Result<Act, Failure> {
        let mut random = [0; 16];
        self.secrets.fill(&mut random).map_err(LedgerError::from)?;
        let now_ms = self.clock.now_ms();
        let id = passbook::SessionId::from_parts(now_ms, u128::from_le_bytes(random));
        let label = DEVICES.get(device).copied().unwrap_or_default();
        Ok(Act::Create(NewSession {
            id,
            digest: Some(token.digest()),
            user: user_id(user)?,
            is_guest: false,
            device: DeviceLabel::new(label).ok(),
            tenant: None,
            transport: if device == 1 { Transport::Jwt } else { Transport::Cookie },
            lifetime_ms: None,
            absolute_timeout_ms: None,
            data: std::collections::BTreeMap::new(),
            replaces: None,
            sessions_per_user_max: None,
        }))
    }

    fn submit(&mut self, command: &Command) -> Result<(), Failure> {
        let pending = self.ledger.submit(command)?;
        self.pending.push_back(pending);
        self.settle(WINDOW)
    }

    fn settle(&mut self, left: usize) -> Result<(), Failure> {
        while self.pending.len() > left {
            let Some(pending) = self.pending.pop_front() else { break };
            pending.wait()?;
        }
        Ok(())
    }

    fn counts(&self) -> Result<Invented, Failure> {
        let (mut logins, mut rotations, mut failures) = (0, 0, 0);
        for recorded in self.ledger.events(0)? {
            match recorded?.event.fact.kind() {
                "SessionCreated" => logins += 1,
                "SessionRefreshed" => rotations += 1,
                "LoginFailed" => failures += 1,
                _ => {}
            }
        }
        let (users, events) = (count_of(USERS.len()), self.ledger.sequence());
        Ok(Invented { users, logins, rotations, failures, events, duration_ms: 0 })
    }

    /// A number below `end`.
    fn choose(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        if self.choices.fill(&mut bytes).is_err() {
            return 0;
        }
        u64::from_le_bytes(bytes).checked_rem(end).unwrap_or(0)
    }

    fn choose_index(&self, len: usize) -> usize {
        usize::try_from(self.choose(count_of(len))).unwrap_or(0)
    }

    /// Takes one of the browsers that are logged in.
    fn pick(&mut self) -> Option<Browser> {
        if self.browsers.is_empty() {
            return None;
        }
        let index = self.choose_index(self.browsers.len());
        Some(self.browsers.swap_remove(index))
    }

    fn token(&self) -> Result<Token, Failure> {
        let mut bytes = [0; 32];
        self.secrets.fill(&mut bytes).map_err(LedgerError::from)?;
        Ok(Token::from_random_bytes(bytes))
    }
}

fn user_id(user: usize) -> Result<UserId, Failure> {
    let name = USERS.get(user).copied().unwrap_or(HEROINE);
    UserId::new(name).map_err(|error| Failure::usage(error.to_string()))
}

fn refresh(presented: &Token, successor: &Token) -> Act {
    Act::Refresh { presented: presented.digest(), successor: successor.digest(), lifetime_ms: None }
}

fn failure(user: usize) -> Result<Act, Failure> {
    let user = Some(user_id(user)?);
    Ok(Act::RecordFailure { user, reason: FailureReason::WrongPassword, count: 1 })
}

fn command(act: Act, user: usize, device: usize) -> Command {
    Command { origin: origin(user, device), ..Command::new(act) }
}

/// An address of documentation, the same for the same user and device.
fn origin(user: usize, device: usize) -> Origin {
    let host = u8::try_from(user * DEVICES.len() + device).unwrap_or(u8::MAX);
    let network = if device == 1 || device == 3 { [192, 0, 2] } else { [198, 51, 100] };
    let [a, b, c] = network;
    origin_of(
        [a, b, c, host.saturating_add(1)].into(),
        DEVICES.get(device).copied().unwrap_or_default(),
    )
}

fn origin_of(ip: IpAddr, device: &str) -> Origin {
    Origin { ip: Some(ip), user_agent: Some(UserAgent::new(device)), imported: None }
}
