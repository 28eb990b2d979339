use std::fmt;

use sha2::{Digest, Sha256};

use super::PasskeyError;
use crate::{tenant::TenantId, user::UserId};

/// The name of an account towards authenticators: 1 to 64 opaque bytes.
///
/// Authenticators store it and show it to whoever holds them, so it must not be an e-mail address or a user name
/// (WebAuthn, section 14.6.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserHandle(Vec<u8>);

impl UserHandle {
    /// The longest handle, in bytes (WebAuthn, section 4, "user handle").
    pub const MAX_LENGTH: usize = 64;

    /// The handle of a user of a tenant: 32 bytes, the same ones every time, and others in every other tenant.
    ///
    /// It is a SHA-256 digest over purpose, tenant and user id, each after its length. User ids are random, so the
    /// digest cannot be turned back by guessing.
    pub fn for_user(tenant: &TenantId, user: &UserId) -> Self {
        let mut digest = Sha256::new();
        for part in ["torii.passkey.user_handle", tenant.as_str(), user.as_str()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().to_vec())
    }

    /// A handle that was made elsewhere, for passkeys that an application registered before it used torii.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidUserHandle`] if it is empty or longer than 64 bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, PasskeyError> {
        let bytes = bytes.into();
        match bytes.len() {
            1..=Self::MAX_LENGTH => Ok(Self(bytes)),
            length => Err(PasskeyError::InvalidUserHandle { length }),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for UserHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserHandle").field(&super::base64url::encode(&self.0)).finish()
    }
}
