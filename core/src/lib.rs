//! The pure heart of Passbook: what a session is and what may happen to it.
//!
//! A [`Command`] and the state that it meets go into [`decide`](decide()); out come [`Event`]s, or a
//! [`Rejection`]. Events go through [`apply`](apply()), which is total: it takes no clock, no policy and no
//! randomness, so a replay of the journal is the state, on any machine, at any time.
//!
//! This crate knows no disk, network, clock, randomness or async runtime. Ids, tokens and the time
//! come in with the command; where events are kept is the business of `passbook-journal`, how
//! state is kept compactly is the business of `passbook-projections`.
//!
//! Times are Unix milliseconds unless a name says otherwise.

pub mod amr;
pub mod apply;
pub mod codec;
pub mod command;
pub mod decide;
pub mod event;
pub mod fingerprint;
pub mod id;
pub mod limits;
pub mod policy;
pub mod session;
pub mod snapshot;
pub mod state;
pub mod table;
pub mod text;
pub mod token;

pub use amr::{Amr, AmrError};
pub use apply::apply;
pub use command::{Act, AdoptedSession, Command, MovedSession, NewSession, Past, SessionRef};
pub use decide::{Decided, Outcome, Rejection, decide};
pub use event::{
    Actor, EndReason, Event, Fact, FailureReason, Imported, Mark, Origin, ReuseVerdict, Rule,
    Subject,
};
pub use fingerprint::{FingerprintSum, sessions_fingerprint, state_fingerprint};
pub use id::{IdGenerator, SessionId};
pub use policy::{OnReuse, Policy, PolicyInForce};
pub use session::{Session, SessionState, Transport};
pub use state::State;
pub use table::{
    Completed, Renewal, SessionTable, SessionView, SpentToken, TokenStanding, WholeState,
};
pub use text::{
    BookmarkName, DataKey, DeviceLabel, IdempotencyKey, LimitError, Note, OperatorName, TenantId,
    Text, UserAgent, UserId,
};
pub use token::{Token, TokenDigest, TokenError};
