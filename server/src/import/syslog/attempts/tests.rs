//! The greatest witness counts; memory is bounded.

use Witness::{PamOther, PamUnix, Sshd, SshdAlone, SshdError, SshdNone};

use super::*;

fn name(pid: u32) -> ProcessName {
    ProcessName { host: "h".to_owned(), program: "sshd".to_owned(), pid: Some(pid) }
}

#[track_caller]
fn check(told: &[(Witness, u32)], attempts: u32) {
    let mut process = Process::default();
    let new: u32 = told.iter().map(|(witness, count)| process.count(*witness, *count).new).sum();
    assert_eq!(new, attempts, "{told:?}");
}

#[test]
fn the_greatest_witness_counts() {
    check(&[(PamUnix, 1)], 1);
    check(&[(PamUnix, 1), (PamUnix, 4)], 5);
    check(&[(PamUnix, 1), (Sshd, 1), (Sshd, 5), (PamUnix, 5)], 6);
    check(&[(Sshd, 1), (Sshd, 1), (PamUnix, 1)], 2);
    check(&[(PamUnix, 1), (PamOther, 1), (Sshd, 1)], 1);
    check(
        &[(PamUnix, 1), (SshdError, 1), (SshdError, 1), (SshdError, 1), (Sshd, 1), (PamUnix, 2)],
        3,
    );
    check(&[(Sshd, u32::MAX), (Sshd, 1), (PamUnix, u32::MAX)], u32::MAX);
}

#[test]
fn keys_and_empty_passwords_are_attempts_of_their_own() {
    check(&[(SshdAlone, 1), (SshdAlone, 1), (PamUnix, 1), (Sshd, 1)], 3);
    check(&[(SshdNone, 1), (PamUnix, 1), (Sshd, 1)], 2);
    check(&[(SshdNone, 1)], 1);
    // Sshd need not log the further attempt that PAM tells of.
    check(&[(SshdAlone, 1), (SshdAlone, 1), (PamUnix, 1)], 3);
    check(&[(SshdNone, 1), (PamUnix, 1)], 2);
    // Where empty passwords are allowed, PAM is asked about them first.
    check(&[(PamUnix, 1), (SshdNone, 1), (Sshd, 1), (PamUnix, 1)], 2);
}

#[test]
fn a_second_module_that_takes_the_password_undoes_the_first_ones_refusal() {
    let mut held = super::super::held::Held::default();
    let mut process = Process::default();
    assert_eq!(process.count(PamUnix, 1).new, 1);
    process.wait(held.push_open(observation(1)));
    assert!(process.succeed().is_some());
    assert!(process.succeed().is_none());
    assert_eq!(process.count(PamUnix, 1).new, 1);
}

#[test]
fn processes_are_bounded_and_the_youngest_half_stays() {
    let mut processes = Processes::default();
    for line in 0..=PROCESSES_MAX {
        let number = u32::try_from(line).unwrap();
        let process = processes.process(name(number), u64::from(number), 0);
        process.count(PamUnix, 1);
        assert!(processes.known.len() <= PROCESSES_MAX);
    }
    let last = u32::try_from(PROCESSES_MAX).unwrap();
    assert_eq!(processes.known.len(), PROCESSES_MAX / 2 + 1);
    assert!(processes.known(&name(0), 0).is_none());
    assert!(processes.known(&name(last), 0).is_some());
    assert!(processes.known(&name(last - 1), 0).is_some());
}

#[test]
fn a_process_silent_past_the_limit_is_another() {
    let mut processes = Processes::default();
    assert_eq!(processes.process(name(1), 1, 0).count(PamUnix, 1).new, 1);
    assert_eq!(processes.process(name(1), 2, PROCESS_SILENT_MS_MAX).count(Sshd, 1).new, 0);
    let late_ms = PROCESS_SILENT_MS_MAX * 2 + 1;
    assert!(processes.known(&name(1), late_ms).is_none());
    assert_eq!(processes.process(name(1), 3, late_ms).count(Sshd, 1).new, 1);
}

#[test]
fn waiting_attempts_are_bounded() {
    let mut held = super::super::held::Held::default();
    let mut process = Process::default();
    for line in 0..=WAITING_MAX {
        process.count(PamUnix, 1);
        process.wait(held.push_open(observation(u64::try_from(line).unwrap())));
        assert!(process.waiting.len() <= WAITING_MAX);
    }
    assert_eq!(
        process.count(Sshd, u32::try_from(WAITING_MAX).unwrap() + 1).told_again.len(),
        WAITING_MAX
    );
}

fn observation(line: u64) -> crate::import::syslog::Observation {
    crate::import::syslog::Observation {
        line,
        time_ms: 0,
        key: Key::new([0; 32]),
        host: String::new(),
        service: String::new(),
        pid: None,
        fact: crate::import::syslog::Fact::Closed { user: String::new(), opened: None },
    }
}
