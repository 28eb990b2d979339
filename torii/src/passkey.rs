//! Sign-in by passkey (WebAuthn).

use std::{fmt, sync::Arc};

use torii_core::{
    RepositoryProvider, Session, User, UserId,
    error::{AuthError, CryptoError, Error},
    passkey::{
        PasskeyCredential,
        ceremony::{ClaimedCredential, PasskeyError, RelyingParty, StoredCredential, UserHandle},
    },
    repositories::PasskeyRepository,
    services::PasskeyService,
};

use crate::{Torii, ToriiError, core::Core};

/// Sign-in by passkey; made by [`Torii::passkey`].
pub struct PasskeyAuth<'a, R> {
    core: &'a Core<R>,
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Sign-in by passkey.
    pub fn passkey(&self) -> PasskeyAuth<'_, R> {
        PasskeyAuth { core: &self.core }
    }
}

/// A ceremony that was begun: what to give the browser, and the name under which the server waits for its answer.
///
/// `Debug` shows neither.
#[derive(Clone)]
pub struct PasskeyCeremony {
    /// Names the ceremony. Give it to the browser, or keep it in a cookie, and hand it in with the answer. It works once, for five
    /// minutes.
    pub ceremony_id: String,
    /// What the browser's `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` takes.
    pub options: serde_json::Value,
}

impl fmt::Debug for PasskeyCeremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyCeremony").finish_non_exhaustive()
    }
}

/// Refuses without saying why: the cause is in the error's source.
fn invalid_passkey(error: impl Into<Error>) -> ToriiError {
    ToriiError::refused(&AuthError::InvalidPasskey.to_string(), error)
}

fn ceremony_failed(error: PasskeyError) -> ToriiError {
    invalid_passkey(CryptoError::from(error))
}

impl<R: RepositoryProvider> PasskeyAuth<'_, R> {
    fn service(&self) -> Result<PasskeyService<R>, ToriiError> {
        Ok(PasskeyService::new(Arc::clone(self.core.repositories()?)))
    }

    fn passkeys(&self) -> Result<&R::PasskeyRepo, ToriiError> {
        Ok(self.core.repositories()?.passkey())
    }

    /// Begins the registration of a passkey for a signed-in user. Passkeys that the user has already are excluded.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if there is no such user.
    #[tracing::instrument(name = "passkey.start_registration", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn start_registration(
        &self,
        relying_party: &RelyingParty,
        user_id: &UserId,
    ) -> Result<PasskeyCeremony, ToriiError> {
        let users = torii_core::services::UserService::new(Arc::clone(self.core.repositories()?));
        let user = users.get_user(user_id).await?.ok_or(Error::from(AuthError::UserNotFound))?;
        let exclude: Vec<_> = self
            .service()?
            .get_user_credentials(user_id)
            .await?
            .into_iter()
            .map(|credential| credential.credential_id)
            .collect();
        let handle = UserHandle::for_user(self.core.tenant()?.id(), user_id);
        let name = user.name.as_deref().unwrap_or(&user.email);
        let start = relying_party
            .start_registration(&handle, &user.email, name, &exclude)
            .map_err(|error| Error::from(CryptoError::from(error)))?;
        self.keep("registration", start.state, start.options).await
    }

    /// Completes the registration of a passkey: verifies the browser's answer (WebAuthn Level 3, section 7.1) and keeps the
    /// passkey. `response` is the text of `PublicKeyCredential.toJSON()`. The ceremony is consumed whatever comes of it.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] with the text `Invalid passkey credential` if the ceremony is unknown or over, was begun for
    /// another user, or the answer does not verify; [`ToriiError::StorageError`] if the passkey is registered already.
    #[tracing::instrument(name = "passkey.finish_registration", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn finish_registration(
        &self,
        relying_party: &RelyingParty,
        user_id: &UserId,
        ceremony_id: &str,
        response: &str,
        name: Option<String>,
    ) -> Result<PasskeyCredential, ToriiError> {
        let state = self.take("registration", ceremony_id).await?;
        let handle = UserHandle::for_user(self.core.tenant()?.id(), user_id);
        let new = relying_party.finish_registration(&handle, &state, response).map_err(ceremony_failed)?;
        let credential = self.service()?.register_credential(user_id, new.credential_id, new.public_key, name).await?;
        if new.sign_count == 0 {
            return Ok(credential);
        }
        // The counter of an authenticator that counts begins where the authenticator says. The passkey is registered already and
        // works without it, so a failure here must not tell the user that it is not.
        let counted = self.passkeys()?.record_use(&credential.credential_id, Some(new.sign_count)).await;
        if let Err(error) = counted {
            let tenant_id = self.core.tenant()?.id();
            tracing::warn!(%tenant_id, %user_id, %error, "the counter of a new passkey begins at 0");
            return Ok(credential);
        }
        let stored = self.service()?.get_credential(&credential.credential_id).await;
        Ok(stored.ok().flatten().unwrap_or(credential))
    }

    /// Begins a sign-in by passkey. Nobody is asked who they are: the passkey says it.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.start_authentication", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn start_authentication(&self, relying_party: &RelyingParty) -> Result<PasskeyCeremony, ToriiError> {
        let start = relying_party.start_authentication(None).map_err(|error| Error::from(CryptoError::from(error)))?;
        self.keep("authentication", start.state, start.options).await
    }

    /// Completes a sign-in by passkey: verifies the browser's answer (WebAuthn Level 3, section 7.2) against the challenge, the
    /// origin, the registered public key and the signature counter, and begins a session under a new token. `response` is the
    /// text of `PublicKeyCredential.toJSON()`. The ceremony is consumed whatever comes of it.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] with the text `Invalid passkey credential` if the ceremony is unknown or over, the passkey is
    /// unknown, or the answer does not verify: the caller cannot tell which.
    #[tracing::instrument(name = "passkey.finish_authentication", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn finish_authentication(
        &self,
        relying_party: &RelyingParty,
        ceremony_id: &str,
        response: &str,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let state = self.take("authentication", ceremony_id).await?;
        let claimed = ClaimedCredential::from_response(response).map_err(ceremony_failed)?;
        let credential = self
            .service()?
            .get_credential(&claimed.credential_id)
            .await?
            .ok_or_else(|| invalid_passkey(AuthError::InvalidPasskey))?;
        let verified = relying_party
            .finish_authentication(&state, response, &StoredCredential::from(&credential))
            .map_err(ceremony_failed)?;
        // The counter is checked once more by the statement that stores it: of two answers with the same counter one is a copy.
        let user = self
            .passkeys()?
            .record_use(&verified.credential_id, Some(verified.sign_count))
            .await?
            .ok_or_else(|| invalid_passkey(AuthError::InvalidPasskey))?;
        self.core.finish_sign_in(user, None, user_agent, ip_address).await
    }

    async fn keep(&self, kind: &str, state: String, options: serde_json::Value) -> Result<PasskeyCeremony, ToriiError> {
        let ceremony_id = torii_core::SessionToken::new_random().expose_secret().to_owned();
        self.passkeys()?.set_challenge(&stored_id(kind, &ceremony_id), &state, RelyingParty::TIMEOUT).await?;
        Ok(PasskeyCeremony { ceremony_id, options })
    }

    /// The state of a ceremony, once.
    async fn take(&self, kind: &str, ceremony_id: &str) -> Result<String, ToriiError> {
        let state = self.passkeys()?.take_challenge(&stored_id(kind, ceremony_id)).await?;
        state.ok_or_else(|| invalid_passkey(AuthError::InvalidPasskey))
    }

    /// Keeps a passkey whose registration the application has verified itself; see [`PasskeyAuth::finish_registration`].
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if the passkey is registered already, or there is no such user.
    #[tracing::instrument(name = "passkey.register_credential", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn register_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, ToriiError> {
        Ok(self.service()?.register_credential(user_id, credential_id, public_key, name).await?)
    }

    /// The passkeys of a user, newest first.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.get_user_credentials", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_user_credentials(&self, user_id: &UserId) -> Result<Vec<PasskeyCredential>, ToriiError> {
        Ok(self.service()?.get_user_credentials(user_id).await?)
    }

    /// The passkey with this credential id.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.get_credential", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, ToriiError> {
        Ok(self.service()?.get_credential(credential_id).await?)
    }

    /// Begins a session for the owner of a passkey. **Verifies nothing**: a credential id is no secret. Call it only after the
    /// application has verified the assertion itself (WebAuthn Level 3, section 7.2), or use
    /// [`PasskeyAuth::start_authentication`] and [`PasskeyAuth::finish_authentication`], which verify it.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] with the text `Invalid passkey credential` for an unknown one.
    #[tracing::instrument(name = "passkey.authenticate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate(
        &self,
        credential_id: &[u8],
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let user = self
            .service()?
            .authenticate_credential(credential_id)
            .await
            .map_err(ToriiError::auth)?
            .ok_or_else(|| invalid_passkey(AuthError::InvalidPasskey))?;
        self.core.finish_sign_in(user, None, user_agent, ip_address).await
    }

    /// Gives a passkey of a user another name, or none. Returns whether the user has the passkey.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a name of more than 255 bytes or with control characters; [`ToriiError::StorageError`],
    /// [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.rename_credential", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn rename_credential(
        &self,
        user_id: &UserId,
        credential_id: &[u8],
        name: Option<String>,
    ) -> Result<bool, ToriiError> {
        Ok(self.service()?.rename_credential(user_id, credential_id, name).await?)
    }

    /// Removes a passkey. An unknown one is `Ok`.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.delete_credential", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), ToriiError> {
        Ok(self.service()?.delete_credential(credential_id).await?)
    }

    /// Removes all passkeys of a user.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "passkey.delete_user_credentials", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn delete_user_credentials(&self, user_id: &UserId) -> Result<(), ToriiError> {
        Ok(self.service()?.delete_user_credentials(user_id).await?)
    }
}

/// A registration's answer must not complete a sign-in, nor the reverse.
fn stored_id(kind: &str, ceremony_id: &str) -> String {
    format!("{kind}:{ceremony_id}")
}
