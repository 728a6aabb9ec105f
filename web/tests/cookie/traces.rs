//! What a run leaves behind: files, log and answers, to be searched for what must be in none.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use tracing::subscriber::DefaultGuard;

/// All that was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(fs::read(&path).expect("readable"));
        }
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn raw(hex: &str) -> Vec<u8> {
    let digits = |pair| u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex");
    hex.as_bytes().chunks(2).map(digits).collect()
}

impl Log {
    /// Everything that this thread logs goes here while the guard is there.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        holds(&self.0.lock().expect("whole"), text.as_bytes())
    }

    /// None of the tokens, 64 hexadecimal digits each, is in log, files or answers; neither as
    /// digits nor as bytes.
    #[track_caller]
    pub(crate) fn check(&self, tokens: &[String], folder: &Path, answers: Vec<Vec<u8>>) {
        let mut places = answers;
        places.push(self.0.lock().expect("whole").clone());
        files(folder, &mut places);
        for token in tokens {
            assert_eq!(token.len(), 64);
            for place in &places {
                assert!(!holds(place, token.as_bytes()) && !holds(place, &raw(token)));
            }
        }
    }
}
