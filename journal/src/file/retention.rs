//! Retention: old archives are removed, and one stub stays for all of them and those before. One
//! order: the stub → manifest → remove archives, the stubs that it replaces, and snapshots of states
//! from before what is kept.
//!
//! The manifest's rename is the commit. A stub behind what the manifest says does not count yet, and
//! one whose segments another one covers does not count any more: `leftovers` removes both.

use passbook_planted::{Bug, unless};

use super::create::write_manifest;
use super::engine::Engine;
use super::leftovers::forgotten_snapshots;
use crate::archive::book::Fault;
use crate::archive::pack::write_stub;
use crate::archive::shelf::Shelf;
use crate::archive::{CompactError, Compacted};
use crate::format::archive::{ArchiveHeader, Form, Name};
use crate::format::manifest::Manifest;

impl Engine {
    /// Reduces the archives that are older than `before_ms`, and the stubs before them, to a stub.
    pub(super) fn retain(
        &self,
        before_ms: u64,
        manifest: &mut Manifest,
        done: &mut Compacted,
    ) -> Result<(), CompactError> {
        let shelf = self.shelf(manifest)?;
        let expired = expired(&shelf, before_ms)?;
        let Some(of_all) = joined(&shelf, &expired)? else { return Ok(()) };
        let (stub, replaced) = with_stubs(&shelf, of_all)?;
        self.check_alive(CompactError::Stopped)?;
        unless(Bug::RetainedWithoutStub, || write_stub(&self.disk, &self.layout, &stub))?;
        self.disk.fsync_dir(&self.layout.archive())?;
        let next = Manifest {
            archive_first: stub.number + 1,
            archive_sequence_first: stub.last + 1,
            ..manifest.clone()
        };
        write_manifest(&self.disk, &self.layout, &next)?;
        *manifest = next;
        for header in &expired {
            done.archives_removed += 1;
            done.archives_removed_bytes += header.file_bytes;
            self.disk.unlink(&shelf.path(header.number, header.base, Form::Full))?;
        }
        for name in &replaced {
            self.disk.unlink(&shelf.path_of(name))?;
        }
        for path in forgotten_snapshots(&self.disk, &self.layout, manifest)? {
            self.disk.unlink(&path)?;
        }
        Ok(())
    }
}

/// Headers of the archives, from the oldest on, whose last record is older than `before_ms`.
pub(super) fn expired(shelf: &Shelf, before_ms: u64) -> Result<Vec<ArchiveHeader>, CompactError> {
    let mut expired = Vec::new();
    for (number, base) in &shelf.archives {
        let archive = shelf.open(*number, *base, Form::Full).map_err(|fault| {
            fault.into_compact_error(&shelf.path(*number, *base, Form::Full), *base)
        })?;
        if archive.header.time_last_ms >= before_ms {
            break;
        }
        expired.push(archive.header);
    }
    Ok(expired)
}

/// One stub for all of these archives; nothing for none.
fn joined(shelf: &Shelf, expired: &[ArchiveHeader]) -> Result<Option<ArchiveHeader>, CompactError> {
    let mut headers = expired.iter();
    let Some(mut stub) = headers.next().map(ArchiveHeader::stub) else { return Ok(None) };
    for header in headers {
        stub = stub.joined(header).ok_or_else(|| {
            let path = shelf.path(header.number, header.base, Form::Full);
            let fault = Fault::damaged(0, "it does not continue the chain of what is before it");
            fault.into_compact_error(&path, header.base)
        })?;
    }
    Ok(Some(stub))
}

/// The same with the stubs before it, and the names of those. A damaged one stays as it is, and so
/// do all before it: `verify` tells of it.
fn with_stubs(
    shelf: &Shelf,
    mut stub: ArchiveHeader,
) -> Result<(ArchiveHeader, Vec<Name>), CompactError> {
    let mut replaced = Vec::new();
    for name in shelf.stubs.iter().rev() {
        let before = match shelf.open_named(*name) {
            Ok(before) => before.header,
            Err(Fault::Io(error)) => return Err(error.into()),
            Err(Fault::Damaged { .. } | Fault::Newer { .. }) => break,
        };
        let Some(longer) = before.joined(&stub) else { break };
        stub = longer;
        replaced.push(*name);
    }
    Ok((stub, replaced))
}
