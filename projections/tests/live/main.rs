//! What `Live` promises: the same fold as the plain table, whole for readers, and nothing left over.

mod bulk;
mod captures;
mod expiry;
mod histories;
mod model;
mod readers;
