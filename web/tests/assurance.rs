//! The numbers of NIST SP 800-63B-4, and that a configuration has them.

use passbook_axum::{Assurance, CookieSessionsConfig};

const LEVELS: [Assurance; 3] = [Assurance::Aal1, Assurance::Aal2, Assurance::Aal3];

#[test]
fn the_numbers_are_those_of_nist() {
    let numbers = LEVELS.map(|level| (level.absolute_timeout_secs(), level.idle_timeout_secs()));
    assert_eq!(numbers, [(2_592_000, 2_592_000), (86_400, 3_600), (43_200, 900)]);
}

#[test]
fn a_configuration_of_a_level_has_its_times_and_keeps_the_rest() {
    for level in LEVELS {
        let mut config = CookieSessionsConfig::new("0123456789abcdef".repeat(4));
        config.max_sessions_per_user = 2;
        let config = level.limit(config);
        config.validate().expect("within range");
        assert_eq!(config.session_ttl_secs, level.idle_timeout_secs());
        assert_eq!(config.absolute_ttl_secs, Some(level.absolute_timeout_secs()));
        assert_eq!(config.touch_interval_secs, level.touch_interval_secs());
        assert!(2 * config.touch_interval_secs <= config.session_ttl_secs, "{level}");
        assert_eq!((config.max_sessions_per_user, config.cookie.secrets.len()), (2, 1));
    }
    assert!(LEVELS.is_sorted(), "a higher level is greater");
}

#[test]
fn levels_are_written_as_they_display() {
    for level in LEVELS {
        let json = serde_json::to_value(level).expect("a string");
        assert_eq!(json, level.to_string());
        assert_eq!(serde_json::from_value::<Assurance>(json).expect("the same"), level);
    }
    assert!(serde_json::from_str::<Assurance>("\"aal4\"").is_err());
}
