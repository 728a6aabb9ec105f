//! What stands before a handler and refuses a request that the handler is not to see.

mod cross_origin;
mod future;
mod layer;
mod require;

pub use cross_origin::{CrossOrigin, OnCrossOrigin, OriginError};
pub use future::GuardFuture;
pub use layer::{CrossOriginLayer, CrossOriginService};
pub use require::{
    RequireLayer, RequireService, require_auth, require_recent_auth, require_tenant,
};
