//! A person at a terminal: a pseudo-terminal, the keys that are typed, and what it shows.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};

use super::support::command;

/// What is not shown by then is not shown.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary at a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    line: OwnedFd,
    child: Child,
    screen: Receiver<Vec<u8>>,
    /// The modes of the terminal before.
    before: Termios,
    shown: String,
}

impl Terminal {
    /// Starts the binary at a terminal of so many columns.
    pub(crate) fn run(args: &[&str], columns: u16) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("it is ours");
        unlockpt(&keyboard).expect("it is ours");
        let name = ptsname(&keyboard, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = rustix::fs::open(name, flags, Mode::empty()).expect("its other end opens");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).expect("a size");
        let before = tcgetattr(&line).expect("modes");
        let end = || Stdio::from(line.try_clone().expect("one more end"));
        let mut command = command(args);
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("the binary runs");
        let mut reader = File::from(keyboard.try_clone().expect("one more end"));
        let keyboard = File::from(keyboard);
        let (tell, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(count) = reader.read(&mut bytes) {
                if tell.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard, line, child, screen, before, shown: String::new() }
    }

    /// What is shown up to the next time that it waits for a key.
    #[track_caller]
    pub(crate) fn screen(&mut self) -> String {
        self.until("[q]uit  ")
    }

    /// What is shown up to that text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                let shown = std::mem::replace(&mut self.shown, rest);
                return anstream::adapter::strip_str(&shown).to_string().replace('\r', "");
            }
            let bytes = self.screen.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|_| panic!("{text:?} is not in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8(bytes).expect("text"));
        }
    }

    /// Types, once it waits for a key.
    pub(crate) fn press(&mut self, keys: &str) {
        while self.modes().contains(LocalModes::ICANON) {
            std::thread::yield_now();
        }
        self.enter(keys);
    }

    /// Types.
    pub(crate) fn enter(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it can be typed");
    }

    /// Types, and gives what is shown then.
    #[track_caller]
    pub(crate) fn after(&mut self, keys: &str) -> String {
        self.press(keys);
        self.screen()
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.line).expect("modes").local_modes
    }

    /// Waits for its end: the exit code, and whether the terminal is as it was.
    pub(crate) fn end(mut self) -> (Option<i32>, bool) {
        let status = self.child.wait().expect("it ends");
        let after = tcgetattr(&self.line).expect("modes");
        let is_same = after.local_modes == self.before.local_modes
            && after.input_modes == self.before.input_modes
            && after.output_modes == self.before.output_modes
            && after.control_modes == self.before.control_modes;
        (status.code(), is_same)
    }
}
