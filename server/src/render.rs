//! How answers look on a screen or in a pipe.
//!
//! These are the pieces; which answer shows what is left to the answers.

pub mod escape;
pub mod number;
pub mod table;
pub mod time;
