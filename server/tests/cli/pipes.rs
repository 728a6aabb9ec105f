//! A reader that closes the pipe has read enough.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use super::support::{command, run_with};

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a plain name");
    // More than a pipe holds.
    let log: String = (0..3_000)
        .map(|n| {
            let (minute, second) = (n / 60, n % 60);
            format!(
                "Nov 20 12:{minute:02}:{second:02} h sshd[{n}]: Failed password for root from \
                 203.0.113.9 port 1 ssh2\n"
            )
        })
        .collect();
    let import = ["import", "--from", "syslog", "--year", "2026", "-", "--store", path];
    assert_eq!(run_with(&import, log.as_bytes()).code, 0);
    for form in ["--json", "--format=plain", "--format=table"] {
        let mut child = command(&["journal", "dump", form, "--store", path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut first).expect("it prints");
        drop(stdout);
        let mut stderr = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{stderr}");
        assert_eq!(stderr, "");
    }
}
