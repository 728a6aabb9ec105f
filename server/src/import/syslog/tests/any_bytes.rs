//! Whatever the bytes are: no panic, sums that hold, keys that a longer log repeats.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Lines of a few processes within minutes, so that they meet.
fn line() -> impl Strategy<Value = String> {
    let message = prop_oneof![
        Just("Invalid user a b from 192.0.2.1".to_owned()),
        Just("Accepted password for ada from 192.0.2.1 port 5 ssh2".to_owned()),
        Just("Failed password for ada from 192.0.2.1 port 5 ssh2".to_owned()),
        Just("Failed none for invalid user  from 192.0.2.1 port 5 ssh2".to_owned()),
        Just("pam_unix(sshd:auth): check pass; user unknown".to_owned()),
        Just("pam_unix(sshd:auth): authentication failure; rhost=h  user=ada".to_owned()),
        Just("pam_unix(sshd:session): session opened for user ada(uid=1) by (uid=0)".to_owned()),
        Just("pam_unix(sshd:session): session closed for user ada".to_owned()),
        Just("PAM 2 more authentication failures; rhost=h  user=ada".to_owned()),
        Just("message repeated 3 times: [ Failed password for ada from h port 5 ssh2]".to_owned()),
        "(Failed|Accepted|message repeated|session opened for user|\\PC){0,3} \\PC{0,20}",
    ];
    (0..4_u8, 0..60_u8, 1..3_u8, message).prop_map(|(minute, second, pid, message)| {
        format!("Dec 31 23:{minute:02}:{second:02} host sshd[{pid}]: {message}\n")
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(log in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        read(&log);
    }

    #[test]
    fn any_lines_are_survived(log in "(Jun  4 15:16:01 h (sshd|su|)(\\[1\\])?:? ?(\\PC{0,40}|Failed \\PC{0,20} from \\PC{0,9})\\r?\\n|\\PC{0,9}\\n){0,20}") {
        read(log.as_bytes());
    }

    #[test]
    fn a_longer_log_repeats_the_keys(lines in proptest::collection::vec(line(), 0..60), cut in any::<prop::sample::Index>()) {
        let keys = |log: &str| -> BTreeSet<_> {
            read(log.as_bytes()).0.into_iter().map(|each| each.key).collect()
        };
        let log = lines.concat();
        let whole = keys(&log);
        let before: String = log.chars().take(cut.index(log.chars().count() + 1)).collect();
        prop_assert!(keys(&before).is_subset(&whole));
    }

    #[test]
    fn observations_come_in_the_order_of_their_lines(lines in proptest::collection::vec(line(), 0..60)) {
        let numbers: Vec<_> = read(lines.concat().as_bytes()).0.iter().map(|each| each.line).collect();
        prop_assert!(numbers.is_sorted());
    }
}
