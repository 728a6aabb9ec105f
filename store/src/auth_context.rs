//! Who a request acts for, as handlers and policies ask it.

use passbook_core::Text;
use serde::Serialize;

/// Who a request acts for. It can be written out and never read in: a client can't supply one.
///
/// ```
/// use passbook::AuthContext;
/// let context = AuthContext::authenticated("ann").with_roles(["editor"]);
/// assert!(context.is_authenticated() && context.has_role("editor"));
/// assert!(!AuthContext::guest("guest_1").is_authenticated());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AuthContext {
    /// The user, or the guest.
    pub user_id: Option<Text>,
    /// Whether all is allowed.
    pub is_admin: bool,
    /// Whether the user is a guest, who is not authenticated.
    pub is_guest: bool,
    /// The roles.
    pub roles: Vec<Text>,
    /// The organisation that the request acts for.
    pub tenant_id: Option<Text>,
}

impl AuthContext {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A user who has logged in.
    pub fn authenticated(user_id: impl Into<Text>) -> Self {
        Self { user_id: Some(user_id.into()), ..Self::default() }
    }

    /// A guest: known again, and not authenticated.
    pub fn guest(guest_id: impl Into<Text>) -> Self {
        Self { is_guest: true, ..Self::authenticated(guest_id) }
    }

    /// One to whom all is allowed, with no user of their own.
    pub fn admin() -> Self {
        Self { is_admin: true, ..Self::default() }
    }

    /// Has a user, and is no guest.
    pub fn is_authenticated(&self) -> bool {
        self.user_id.is_some() && !self.is_guest
    }

    /// Whether the role is among the roles.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| *own == *role)
    }

    /// Whether any of the roles is.
    pub fn has_any_role(&self, roles: &[&str]) -> bool {
        roles.iter().any(|role| self.has_role(role))
    }

    /// With these roles in place of those before.
    #[must_use]
    pub fn with_roles<R: Into<Text>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Acting for this organisation.
    #[must_use]
    pub fn with_tenant(mut self, tenant_id: impl Into<Text>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }
}
