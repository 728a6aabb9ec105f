//! The journal's suites, through its public interface: one binary, so that they link once.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod flip;
#[cfg(test)]
mod ledger;
