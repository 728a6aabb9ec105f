//! Who acts, from where and why: what every event of a handle carries.

use std::net::IpAddr;

use passbook_core::{
    Act, Actor, Command, IdempotencyKey, LimitError, Note, OperatorName, Origin, UserAgent,
};

/// Who acts, from where and why. The default is the session's user, from nowhere in particular.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// use passbook::{Context, Ledger};
/// let ledger = Ledger::memory()?;
/// ledger.create("ann").await?;
/// let as_kim = ledger.in_context(Context::operator("kim")?.note("INC-311")?);
/// assert_eq!(as_kim.revoke_all_for_user("ann").await?, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Context {
    operator: Option<OperatorName>,
    is_by_rule: bool,
    origin: Origin,
    note: Option<Note>,
    key: Option<IdempotencyKey>,
}

impl Context {
    /// The session's user acts.
    pub fn user() -> Self {
        Self::default()
    }

    /// A named operator acts.
    ///
    /// # Errors
    /// [`LimitError`] unless the name has 1 to 128 bytes.
    pub fn operator(name: impl Into<String>) -> Result<Self, LimitError> {
        let operator = Some(OperatorName::new(name.into())?);
        Ok(Self { operator, ..Self::default() })
    }

    /// Passbook itself acts, following a rule of whoever embeds it.
    pub fn system() -> Self {
        Self { is_by_rule: true, ..Self::default() }
    }

    /// From this address.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.origin.ip = Some(ip);
        self
    }

    /// With this browser; longer than 1,024 bytes is cut.
    #[must_use]
    pub fn user_agent(mut self, text: &str) -> Self {
        self.origin.user_agent = Some(UserAgent::new(text));
        self
    }

    /// With these words, kept in the event.
    ///
    /// # Errors
    /// [`LimitError`] if they have more than 1,024 bytes.
    pub fn note(mut self, note: impl Into<String>) -> Result<Self, LimitError> {
        self.note = Some(Note::new(note.into())?);
        Ok(self)
    }

    /// Names the one command that is done with this context: done again within 24 hours, it changes
    /// nothing more and answers [`LedgerError::AlreadyDone`](crate::LedgerError::AlreadyDone).
    ///
    /// # Errors
    /// [`LimitError`] unless the key has 1 to 64 bytes.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Result<Self, LimitError> {
        self.key = Some(IdempotencyKey::new(key.into())?);
        Ok(self)
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.operator.is_some()
    }

    /// Who keeps the ledger in order: an operator, or else Passbook itself.
    pub(crate) fn keeper(&self) -> Actor {
        self.operator.clone().map_or(Actor::System, Actor::Operator)
    }

    pub(crate) fn command(&self, act: Act) -> Command {
        let unnamed = if self.is_by_rule { Actor::System } else { Actor::User };
        let actor = self.operator.clone().map_or(unnamed, Actor::Operator);
        Command {
            actor,
            origin: self.origin.clone(),
            note: self.note.clone(),
            key: self.key.clone(),
            ..Command::new(act)
        }
    }
}
