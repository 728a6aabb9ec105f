//! stub
use schemars::JsonSchema;
use serde::Serialize;
pub(crate) const QUICKSTART_SCHEMA: &str = "passbook.quickstart/1";
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Tour { schema: &'static str }
