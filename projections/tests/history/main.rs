//! What the login history promises: one order, one answer, from the index as from the fold, and
//! no wrong answer whatever happens to the index's folder.

mod damage;
mod histories;
mod index;
mod query;
