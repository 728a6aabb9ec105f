//! The clients of a simulated service: they log in, carry on, lose answers and try again, and now
//! and then show a token that they should not have any more.

use std::task::Poll;

use passbook::{LedgerError, SessionId};
use rand::RngExt as _;

use super::world::{Due, World};
use crate::{
    model::{Answer, Deed},
    op::ActOp,
    run::Asked,
};

/// How long a client waits for an answer at most, in microseconds.
const PATIENCE_US: u64 = 400_000;
/// Between two requests, about.
const THINK_US: u64 = 1_500_000;
const USERS: u8 = 4;

/// One client, with what it believes.
#[derive(Debug)]
pub(super) struct Client {
    user: u8,
    /// Its token, and the ones before.
    tokens: Vec<u64>,
    session: Option<SessionId>,
    waiting: Option<Waiting>,
    /// What it does not know the outcome of, with the key that it sent.
    doubt: Option<(Deed, Option<u8>)>,
    /// Turns so far: what was on the agenda for an earlier one is stale.
    turn: u64,
    keys: u8,
}

#[derive(Debug)]
struct Waiting {
    asked: Asked,
    deed: Deed,
    key: Option<u8>,
}

impl Client {
    pub(super) fn new(number: u8) -> Self {
        Self {
            user: number % USERS,
            tokens: Vec::new(),
            session: None,
            waiting: None,
            doubt: None,
            turn: 0,
            keys: number.wrapping_mul(40),
        }
    }

    /// Nobody knows what came of it.
    fn lose(&mut self) -> bool {
        let Some(waiting) = self.waiting.take() else { return false };
        self.doubt = Some((waiting.deed, waiting.key));
        true
    }

    /// What the answer means to it; a token that it now knows to be dead.
    fn learn(&mut self, deed: &Deed, answer: Answer) -> Option<u64> {
        match (deed, answer) {
            (Deed::Create { token, .. }, Answer::Created(id)) => {
                self.tokens = vec![*token];
                self.session = Some(id);
                None
            }
            (Deed::Refresh(old, new) | Deed::Upgrade(old, _, Some(new)), Answer::Refreshed(_)) => {
                self.tokens.push(*new);
                Some(*old)
            }
            (Deed::Revoke(token), Answer::Ended(1..)) => Some(*token),
            // It is left with a token that opens nothing: it logs in again, or tries on.
            (_, Answer::NotFound | Answer::AlreadyDone | Answer::Reused(..)) => {
                self.tokens.pop();
                None
            }
            _ => None,
        }
    }
}

impl World {
    fn client(&mut self, index: usize) -> &mut Client {
        self.clients.get_mut(index).expect("clients stay")
    }

    /// A client does its next thing, or runs out of patience.
    pub(super) fn turn(&mut self, index: usize, turn: u64) {
        if self.client(index).turn != turn {
            return;
        }
        self.client(index).turn += 1;
        if self.client(index).lose() {
            self.tally.add("answers lost", 1);
        }
        self.request(index);
        let wait = if self.client(index).waiting.is_some() { PATIENCE_US } else { THINK_US };
        let after_us = self.some_us(wait);
        let turn = self.client(index).turn;
        self.schedule(after_us, Due::Client(index, turn));
    }

    fn request(&mut self, index: usize) {
        self.tally.add("requests", 1);
        if let Some((deed, key)) = self.client(index).doubt.take()
            && !self.one_in(3)
        {
            let deed = self.again(deed);
            return self.ask(index, deed, key);
        }
        let op = self.some_act(index);
        let now_ms = self.run.now_ms();
        if let Some(deed) = self.own(index, op, now_ms) {
            let key = self.one_in(4).then(|| {
                let client = self.client(index);
                client.keys = client.keys.wrapping_add(1);
                client.keys
            });
            self.ask(index, deed, key);
        }
    }

    /// The same request once more: what the service draws for it is new.
    fn again(&mut self, deed: Deed) -> Deed {
        self.tally.add("retries", 1);
        match deed {
            Deed::Create { user, is_guest, device, limit, replaces, .. } => {
                let now_ms = self.run.now_ms();
                let (id, token) =
                    (self.run.names.next_session(now_ms), self.run.names.next_token());
                Deed::Create { id, token, user, is_guest, device, limit, replaces }
            }
            Deed::Refresh(presented, _) => Deed::Refresh(presented, self.run.names.next_token()),
            Deed::Upgrade(token, user, successor) => {
                Deed::Upgrade(token, user, successor.map(|_| self.run.names.next_token()))
            }
            Deed::Revoke(_)
            | Deed::RevokeId(_)
            | Deed::RevokeUser(..)
            | Deed::Touch(_)
            | Deed::SetDevice(..)
            | Deed::SetTenant(..)
            | Deed::SetData(..)
            | Deed::RemoveData(..)
            | Deed::Sweep
            | Deed::Compact
            | Deed::Fail(_)
            | Deed::SetPolicy(_) => deed,
        }
    }

    fn some_act(&mut self, index: usize) -> u32 {
        if self.client(index).tokens.is_empty() {
            return self.rng.random_range(0..12);
        }
        self.rng.random_range(6..100)
    }

    /// The deed that this client means; reads are answered at once.
    fn own(&mut self, index: usize, pick: u32, now_ms: u64) -> Option<Deed> {
        let client = self.clients.get(index).expect("clients stay");
        let (user, session) = (client.user, client.session);
        let token = client.tokens.last().copied().unwrap_or_default();
        let older = client.tokens.len().saturating_sub(2);
        let older = client.tokens.get(older).copied().unwrap_or_default();
        let name = format!("user{user}");
        let names = &mut self.run.names;
        let login = |guest: bool, limit: Option<u8>| ActOp::Create {
            user,
            guest,
            device: limit,
            limit,
            replaces: None,
        };
        Some(match pick {
            0..=4 => names.deed(login(false, None), now_ms),
            5 => names.deed(login(true, None), now_ms),
            6 => names.deed(login(false, Some(3)), now_ms),
            7 => names.deed(ActOp::Fail(Some(user)), now_ms),
            8..=30 => Deed::Refresh(token, names.next_token()),
            31..=44 => Deed::Touch(token),
            45..=50 => Deed::Refresh(older, names.next_token()),
            51..=54 => Deed::Revoke(token),
            55 => Deed::RevokeUser(name, session),
            56 => Deed::RevokeUser(name, None),
            57..=60 => Deed::Upgrade(token, name, (pick > 58).then(|| names.next_token())),
            61..=63 => Deed::SetData(token, user % 3, user % 2),
            64 => Deed::RemoveData(token, user % 3),
            65..=66 => Deed::SetDevice(token, format!("device{}", now_ms % 3)),
            67 => Deed::SetTenant(token, Some(format!("tenant{user}"))),
            68 => Deed::RevokeId(session?),
            69..=78 => {
                self.run.check_list(&name);
                return None;
            }
            _ => {
                self.run.check_token(token);
                self.run.check_token(older);
                return None;
            }
        })
    }

    fn ask(&mut self, index: usize, deed: Deed, key: Option<u8>) {
        match self.run.act(&deed, key) {
            Ok(asked) => {
                self.note("asked", u64::from(asked.expected.wrote()));
                self.client(index).waiting = Some(Waiting { asked, deed, key });
                self.wake_disk();
                self.answer();
            }
            Err(error) => {
                self.check_refusal(&error);
                self.client(index).doubt = Some((deed, key));
            }
        }
    }

    /// Nothing is refused but for a reason.
    pub(super) fn check_refusal(&mut self, error: &LedgerError) {
        let is_fine = match error.code() {
            "ledger:read_only" => self.trouble.was_full,
            "ledger:unavailable" => self.is_poisoned(),
            _ => false,
        };
        assert!(is_fine || self.run.rig.vfs.is_off(), "refused: {error:?}");
        self.tally.add("refusals", 1);
    }

    /// Everybody whose answer has come gets it.
    pub(super) fn answer(&mut self) {
        for index in 0..self.clients.len() {
            let client = self.client(index);
            let Some(mut waiting) = client.waiting.take() else { continue };
            match waiting.asked.look() {
                Poll::Pending => client.waiting = Some(waiting),
                Poll::Ready(Ok(answer)) => {
                    let dead = client.learn(&waiting.deed, answer);
                    self.dead.extend(dead);
                    self.tally.add("answers", 1);
                    self.note("answer", u64::from(answer.wrote()));
                    self.next_turn(index);
                }
                Poll::Ready(Err(error)) => {
                    let is_fine = error.code() == "ledger:commit_indeterminate";
                    assert!(is_fine && self.is_poisoned(), "{error:?}");
                    self.client(index).doubt = Some((waiting.deed, waiting.key));
                    self.tally.add("answers that nobody knows", 1);
                    self.next_turn(index);
                }
            }
        }
    }

    fn next_turn(&mut self, index: usize) {
        let after_us = self.some_us(THINK_US);
        let client = self.client(index);
        client.turn += 1;
        let turn = client.turn;
        self.schedule(after_us, Due::Client(index, turn));
    }

    /// The process is gone, and with it whoever would have answered.
    pub(super) fn lose_answers(&mut self) {
        for index in 0..self.clients.len() {
            if self.client(index).lose() {
                self.tally.add("answers lost", 1);
                self.next_turn(index);
            }
        }
    }
}
