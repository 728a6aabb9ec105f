//! Callers at the same moment, and clients that repeat themselves: one session never has two leaves.

use std::{collections::BTreeSet, sync::Arc};

use passbook::{Ledger, Policy, SimClock, Token};
use passbook_axum::{
    Error, SessionMeta,
    jwt::{JwtSessionService, JwtSessionsConfig, TokenPair},
};
use proptest::prelude::*;
use tokio::sync::Barrier;

use super::keys::{NOW, SECRET};

fn service() -> JwtSessionService {
    let ledger = Ledger::memory().expect("in memory");
    JwtSessionService::new(ledger, JwtSessionsConfig::new(SECRET)).expect("a good configuration")
}

async fn login(service: &JwtSessionService) -> TokenPair {
    let meta = SessionMeta::from_headers("198.51.100.7", "curl/8.14.1", "", "");
    service.authenticate("ann", &meta).await.expect("a login")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_callers_with_one_refresh_token_one_gets_a_pair() {
    let service = service();
    for round in 0..300 {
        let pair = login(&service).await;
        let start = Arc::new(Barrier::new(8));
        let callers = (0..8).map(|_| {
            let (service, start) = (service.clone(), Arc::clone(&start));
            let token = pair.refresh_token.clone();
            tokio::spawn(async move {
                start.wait().await;
                service.rotate(&token).await
            })
        });
        let mut pairs = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            match caller.await.expect("it ends") {
                Ok(pair) => pairs.push(pair),
                Err(Error::SessionNotFound) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(pairs.len(), 1, "round {round}");
        // A race is no theft: the winner's session lives on.
        service.logout(&pairs[0].access_token).await.expect("live");
        assert!(service.list("ann").await.expect("a list").is_empty(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_logout_that_races_a_rotation_nothing_is_alive() {
    let service = service();
    let mut rotated_first = 0;
    for round in 0..400 {
        let pair = login(&service).await;
        let start = Arc::new(Barrier::new(2));
        let rotation = {
            let (service, start) = (service.clone(), Arc::clone(&start));
            let token = pair.refresh_token.clone();
            tokio::spawn(async move {
                start.wait().await;
                service.rotate(&token).await
            })
        };
        start.wait().await;
        service.logout(&pair.access_token).await.expect("a logout always works");
        match rotation.await.expect("it ends") {
            Ok(new) => {
                rotated_first += 1;
                let dead = service.rotate(&new.refresh_token).await;
                assert!(matches!(dead, Err(Error::SessionNotFound)), "round {round}: {dead:?}");
            }
            Err(error) => assert!(matches!(error, Error::SessionNotFound), "round {round}"),
        }
        assert!(service.list("ann").await.expect("a list").is_empty(), "round {round}");
    }
    println!("the rotation was first in {rotated_first} of 400 rounds");
}

#[tokio::test]
async fn a_logout_with_a_token_from_before_two_rotations_ends_the_session() {
    let service = service();
    let first = login(&service).await;
    let second = service.rotate(&first.refresh_token).await.expect("live");
    let third = service.rotate(&second.refresh_token).await.expect("live");
    service.logout(&first.access_token).await.expect("of its lineage");
    assert!(service.list("ann").await.expect("a list").is_empty());
    assert!(service.rotate(&third.refresh_token).await.is_err());
}

/// What one of the clients of a session does. Each has the refresh tokens that it got an answer with.
#[derive(Debug, Clone)]
enum Step {
    /// Refreshes with the last token that it has, and gets the answer.
    Refresh(usize),
    /// Refreshes, and the answer is lost.
    Lose(usize),
    /// Shows any token that it ever had, the last one included.
    Replay(usize, prop::sample::Index),
    /// Copies everything that the other has: a thief, or a second tab.
    Steal(usize),
    Wait(u64),
    Logout(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..2_usize;
    prop_oneof![
        4 => client.clone().prop_map(Step::Refresh),
        2 => client.clone().prop_map(Step::Lose),
        3 => (client.clone(), any::<prop::sample::Index>()).prop_map(|(c, at)| Step::Replay(c, at)),
        1 => client.clone().prop_map(Step::Steal),
        2 => (0..12_000_u64).prop_map(Step::Wait),
        1 => client.prop_map(Step::Logout),
    ]
}

/// A session and its two clients, and every token that was ever made for it.
struct World {
    clock: Arc<SimClock>,
    ledger: Ledger,
    service: JwtSessionService,
    clients: [Vec<TokenPair>; 2],
    /// By `jti`: the replay window gives the same one again.
    made: BTreeSet<String>,
}

impl World {
    async fn new(policy: Policy) -> Self {
        let clock = Arc::new(SimClock::at_ms(NOW * 1_000));
        let builder = Ledger::builder().clock(clock.clone()).sweep_interval(None).policy(policy);
        let ledger = builder.open_blocking().expect("in memory");
        let config = JwtSessionsConfig::new(SECRET);
        let service = JwtSessionService::new(ledger.clone(), config).expect("good");
        let first = login(&service).await;
        let mut world = Self {
            clock,
            ledger,
            service,
            clients: [vec![first.clone()], vec![]],
            made: BTreeSet::new(),
        };
        world.note(&first);
        world
    }

    fn note(&mut self, pair: &TokenPair) {
        let claims = self.service.decoder().decode(&pair.refresh_token).expect("just made");
        self.made.insert(claims.jti.expect("it has one"));
    }

    /// Shows a refresh token; gives the answer.
    async fn rotate(&mut self, pair: Option<TokenPair>) -> Option<TokenPair> {
        let answer = self.service.rotate(&pair?.refresh_token).await.ok()?;
        self.note(&answer);
        Some(answer)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Refresh(client) => {
                let answer = self.rotate(self.clients[client].last().cloned()).await;
                self.clients[client].extend(answer);
            }
            Step::Lose(client) => {
                let _lost = self.rotate(self.clients[client].last().cloned()).await;
            }
            Step::Replay(client, at) if !self.clients[client].is_empty() => {
                let shown = at.get(&self.clients[client]).clone();
                let answer = self.rotate(Some(shown)).await;
                self.clients[client].extend(answer);
            }
            Step::Replay(..) => {}
            Step::Steal(client) => {
                let loot = self.clients[1 - client].clone();
                self.clients[client].extend(loot);
            }
            Step::Wait(ms) => self.clock.advance_ms(ms),
            Step::Logout(client) => {
                if let Some(pair) = self.clients[client].last() {
                    self.service.logout(&pair.access_token).await.expect("always");
                    assert_eq!(self.leaves(), 0);
                }
            }
        }
    }

    /// How many of all tokens open a session.
    fn leaves(&self) -> usize {
        let opens = |jti: &&String| {
            let token = Token::parse_hex(jti).expect("a token");
            self.ledger.session(&token).is_some()
        };
        self.made.iter().filter(opens).count()
    }
}

fn check(steps: Vec<Step>, replay_window_ms: u64) {
    let policy = Policy { replay_window_ms, ..Policy::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(policy).await;
        for step in steps {
            world.take(step).await;
            assert!(world.leaves() <= 1, "two leaves in one lineage");
        }
    });
}

proptest! {
    #[test]
    fn there_are_never_two_live_leaves(steps in prop::collection::vec(step(), 1..40)) {
        check(steps, 0);
    }

    #[test]
    fn nor_are_there_with_a_replay_window(steps in prop::collection::vec(step(), 1..40)) {
        check(steps, 5_000);
    }
}
