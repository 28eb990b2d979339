//! What can be wrong with OAuth.

use chrono::TimeDelta;
use torii_core::{
    Error, NewUser, OAuthAccount, UserId,
    error::AuthError,
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, Unlinked, UserRepository},
};

use super::Saboteur;
use crate::Provider;

/// Takes whoever comes with an address for its owner.
pub(super) async fn resolve_by_address_alone<P: Provider>(
    saboteur: &Saboteur<P>,
    identity: &OAuthIdentity,
    new_user: NewUser,
) -> Result<OAuthResolution, Error> {
    let resolution = saboteur.inner.oauth().resolve_identity(identity, new_user).await?;
    if resolution == OAuthResolution::LinkRequired
        && let Some(user) = saboteur.inner.user().find_by_email(&identity.email).await?
    {
        saboteur.inner.oauth().link_account(&user.id, &identity.provider, &identity.subject).await?;
        return Ok(OAuthResolution::Linked(user));
    }
    Ok(resolution)
}

/// Does not hear that the provider has not proven the address.
pub(super) async fn resolve_as_if_proven<P: Provider>(
    saboteur: &Saboteur<P>,
    identity: &OAuthIdentity,
    new_user: NewUser,
) -> Result<OAuthResolution, Error> {
    let proven = OAuthIdentity { email_verified: Some(true), ..identity.clone() };
    saboteur.inner.oauth().resolve_identity(&proven, new_user).await
}

/// Takes an identity away from whoever has it.
pub(super) async fn link_by_force<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    provider: &str,
    subject: &str,
) -> Result<(), Error> {
    let oauth = saboteur.inner.oauth();
    match oauth.link_account(user_id, provider, subject).await {
        Err(Error::Auth(AuthError::AccountAlreadyLinked)) => {
            if let Some(account) = oauth.find_account_by_provider(provider, subject).await? {
                oauth.unlink_account(&account.user_id, provider).await?;
            }
            oauth.link_account(user_id, provider, subject).await
        }
        linked => linked,
    }
}

pub(super) async fn unlink_the_last<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    provider: &str,
) -> Result<Unlinked, Error> {
    saboteur.inner.oauth().unlink_account(user_id, provider).await?;
    Ok(Unlinked::Done)
}

/// Looks whether an account is left, and unlinks although another caller may be doing the same.
pub(super) async fn look_then_unlink<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    provider: &str,
) -> Result<Unlinked, Error> {
    let accounts = saboteur.inner.oauth().find_accounts_by_user_id(user_id).await?;
    if accounts.iter().all(|account| account.provider == provider) {
        return Ok(Unlinked::LastMethod);
    }
    tokio::task::yield_now().await;
    saboteur.inner.oauth().unlink_account(user_id, provider).await?;
    Ok(Unlinked::Done)
}

pub(super) async fn read_a_state<P: Provider>(
    saboteur: &Saboteur<P>,
    csrf_state: &str,
) -> Result<Option<String>, Error> {
    saboteur.inner.oauth().get_pkce_verifier(csrf_state).await
}

/// Reads a state, and deletes it afterwards.
pub(super) async fn read_then_delete_a_state<P: Provider>(
    saboteur: &Saboteur<P>,
    csrf_state: &str,
) -> Result<Option<String>, Error> {
    let verifier = saboteur.inner.oauth().get_pkce_verifier(csrf_state).await?;
    tokio::task::yield_now().await;
    saboteur.inner.oauth().delete_pkce_verifier(csrf_state).await?;
    Ok(verifier)
}

pub(super) async fn keep_a_state_for_longer<P: Provider>(
    saboteur: &Saboteur<P>,
    csrf_state: &str,
    pkce_verifier: &str,
    expires_in: TimeDelta,
) -> Result<(), Error> {
    let longer = expires_in + TimeDelta::days(1);
    saboteur.inner.oauth().store_pkce_verifier(csrf_state, pkce_verifier, longer).await
}

/// Looks whose identity it is, and creates and links afterwards.
pub(super) async fn look_then_resolve<P: Provider>(
    saboteur: &Saboteur<P>,
    identity: &OAuthIdentity,
    new_user: NewUser,
) -> Result<OAuthResolution, Error> {
    let oauth = saboteur.inner.oauth();
    if let Some(user) = oauth.find_user_by_provider(&identity.provider, &identity.subject).await? {
        return Ok(OAuthResolution::Known(user));
    }
    tokio::task::yield_now().await;
    let user = saboteur.inner.user().create(new_user).await?;
    oauth.link_account(&user.id, &identity.provider, &identity.subject).await?;
    Ok(OAuthResolution::Created(user))
}

pub(super) async fn list_oldest_first<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
) -> Result<Vec<OAuthAccount>, Error> {
    let mut accounts = saboteur.inner.oauth().find_accounts_by_user_id(user_id).await?;
    accounts.reverse();
    Ok(accounts)
}

/// Says that an account was linked now.
pub(super) async fn find_with_an_invented_time<P: Provider>(
    saboteur: &Saboteur<P>,
    provider: &str,
    subject: &str,
) -> Result<Option<OAuthAccount>, Error> {
    let account = saboteur.inner.oauth().find_account_by_provider(provider, subject).await?;
    Ok(account.map(|account| OAuthAccount { created_at: saboteur.inner.clock().now(), ..account }))
}

/// Keeps the first verifier of a state.
pub(super) async fn store_once<P: Provider>(
    saboteur: &Saboteur<P>,
    csrf_state: &str,
    pkce_verifier: &str,
    expires_in: TimeDelta,
) -> Result<(), Error> {
    if saboteur.memory().iter().any(|known| known == csrf_state) {
        return Ok(());
    }
    saboteur.memory().push(csrf_state.to_owned());
    saboteur.inner.oauth().store_pkce_verifier(csrf_state, pkce_verifier, expires_in).await
}
