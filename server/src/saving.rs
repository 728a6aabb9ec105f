//! Files that a verb makes: whole or not at all, and for their owner alone.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::failure::{Exit, Failure};

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is left alone, and nothing is made.
    Kept,
    /// The new one takes its place.
    Replaced,
}

/// Makes the file, with mode 0600.
pub(crate) fn save(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let is_odd = path.metadata().is_ok_and(|found| !found.is_file());
    if existing == Existing::Replaced && is_odd {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "what is there is no plain file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
    let mut output = BufWriter::new(file);
    write(&mut output)?;
    let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Kept => file.persist_noclobber(path)?,
        Existing::Replaced => file.persist(path)?,
    };
    Ok(())
}

/// The file was not made.
pub(crate) fn unwritable(code: &'static str, path: &Path, error: &io::Error) -> Failure {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let exit = if is_denied { Exit::NotAllowed } else { Exit::Unwritable };
    Failure::new(exit, code, format!("{} can't be written", path.display())).why(error.to_string())
}
