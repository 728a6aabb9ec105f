//! What `Live` promises: the same fold as the plain table, whole for readers, and nothing left over.

mod histories;
mod model;
