//! Where witnesses put what they wrote, and how they say which tokens open what.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// What can go wrong in a witness.
pub type Failure = Box<dyn Error>;

/// A database that is written, and beside it the tokens: `TOKEN<tab>USER`, or `TOKEN<tab>-` where
/// it opens nothing any more.
pub struct Witness {
    database: PathBuf,
    tokens: String,
}

impl Witness {
    /// In the place of the one of that name.
    pub fn of(name: &str) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../server/tests/witnesses");
        fs::create_dir_all(&folder)?;
        let database = folder.join(format!("{name}.db"));
        if database.exists() {
            fs::remove_file(&database)?;
        }
        Ok(Self { database, tokens: String::new() })
    }

    /// Where the database is to be.
    pub fn database(&self) -> String {
        self.database.display().to_string()
    }

    /// This token opens a session of that user.
    pub fn live(&mut self, token: impl AsRef<str>, user: &str) {
        self.tokens += &format!("{}\t{user}\n", token.as_ref());
    }

    /// This one opens nothing.
    pub fn dead(&mut self, token: impl AsRef<str>) {
        self.live(token, "-");
    }

    /// Writes the tokens down.
    pub fn finish(self) -> Result<(), Failure> {
        Ok(fs::write(self.database.with_extension("tokens"), self.tokens)?)
    }
}
