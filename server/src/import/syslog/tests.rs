//! What a log comes to, in stories of a few lines.

use super::*;

mod any_bytes;
mod real_logs;

pub(super) fn read(log: &[u8]) -> (Vec<Observation>, Summary) {
    let mut reader = Reader::new(log, StampOptions::new(2025).unwrap());
    let observations = reader.by_ref().map(|item| item.expect("memory does not fail")).collect();
    let summary = reader.summary().clone();
    check_sums(&summary);
    (observations, summary)
}

#[track_caller]
fn check_sums(summary: &Summary) {
    let parts = summary.telling + summary.merged + summary.ignored + summary.skipped.total();
    assert_eq!(summary.lines, parts, "each line is one of four: {summary:?}");
}

fn short(observation: &Observation) -> String {
    let facts = match &observation.fact {
        Fact::Opened { user, ip, method } => {
            let ip = ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
            format!("opened {user} {ip} {}", method.as_deref().unwrap_or("-"))
        }
        Fact::Closed { user, opened } => {
            format!("closed {user} {}", opened.map_or("unmatched", |_| "matched"))
        }
        Fact::Failed { user, invalid_user, method, ip_or_rhost, count } => format!(
            "failed {}{} {} {} ×{count}",
            user.as_deref().unwrap_or("-"),
            if *invalid_user { " invalid" } else { "" },
            method.as_deref().unwrap_or("-"),
            ip_or_rhost.as_deref().unwrap_or("-"),
        ),
    };
    format!("{} {} {facts}", observation.line, observation.service)
}

/// Each line of `log` is put behind `Jun  4 15:16:NN host `, NN its number.
fn stamped(log: &[&str]) -> String {
    let line = |(n, rest): (usize, &&str)| format!("Jun  4 15:16:{:02} host {rest}\n", n + 1);
    log.iter().enumerate().map(line).collect()
}

#[track_caller]
fn check(log: &[&str], expected: &[&str]) -> Summary {
    let (observations, summary) = read(stamped(log).as_bytes());
    assert_eq!(observations.iter().map(short).collect::<Vec<_>>(), expected);
    summary
}

const PAM_FAILURE: &str = "sshd[7]: pam_unix(sshd:auth): authentication failure; logname= uid=0 \
                           euid=0 tty=ssh ruser= rhost=name.example  user=root";

#[test]
fn an_attempt_told_by_pam_and_sshd_is_one_with_the_facts_of_both() {
    check(
        &[
            "sshd[7]: Invalid user webmaster from 192.0.2.1",
            "sshd[7]: input_userauth_request: invalid user webmaster [preauth]",
            "sshd[7]: pam_unix(sshd:auth): check pass; user unknown",
            "sshd[7]: pam_unix(sshd:auth): authentication failure; logname= rhost=name.example ",
            "sshd[7]: Failed password for invalid user webmaster from 192.0.2.1 port 5 ssh2",
            "sshd[7]: Connection closed by 192.0.2.1 [preauth]",
        ],
        &["4 sshd failed webmaster invalid password 192.0.2.1 ×1"],
    );
}

#[test]
fn repeated_messages_count_and_pams_last_word_does_not_count_them_again() {
    let summary = check(
        &[
            PAM_FAILURE,
            "sshd[7]: Failed password for root from 192.0.2.1 port 5 ssh2",
            "sshd[7]: message repeated 5 times: [ Failed password for root from 192.0.2.1 port 5 ssh2]",
            "sshd[7]: Disconnecting: Too many authentication failures for root [preauth]",
            "sshd[7]: PAM 5 more authentication failures; logname= rhost=name.example  user=root",
            "sshd[7]: PAM service(sshd) ignoring max retries; 6 > 3",
        ],
        &["1 sshd failed root password 192.0.2.1 ×1", "3 sshd failed root password 192.0.2.1 ×5"],
    );
    assert_eq!((summary.failed, summary.telling, summary.merged, summary.ignored), (6, 2, 2, 2));
}

#[test]
fn where_only_pam_speaks_its_lines_are_the_attempts() {
    let summary = check(
        &[
            "sshd(pam_unix)[7]: check pass; user unknown",
            "sshd(pam_unix)[7]: authentication failure; logname= rhost=h.example ",
            "sshd(pam_unix)[7]: 3 more authentication failures; logname= rhost=h.example ",
            "su(pam_unix)[8]: authentication failure; logname=ada ruser=ada rhost=  user=root",
        ],
        &[
            "2 sshd failed - invalid - h.example ×1",
            "3 sshd failed - - h.example ×3",
            "4 su failed root - - ×1",
        ],
    );
    assert_eq!(summary.failed, 5);
}

#[test]
fn sshd_alone_is_enough_and_processes_are_told_apart() {
    check(
        &[
            "sshd[1]: Failed password for root from 192.0.2.1 port 5 ssh2",
            "sshd[2]: Failed publickey for root from 192.0.2.1 port 5 ssh2: RSA SHA256:x",
            "sshd[1]: Failed password for root from 192.0.2.1 port 5 ssh2",
            "sshd[3]: Failed none for invalid user  from 192.0.2.1 port 5 ssh2",
            PAM_FAILURE,
        ],
        &[
            "1 sshd failed root password 192.0.2.1 ×1",
            "2 sshd failed root publickey 192.0.2.1 ×1",
            "3 sshd failed root password 192.0.2.1 ×1",
            "4 sshd failed - invalid none 192.0.2.1 ×1",
            "5 sshd failed root - name.example ×1",
        ],
    );
}

#[test]
fn last_message_repeated_repeats_the_line_before_it() {
    let log = [
        "sshd(pam_unix)[7]: authentication failure; logname= rhost=h.example ",
        "last message repeated 3 times",
        "last message repeated 2 times",
        "kernel: something else",
        "last message repeated 9 times",
    ];
    assert_eq!(read(stamped(&log).as_bytes()).1.failed, 6);
}

#[test]
fn accepted_gives_the_session_its_address_and_method() {
    let summary = check(
        &[
            "sshd-session[7]: Accepted publickey for ada from 2001:db8::1 port 5 ssh2: ED25519 SHA256:x",
            "sshd-session[7]: pam_unix(sshd:session): session opened for user ada(uid=1000) by ada(uid=0)",
            "systemd-logind[1]: New session 5 of user ada.",
            "sshd-session[9]: Disconnected from user ada 2001:db8::1 port 5",
            "sshd-session[7]: pam_unix(sshd:session): session closed for user ada",
        ],
        &["1 sshd opened ada 2001:db8::1 publickey", "5 sshd closed ada matched"],
    );
    assert_eq!((summary.opened, summary.closed, summary.still_open), (1, 1, 0));
}

#[test]
fn a_login_that_pam_does_not_confirm_is_a_session_all_the_same() {
    let summary = check(
        &[
            "sshd[7]: Accepted password for ada from 192.0.2.1 port 5 ssh2",
            "sshd[8]: Accepted password for bob from 192.0.2.1 port 5 ssh2",
            "sshd[8]: pam_unix(sshd:session): session opened for user robert by (uid=0)",
            "sshd[8]: pam_unix(sshd:session): session closed for user robert",
        ],
        &[
            "1 sshd opened ada 192.0.2.1 password",
            "2 sshd opened robert 192.0.2.1 password",
            "4 sshd closed robert matched",
        ],
    );
    assert_eq!((summary.opened, summary.still_open), (2, 1));
}

#[test]
fn a_confirmation_that_comes_late_does_not_open_a_second_session() {
    let log = "\
Jun  4 15:16:00 host sshd[7]: Accepted password for ada from 192.0.2.1 port 5 ssh2
Jun  4 15:19:00 host kernel: time goes on
Jun  4 15:20:00 host sshd[7]: pam_unix(sshd:session): session opened for user ada by (uid=0)
";
    let (observations, summary) = read(log.as_bytes());
    assert_eq!(observations.len(), 1);
    assert_eq!((summary.opened, summary.merged), (1, 1));
}

#[test]
fn sessions_under_one_process_id_stay_apart_and_an_unmatched_close_says_so() {
    let summary = check(
        &[
            "su(pam_unix)[7]: session closed for user news",
            "su(pam_unix)[7]: session opened for user news by (uid=0)",
            "su(pam_unix)[7]: session opened for user news by (uid=0)",
            "su(pam_unix)[8]: session opened for user news by (uid=0)",
            "su(pam_unix)[7]: session closed for user news",
        ],
        &[
            "1 su closed news unmatched",
            "2 su opened news - -",
            "3 su opened news - -",
            "4 su opened news - -",
            "5 su closed news matched",
        ],
    );
    assert_eq!((summary.closed, summary.closed_unmatched, summary.still_open), (2, 1, 2));
}

#[test]
fn a_password_that_a_second_module_takes_is_no_failure() {
    let summary = check(
        &[
            PAM_FAILURE,
            "sshd[7]: pam_sss(sshd:auth): authentication success; logname= rhost=name.example user=root",
            "sshd[7]: Accepted password for root from 192.0.2.1 port 5 ssh2",
            "sshd[7]: pam_unix(sshd:session): session opened for user root by (uid=0)",
        ],
        &["3 sshd opened root 192.0.2.1 password"],
    );
    assert_eq!((summary.failed, summary.opened), (0, 1));
}

#[test]
fn each_reason_to_skip_is_counted_and_the_first_lines_are_named() {
    let mut log = b"no stamp at all\n".to_vec();
    log.extend_from_slice(
        b"Feb 29 12:00:00 host su(pam_unix)[7]: session opened for user news by (uid=0)\n",
    );
    log.extend_from_slice(&vec![b'a'; LINE_LEN_MAX + 1]);
    log.extend_from_slice(b"\n\r\n");
    log.extend_from_slice(b"Mar  1 12:00:00 host sshd[7]: Failed password for\n");
    log.extend_from_slice(b"Mar  1 12:00:00 host sshd[7]: message repeated 0 times: [ Failed password for r from h]\n");
    log.extend_from_slice(
        b"Mar  1 12:00:00 host su[7]: pam_unix(su:session): session opened for user n",
    );
    let (observations, summary) = read(&log);
    assert_eq!(observations, []);
    assert_eq!(
        summary.skipped.by_reason().collect::<Vec<_>>(),
        [
            (SkipReason::Stamp, 1),
            (SkipReason::Date, 1),
            (SkipReason::Overlong, 1),
            (SkipReason::Malformed, 2),
            (SkipReason::Unfinished, 1),
        ]
    );
    assert_eq!(
        summary.skipped.first(),
        [(1, SkipReason::Stamp), (2, SkipReason::Date), (3, SkipReason::Overlong)]
    );
    assert_eq!((summary.lines, summary.ignored), (7, 1));
}

#[test]
fn a_last_line_that_is_cut_short_is_unfinished_wherever_it_is_cut() {
    let line = "Mar  1 12:00:00 host sshd[7]: Failed password for ada from 192.0.2.1 port 5 ssh2";
    for cut in ["Mar  1 12:0", "Mar  1 12:00:00 host sshd[7]: Failed password for a", line] {
        let (observations, summary) = read(cut.as_bytes());
        assert_eq!(observations, []);
        assert_eq!(summary.skipped.count(SkipReason::Unfinished), 1, "{cut}");
    }
    assert_eq!(read(format!("{line}\n").as_bytes()).1.failed, 1);
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_the_key_is_of_the_bytes() {
    let line = |byte: u8| {
        let mut line = b"Jun  4 15:16:01 host su(pam_unix)[7]: session opened for user n".to_vec();
        line.extend_from_slice(&[byte]);
        line.extend_from_slice(b" by (uid=0)\n");
        line
    };
    let (first, second) = (read(&line(0xff)).0, read(&line(0xfe)).0);
    assert_eq!(short(&first[0]), "1 su opened n\u{fffd} - -");
    assert_eq!(short(&second[0]), "1 su opened n\u{fffd} - -");
    assert_ne!(first[0].key, second[0].key);
}

#[test]
fn sessions_in_a_repeated_message_are_as_many_with_a_key_each() {
    let (observations, _) = read(
        stamped(&["su: message repeated 2 times: [ pam_unix(su:session): session opened for user n by (uid=0)]"])
            .as_bytes(),
    );
    assert_eq!(observations.len(), 2);
    assert_ne!(observations[0].key, observations[1].key);
    for (count, opened) in
        [(REPEATED_SESSIONS_MAX, REPEATED_SESSIONS_MAX), (REPEATED_SESSIONS_MAX + 1, 0)]
    {
        let line = format!(
            "su: message repeated {count} times: [ pam_unix(su:session): session opened for user n by (uid=0)]"
        );
        assert_eq!(read(stamped(&[&line]).as_bytes()).1.opened, u64::from(opened));
    }
}

#[test]
fn the_sample_of_the_quickstart_is_understood_whole() {
    let (_, summary) = read(include_bytes!("../../../samples/auth.log"));
    assert_eq!(summary.skipped.total(), 0, "{summary:?}");
    assert_eq!(summary.closed_unmatched, 0);
    assert!(summary.opened >= 10 && summary.failed >= 20 && summary.still_open >= 1, "{summary:?}");
}
