//! What a million sessions cost.

use criterion::Criterion;
use crate::report::Report;
pub fn bench(_criterion: &mut Criterion, _report: &Report) {}
