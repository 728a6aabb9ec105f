//! What stands before a handler and may refuse a request before anything is looked up.

mod cross_origin;
mod layer;

pub use cross_origin::{CrossOrigin, OnCrossOrigin, OriginError};
pub use layer::{CrossOriginFuture, CrossOriginLayer, CrossOriginService};
