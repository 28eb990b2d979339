//! Passkeys: public keys that users' devices sign in with (WebAuthn).

use chrono::{DateTime, Utc};

use crate::{tenant::TenantId, user::UserId};

#[cfg(feature = "passkey")]
pub mod ceremony;

/// A public key that a user registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyCredential {
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The credential's id, chosen by the authenticator. Not a secret.
    pub credential_id: Vec<u8>,
    /// The public key, in the form it was registered in.
    pub public_key: Vec<u8>,
    /// A name for people, such as `Phone`.
    pub name: Option<String>,
    /// The authenticator's signature counter, as last seen (WebAuthn Level 3, section 6.1.1).
    pub sign_count: u32,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last signed somebody in.
    pub last_used_at: Option<DateTime<Utc>>,
}
