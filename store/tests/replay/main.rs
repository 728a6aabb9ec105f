//! Asking the past of ledgers whose histories are random, against the plain fold of their events.

mod bisect;
mod diff;
mod explain;
mod histories;
mod past;
mod step;
mod what_if;
