//! Sessions as rows of real databases: every column comes back, what other programs read is what we
//! wrote, and a mirror ends equal to the live state whatever happened in between.

mod held;
mod late;
mod mirror;
mod postgres;
mod sample;
mod server;
mod sqlite;
