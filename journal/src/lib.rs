//! The append-only, checksummed journal of Passbook: batches, segments, group commit, recovery
