//! What can be wrong with the walls between tenants, one statement at a time.

use torii_core::{
    Error, NewUser, PageRequest, Registration, SecureToken, Session, SessionToken, TokenPurpose, User, UserId,
    error::StorageError,
    lockout::{Lockout, LockoutLimits, ReservedAttempt},
    passkey::PasskeyCredential,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, PasswordRepository, SessionRepository,
        TokenRepository, UserRepository,
    },
};

use super::Saboteur;
use crate::Provider;

pub(super) async fn find_anybody<P: Provider>(saboteur: &Saboteur<P>, id: &UserId) -> Result<Option<User>, Error> {
    match saboteur.inner.user().find_by_id(id).await? {
        Some(user) => Ok(Some(user)),
        None => saboteur.astray.user().find_by_id(id).await,
    }
}

pub(super) async fn delete_anybody<P: Provider>(saboteur: &Saboteur<P>, id: &UserId) -> Result<(), Error> {
    saboteur.inner.user().delete(id).await?;
    saboteur.astray.user().delete(id).await
}

pub(super) async fn find_any_session<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &SessionToken,
) -> Result<Option<Session>, Error> {
    match saboteur.inner.session().find_by_token(token).await? {
        Some(session) => Ok(Some(session)),
        None => saboteur.astray.session().find_by_token(token).await,
    }
}

pub(super) async fn revoke_any_session<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &SessionToken,
) -> Result<Option<UserId>, Error> {
    match saboteur.inner.session().revoke(token).await? {
        Some(owner) => Ok(Some(owner)),
        None => saboteur.astray.session().revoke(token).await,
    }
}

pub(super) async fn consume_any_token<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &str,
    purpose: TokenPurpose,
) -> Result<Option<SecureToken>, Error> {
    match saboteur.inner.token().verify_token(token, purpose).await? {
        Some(token) => Ok(Some(token)),
        None => saboteur.astray.token().verify_token(token, purpose).await,
    }
}

pub(super) async fn take_any_state<P: Provider>(
    saboteur: &Saboteur<P>,
    csrf_state: &str,
) -> Result<Option<String>, Error> {
    match saboteur.inner.oauth().take_pkce_verifier(csrf_state).await? {
        Some(verifier) => Ok(Some(verifier)),
        None => saboteur.astray.oauth().take_pkce_verifier(csrf_state).await,
    }
}

pub(super) async fn find_any_passkey<P: Provider>(
    saboteur: &Saboteur<P>,
    credential_id: &[u8],
) -> Result<Option<PasskeyCredential>, Error> {
    match saboteur.inner.passkey().get_credential(credential_id).await? {
        Some(credential) => Ok(Some(credential)),
        None => saboteur.astray.passkey().get_credential(credential_id).await,
    }
}

pub(super) async fn find_any_identity<P: Provider>(
    saboteur: &Saboteur<P>,
    provider: &str,
    subject: &str,
) -> Result<Option<User>, Error> {
    match saboteur.inner.oauth().find_user_by_provider(provider, subject).await? {
        Some(user) => Ok(Some(user)),
        None => saboteur.astray.oauth().find_user_by_provider(provider, subject).await,
    }
}

pub(super) async fn read_any_hash<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
) -> Result<Option<String>, Error> {
    match saboteur.inner.password().get_password_hash(user_id).await? {
        Some(hash) => Ok(Some(hash)),
        None => saboteur.astray.password().get_password_hash(user_id).await,
    }
}

pub(super) async fn count_two_tenants<P: Provider>(saboteur: &Saboteur<P>) -> Result<u64, Error> {
    Ok(saboteur.inner.user().count().await? + saboteur.astray.user().count().await?)
}

/// Counts the users of every tenant that there is.
pub(super) async fn count_all_tenants<P: Provider>(saboteur: &Saboteur<P>) -> Result<u64, Error> {
    let tenants = saboteur.inner.page_tenants(&PageRequest::first(PageRequest::MAX_LIMIT)).await?;
    let mut count = 0;
    for tenant in tenants.items {
        count += saboteur.inner.for_tenant(tenant.id).user().count().await?;
    }
    Ok(count)
}

/// Looks for an address, and registers it although somebody else may be doing the same.
pub(super) async fn look_then_register<P: Provider>(
    saboteur: &Saboteur<P>,
    user: NewUser,
    password_hash: &str,
) -> Result<Registration, Error> {
    if let Some(existing) = saboteur.inner.user().find_by_email(&user.email).await? {
        return Ok(Registration::Existing(existing));
    }
    tokio::task::yield_now().await;
    let user = saboteur.inner.user().create(user).await?;
    saboteur.inner.password().set_password_hash(&user.id, password_hash).await?;
    Ok(Registration::Created(user))
}

pub(super) async fn set_any_hash<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    hash: &str,
) -> Result<(), Error> {
    saboteur.inner.password().set_password_hash(user_id, hash).await?;
    saboteur.astray.password().set_password_hash(user_id, hash).await
}

/// Compares with the password of whoever has the address next door.
pub(super) async fn reserve_for_anybody<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let mut attempt = saboteur.inner.brute_force().reserve_attempt(email, limits).await?;
    if attempt.credentials.is_none() {
        attempt.credentials = saboteur.astray.password().find_credentials(email).await?;
    }
    Ok(attempt)
}

pub(super) async fn find_any_lockout<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
) -> Result<Option<Lockout>, Error> {
    match saboteur.inner.brute_force().find_lockout(email).await? {
        Some(lockout) => Ok(Some(lockout)),
        None => saboteur.astray.brute_force().find_lockout(email).await,
    }
}

/// Keeps a credential id unique over all tenants.
pub(super) async fn refuse_a_known_passkey<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    credential_id: Vec<u8>,
    public_key: Vec<u8>,
    name: Option<String>,
) -> Result<PasskeyCredential, Error> {
    if saboteur.astray.passkey().get_credential(&credential_id).await?.is_some() {
        return Err(StorageError::Constraint("the credential is known".into()).into());
    }
    saboteur.inner.passkey().add_credential(user_id, credential_id, public_key, name).await
}
