//! The logs of two real hosts, which are not ours to copy: `../shared/data`, beside the checkout.

use std::collections::BTreeMap;

use super::*;

/// `None`, and a word about it, where the folder isn't there; CI has it.
fn log(name: &str) -> Option<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !folder.is_dir() {
        println!("SKIPPED: {} is not there, so {name} was not read", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(name)).expect("the folder is there, so the log is"))
}

/// What `grep` counts: lines with `needle`.
fn grep(log: &[u8], needle: &str) -> u64 {
    let lines = String::from_utf8_lossy(log);
    u64::try_from(lines.lines().filter(|line| line.contains(needle)).count()).unwrap()
}

#[test]
fn the_linux_host_has_123_sessions_and_as_many_failures_as_pam_lines() {
    let Some(log) = log("linux_2k.log") else { return };
    let (_, summary) = read(&log);
    assert_eq!((summary.opened, summary.closed, summary.closed_unmatched), (123, 123, 0));
    assert_eq!(summary.failed, grep(&log, "authentication failure;"));
    assert_eq!(summary.failed, 490);
    assert_eq!(summary.skipped.total(), 0, "{summary:?}");
}

#[test]
fn the_attacked_host_has_one_session_and_as_many_failures_as_failed_lines() {
    let Some(log) = log("openssh_1k.log") else { return };
    let (observations, summary) = read(&log);
    assert_eq!((summary.opened, summary.closed, summary.closed_unmatched), (1, 1, 0));
    // The two repeated messages stand for five each.
    assert_eq!(grep(&log, "message repeated 5 times: [ Failed "), grep(&log, "message repeated"));
    let repeated = grep(&log, "message repeated");
    assert_eq!(summary.failed, grep(&log, ": Failed ") + 5 * repeated);
    assert_eq!(summary.failed, 226);
    assert_eq!(summary.skipped.total(), 0, "{summary:?}");
    let opened = observations.iter().map(short).find(|text| text.contains("opened"));
    assert_eq!(opened.as_deref(), Some("956 sshd opened fztu 119.137.62.142 password"));
    let poor = observations.iter().filter(|each| match &each.fact {
        Fact::Failed { user, method, ip_or_rhost, .. } => {
            user.is_none() || method.is_none() || ip_or_rhost.is_none()
        }
        Fact::Opened { .. } | Fact::Closed { .. } => false,
    });
    assert_eq!(poor.map(short).collect::<Vec<_>>(), Vec::<String>::new());
}

/// A log is imported, grows, and is imported again: what was known keeps its key and its count.
#[test]
fn a_log_that_grew_repeats_its_keys() {
    for name in ["linux_2k.log", "openssh_1k.log"] {
        let Some(log) = log(name) else { return };
        let counts = |log: &[u8]| -> BTreeMap<Key, (u64, u32)> {
            let entry = |each: Observation| {
                let count = match each.fact {
                    Fact::Failed { count, .. } => count,
                    Fact::Opened { .. } | Fact::Closed { .. } => 0,
                };
                (each.key, (each.line, count))
            };
            let observations = read(log).0;
            let all = observations.len();
            let map: BTreeMap<_, _> = observations.into_iter().map(entry).collect();
            assert_eq!(map.len(), all, "no key twice");
            map
        };
        let whole = counts(&log);
        assert_eq!(counts(&log), whole);
        for cut in (0..log.len()).step_by(997) {
            let before = counts(&log[..cut]);
            let lost: Vec<_> =
                before.iter().filter(|(key, told)| whole.get(key) != Some(told)).collect();
            assert_eq!(lost, [], "cut at byte {cut} of {name}");
        }
    }
}
