//! What a million sessions cost.

use crate::report::Report;
use criterion::Criterion;
pub fn bench(_criterion: &mut Criterion, _report: &Report) {}
