//! What can be wrong with passkeys.

use chrono::TimeDelta;
use torii_core::{Error, User, UserId, passkey::PasskeyCredential, repositories::PasskeyRepository};

use super::Saboteur;
use crate::Provider;

pub(super) async fn use_without_counting<P: Provider>(
    saboteur: &Saboteur<P>,
    credential_id: &[u8],
) -> Result<Option<User>, Error> {
    saboteur.inner.passkey().record_use(credential_id, None).await
}

/// Compares the counter, and stores it afterwards.
pub(super) async fn compare_then_count<P: Provider>(
    saboteur: &Saboteur<P>,
    credential_id: &[u8],
    sign_count: Option<u32>,
) -> Result<Option<User>, Error> {
    let stored = saboteur.inner.passkey().get_credential(credential_id).await?;
    if stored.is_some_and(|stored| sign_count.is_some_and(|count| count <= stored.sign_count)) {
        return Ok(None);
    }
    tokio::task::yield_now().await;
    match saboteur.inner.passkey().record_use(credential_id, sign_count).await? {
        Some(user) => Ok(Some(user)),
        None => saboteur.inner.passkey().record_use(credential_id, None).await,
    }
}

/// Replaces a credential that is there already.
pub(super) async fn overwrite_a_credential<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    credential_id: Vec<u8>,
    public_key: Vec<u8>,
    name: Option<String>,
) -> Result<PasskeyCredential, Error> {
    saboteur.inner.passkey().delete_credential(&credential_id).await?;
    saboteur.inner.passkey().add_credential(user_id, credential_id, public_key, name).await
}

pub(super) async fn read_a_challenge<P: Provider>(
    saboteur: &Saboteur<P>,
    challenge_id: &str,
) -> Result<Option<String>, Error> {
    saboteur.inner.passkey().get_challenge(challenge_id).await
}

/// Reads a challenge, and consumes it afterwards.
pub(super) async fn read_then_take_a_challenge<P: Provider>(
    saboteur: &Saboteur<P>,
    challenge_id: &str,
) -> Result<Option<String>, Error> {
    let challenge = saboteur.inner.passkey().get_challenge(challenge_id).await?;
    tokio::task::yield_now().await;
    saboteur.inner.passkey().take_challenge(challenge_id).await?;
    Ok(challenge)
}

pub(super) async fn keep_a_challenge_for_longer<P: Provider>(
    saboteur: &Saboteur<P>,
    challenge_id: &str,
    challenge: &str,
    expires_in: TimeDelta,
) -> Result<(), Error> {
    saboteur.inner.passkey().set_challenge(challenge_id, challenge, expires_in + TimeDelta::days(1)).await
}

/// Forgets whose passkey it is.
pub(super) async fn rename_whosever<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    credential_id: &[u8],
    name: Option<String>,
) -> Result<bool, Error> {
    let credential = saboteur.inner.passkey().get_credential(credential_id).await?;
    let owner = credential.map_or_else(|| user_id.clone(), |credential| credential.user_id);
    saboteur.inner.passkey().rename_credential(&owner, credential_id, name).await
}

pub(super) async fn delete_one_only<P: Provider>(saboteur: &Saboteur<P>, user_id: &UserId) -> Result<(), Error> {
    let newest = saboteur.inner.passkey().get_credentials_for_user(user_id).await?;
    match newest.first() {
        Some(newest) => saboteur.inner.passkey().delete_credential(&newest.credential_id).await,
        None => Ok(()),
    }
}

pub(super) async fn list_oldest_first<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
) -> Result<Vec<PasskeyCredential>, Error> {
    let mut credentials = saboteur.inner.passkey().get_credentials_for_user(user_id).await?;
    credentials.reverse();
    Ok(credentials)
}
