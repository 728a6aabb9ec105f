//! The filter knows every name that the core writes, and no other.

use std::collections::BTreeSet;

use passbook::{
    EndReason, Fact, FailureReason, Policy, SessionId, Transport,
    core::{
        Amr, BookmarkName, DataKey, DeviceLabel, Mark, ReuseVerdict, Rule, Subject, TokenDigest,
        UserId,
    },
};
use passbook_server::filter::Key;

#[track_caller]
fn check<'a>(key: Key, names: impl IntoIterator<Item = &'a str>) {
    let known: BTreeSet<_> = key.choices().expect("it has choices").iter().copied().collect();
    assert_eq!(known, names.into_iter().collect(), "{key}");
}

#[test]
fn reasons_are_those_of_endings_and_of_failures() {
    let ends = EndReason::ALL.iter().map(|reason| reason.as_str());
    check(Key::Reason, ends.chain(FailureReason::ALL.iter().map(|reason| reason.as_str())));
}

#[test]
fn transports_are_those_of_sessions() {
    let all = [Transport::Token, Transport::Cookie, Transport::Jwt, Transport::Imported];
    for transport in all {
        // A new one breaks the build here, and then belongs into the list above.
        match transport {
            Transport::Token | Transport::Cookie | Transport::Jwt | Transport::Imported => {}
        }
    }
    let names = all.map(|transport| {
        let value = serde_json::to_value(transport).expect("it has a name");
        value.as_str().expect("a text").to_owned()
    });
    check(Key::Transport, names.iter().map(String::as_str));
}

/// One of each kind, in the order of the enum.
#[expect(clippy::too_many_lines, reason = "one sample a kind")]
fn facts() -> Vec<Fact> {
    let user = || UserId::new("mira").expect("short");
    let subject = || Subject { session: SessionId::from_u128(7), user: user() };
    let digest = TokenDigest::from_bytes([7; 32]);
    vec![
        Fact::Opened { version: "1".into(), dropped_bytes: 0 },
        Fact::PolicySet { version: 1, policy: Policy::default() },
        Fact::SessionCreated {
            subject: subject(),
            is_guest: false,
            digest: None,
            device: None,
            tenant: None,
            transport: Transport::Token,
            created_at_ms: 0,
            lifetime_ms: 0,
            expires_at_ms: 0,
            absolute_at_ms: 0,
        },
        Fact::SessionRefreshed {
            subject: subject(),
            digest,
            generation: 2,
            lifetime_ms: 0,
            expires_at_ms: 0,
        },
        Fact::SessionUpgraded { subject: subject(), guest: user(), rotated: None },
        Fact::SessionRevoked {
            subject: subject(),
            reason: EndReason::Logout,
            rule: Rule::Requested,
            policy_version: 0,
        },
        Fact::UserSessionsRevoked {
            user: user(),
            except: None,
            reason: EndReason::Logout,
            ended: 1,
        },
        Fact::SessionsExpired { effective_now_ms: 0, ended: 1, policy_version: 0 },
        Fact::DeviceSet { subject: subject(), device: DeviceLabel::new("x").expect("short") },
        Fact::TenantSet { subject: subject(), tenant: None },
        Fact::DataSet {
            subject: subject(),
            key: DataKey::new("x").expect("short"),
            value: "1".into(),
        },
        Fact::DataRemoved { subject: subject(), key: DataKey::new("x").expect("short") },
        Fact::SessionTouched { subject: subject(), expires_at_ms: 0 },
        Fact::TokenReuseDetected {
            subject: subject(),
            presented_generation: 1,
            current_generation: 2,
            spent_at_ms: 0,
            race_window_ms: 0,
            policy_version: 0,
            verdict: ReuseVerdict::Race,
        },
        Fact::LoginFailed { user: None, reason: FailureReason::Other, count: 1 },
        Fact::Bookmark { name: BookmarkName::new("x").expect("short"), mark: Mark::Here },
        Fact::Compacted { effective_now_ms: 0, ended: 1, policy_version: 0 },
        Fact::Salvaged { source: [0; 16], kept: 1, lost: vec![(1, 1)], lost_records: 1 },
        Fact::SessionReauthenticated {
            subject: subject(),
            amr: Amr::new(["pwd"]).expect("a name"),
            digest,
            generation: 2,
            expires_at_ms: 0,
        },
    ]
}

/// The place of a kind in [`facts`]: a new kind breaks the build here.
fn place(fact: &Fact) -> usize {
    match fact {
        Fact::Opened { .. } => 0,
        Fact::PolicySet { .. } => 1,
        Fact::SessionCreated { .. } => 2,
        Fact::SessionRefreshed { .. } => 3,
        Fact::SessionReauthenticated { .. } => 18,
        Fact::SessionUpgraded { .. } => 4,
        Fact::SessionRevoked { .. } => 5,
        Fact::UserSessionsRevoked { .. } => 6,
        Fact::SessionsExpired { .. } => 7,
        Fact::DeviceSet { .. } => 8,
        Fact::TenantSet { .. } => 9,
        Fact::DataSet { .. } => 10,
        Fact::DataRemoved { .. } => 11,
        Fact::SessionTouched { .. } => 12,
        Fact::TokenReuseDetected { .. } => 13,
        Fact::LoginFailed { .. } => 14,
        Fact::Bookmark { .. } => 15,
        Fact::Compacted { .. } => 16,
        Fact::Salvaged { .. } => 17,
    }
}

#[test]
fn kinds_are_those_of_events() {
    let facts = facts();
    assert!(facts.iter().map(place).eq(0..facts.len()), "one of each, in order");
    check(Key::Kind, facts.iter().map(Fact::kind));
}
