//! Whether replay gives the state that the events add up to.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::paint::{self, painted},
    render::number::thousands,
};

/// The state at the head, told in two ways.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ReplayChecked {
    /// The head.
    pub(crate) at: u64,
    /// The first event that was folded anew: 1, or the one behind the oldest snapshot once a
    /// compaction took the first ones.
    pub(crate) folded_from: u64,
    /// SHA-256 over the state that replay gives, from the newest snapshot.
    pub(crate) replayed: String,
    /// SHA-256 over the state that the events give, folded one by one.
    pub(crate) folded: String,
}

impl ReplayChecked {
    pub(crate) fn is_good(&self) -> bool {
        self.replayed == self.folded
    }
}

impl fmt::Display for ReplayChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, folded_from, replayed, folded } = self;
        let (at, from) = (thousands(*at), thousands(*folded_from));
        if self.is_good() {
            let digits: String = folded.chars().take(8).collect();
            return write!(
                f,
                "the state at @{at} is that of the events from @{from} on, {digits}…"
            );
        }
        let differs = painted("DIFFERS", paint::BAD);
        write!(
            f,
            "the state at @{at} {differs}: replay gives {replayed}, @{from} .. @{at} {folded}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_that_differ_are_bad_and_both_are_told() {
        let told = |replayed: &str| ReplayChecked {
            at: 9,
            folded_from: 1,
            replayed: replayed.to_owned(),
            folded: "0123456789".to_owned(),
        };
        assert!(told("0123456789").is_good() && !told("x").is_good());
        let text = anstream::adapter::strip_str(&told("x").to_string()).to_string();
        let expected = "the state at @9 DIFFERS: replay gives x, @1 .. @9 0123456789";
        assert_eq!(text, expected);
    }
}
