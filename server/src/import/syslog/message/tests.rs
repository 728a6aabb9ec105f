//! Messages as they are written in the field, and as attackers would have them written.

use super::*;

#[track_caller]
fn check_refused(message: &str, user: Option<&str>, invalid: bool, origin: &str) {
    let Reading::Says(Message::Refused(found)) = read("sshd", None, message) else {
        panic!("{message} is no refusal");
    };
    let facts = (found.user.as_deref(), found.invalid_user, found.origin.as_deref());
    assert_eq!(facts, (user, invalid, Some(origin)), "{message}");
}

#[test]
fn failed_lines_are_read_from_the_right() {
    check_refused(
        "Failed password for root from 192.0.2.1 port 22 ssh2",
        Some("root"),
        false,
        "192.0.2.1",
    );
    check_refused(
        "Failed password for root from 2001:db8::1 port 22 ssh2",
        Some("root"),
        false,
        "2001:db8::1",
    );
    check_refused(
        "Failed password for root from UNKNOWN port 65535 ssh2",
        Some("root"),
        false,
        "UNKNOWN",
    );
    check_refused(
        "Failed publickey for root from 192.0.2.1 port 22 ssh2: RSA SHA256:abc",
        Some("root"),
        false,
        "192.0.2.1",
    );
    check_refused(
        "Failed keyboard-interactive/pam for invalid user x from 192.0.2.1 port 22 ssh2 [preauth]",
        Some("x"),
        true,
        "192.0.2.1",
    );
    check_refused(
        "Failed password for illegal user x from 192.0.2.1 port 22",
        Some("x"),
        true,
        "192.0.2.1",
    );
    check_refused("Failed password for invalid user  from 192.0.2.1", None, true, "192.0.2.1");
    check_refused(
        "Failed none for invalid user  0101 from 192.0.2.1 port 3 ssh2",
        Some(" 0101"),
        true,
        "192.0.2.1",
    );
    check_refused(
        "error: PAM: Authentication failure for illegal user a b from host.example",
        Some("a b"),
        true,
        "host.example",
    );
}

#[test]
fn a_user_name_cannot_forge_its_origin() {
    for user in [
        "a from b",
        "root from 198.51.100.9 port 22 ssh2",
        "root from 198.51.100.9 port 22 ssh2: RSA SHA256:abc",
        "root from 198.51.100.9",
        "from",
        " from ",
        "a from 198.51.100.9 port 1 ssh2 [preauth]",
        "message repeated 9 times: [ x]",
    ] {
        for tail in [
            "192.0.2.1 port 22 ssh2",
            "192.0.2.1 port 22 ssh2 [preauth]",
            "192.0.2.1 port 22 ssh2: RSA SHA256:abc",
            "192.0.2.1",
        ] {
            let message = format!("Failed password for invalid user {user} from {tail}");
            check_refused(&message, Some(user), true, "192.0.2.1");
        }
    }
}

#[test]
fn what_only_begins_alike_is_irrelevant_and_what_ends_otherwise_is_malformed() {
    for message in [
        "Failed to allocate internet-domain X11 display socket.",
        "Failed",
        "Accepted key RSA SHA256:abc found at /home/ann/.ssh/authorized_keys:1",
        "Connection closed by 192.0.2.1 [preauth]",
        "input_userauth_request: invalid user x [preauth]",
        "PAM service(sshd) ignoring max retries; 6 > 3",
        "error: maximum authentication attempts exceeded for root from 192.0.2.1 port 22 ssh2 [preauth]",
        "pam_unix(sshd:account): account expired",
        "pam_systemd(sshd:session): New sd-bus connection",
        "",
    ] {
        assert_eq!(read("sshd", None, message), Reading::Irrelevant, "{message}");
    }
    for message in [
        "Failed password for root",
        "Failed password for root from ",
        "Failed password for root from 192.0.2.1 port 22 ssh3",
        "Accepted password for  from 192.0.2.1 port 22 ssh2",
        "Invalid user x",
        "pam_unix(sshd:session): session opened for user  by (uid=0)",
        "pam_unix(sshd:session): session closed for user ",
        "pam_unix(sshd:auth): authentication failure; logname=",
        "PAM 99999999999 more authentication failures; rhost=h",
        "PAM 0 more authentication failures; rhost=h",
    ] {
        assert_eq!(read("sshd", None, message), Reading::Malformed, "{message}");
    }
    assert_eq!(
        read("ftpd", None, "Failed password for root from 192.0.2.1 port 22 ssh2"),
        Reading::Irrelevant,
    );
}

#[test]
fn accepted_lines_give_address_and_method() {
    for (message, method, ip) in [
        ("Accepted password for ada from 192.0.2.1 port 22 ssh2", "password", Some("192.0.2.1")),
        (
            "Accepted publickey for ada from 2001:db8::1 port 22 ssh2: ED25519 SHA256:x",
            "publickey",
            Some("2001:db8::1"),
        ),
        (
            "Accepted keyboard-interactive/pam for ada from fe80::1%eth0 port 22 ssh2",
            "keyboard-interactive/pam",
            Some("fe80::1"),
        ),
        ("Accepted none for ada from UNKNOWN port 22 ssh2", "none", None),
    ] {
        let expected = Message::Accepted {
            user: "ada".to_owned(),
            method: method.to_owned(),
            ip: ip.map(|ip| ip.parse().unwrap()),
        };
        assert_eq!(read("sshd", None, message), Reading::Says(expected), "{message}");
    }
}

#[test]
fn pam_sessions_of_all_ages() {
    for (program, module, message, service, user) in [
        ("su", Some("pam_unix"), "session opened for user news by (uid=0)", "su", "news"),
        (
            "login",
            Some("pam_unix"),
            "session opened for user root by LOGIN(uid=0)",
            "login",
            "root",
        ),
        ("su", None, "(pam_unix) session opened for user news by (uid=0)", "su", "news"),
        (
            "CRON",
            None,
            "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            "cron",
            "root",
        ),
        (
            "sshd",
            None,
            "pam_unix(sshd:session): session opened for user a by b by c(uid=0)",
            "sshd",
            "a by b",
        ),
        (
            "systemd",
            None,
            "pam_unix(systemd-user:session): session opened for user ada(uid=1000) by ada(uid=0)",
            "systemd-user",
            "ada",
        ),
        (
            "x",
            None,
            "pam_unix(x:session): session opened for user odd(uid=no) by (uid=0)",
            "x",
            "odd(uid=no)",
        ),
    ] {
        let expected = Message::Opened { service: service.to_owned(), user: user.to_owned() };
        assert_eq!(read(program, module, message), Reading::Says(expected), "{message}");
    }
    let closed = Message::Closed { service: "su-l".to_owned(), user: "ada".to_owned() };
    let message = "pam_unix(su-l:session): session closed for user ada ";
    assert_eq!(read("su", None, message), Reading::Says(closed));
}

#[track_caller]
fn check_pam(
    module: Option<&str>,
    message: &str,
    expected: (Witness, u32, Option<&str>, Option<&str>),
) {
    let Reading::Says(Message::Refused(found)) = read("sshd", module, message) else {
        panic!("{message} is no refusal");
    };
    let facts = (found.witness, found.count, found.user.as_deref(), found.origin.as_deref());
    assert_eq!(facts, expected, "{message}");
}

#[test]
fn pam_refusals_name_host_and_user_if_they_can() {
    let old = "logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=";
    let unix = Some("pam_unix");
    let (host, root) = (Some("host.example"), Some("root"));
    check_pam(
        unix,
        &format!("authentication failure; {old}host.example  user=root"),
        (Witness::PamUnix, 1, root, host),
    );
    check_pam(
        unix,
        &format!("authentication failure; {old}host.example "),
        (Witness::PamUnix, 1, None, host),
    );
    check_pam(unix, &format!("authentication failure; {old} "), (Witness::PamUnix, 1, None, None));
    check_pam(
        unix,
        &format!("authentication failure; {old}  user=root"),
        (Witness::PamUnix, 1, root, None),
    );
    check_pam(
        unix,
        &format!("3 more authentication failures; {old}host.example  user=root"),
        (Witness::PamUnix, 3, root, host),
    );
    check_pam(
        None,
        &format!("PAM 1 more authentication failure; {old}host.example "),
        (Witness::PamUnix, 1, None, host),
    );
    check_pam(
        None,
        &format!("pam_sss(sshd:auth): authentication failure; {old}host.example user=root"),
        (Witness::PamOther, 1, root, host),
    );
}

#[test]
fn repetitions_are_opened() {
    assert_eq!(unrepeat("message repeated 5 times: [ Failed x ssh2]"), (5, "Failed x ssh2"));
    for odd in ["message repeated x times: [ y]", "message repeated 5 times: [ y", "y"] {
        assert_eq!(unrepeat(odd), (1, odd));
    }
    assert_eq!(last_repeated("last message repeated 3 times"), Some(3));
    assert_eq!(last_repeated("last message repeated 1 time "), Some(1));
    assert_eq!(last_repeated("last message repeated many times"), None);
}
