//! The journal's suites, through its public interface: one binary, so that they link once.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod compaction;
#[cfg(test)]
mod compaction_crash;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod flip;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod model;
mod moving;
#[cfg(test)]
mod older;
mod opening;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod real;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod salvage;
#[cfg(test)]
mod segments;
#[cfg(test)]
mod shelved;
#[cfg(test)]
mod snapped;
#[cfg(test)]
mod snapshot_crash;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod together;
