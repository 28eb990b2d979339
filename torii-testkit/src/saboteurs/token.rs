//! What can be wrong with mail tokens.

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use torii_core::{
    Error, SecureToken, Session, TokenPurpose, User, UserId,
    crypto::TokenDigest,
    repositories::{
        IssuedToken, PasskeyRepository, PasswordRepository, SessionRepository, TokenRepository, UserRepository,
        token::SessionFor,
    },
    token::NewToken,
};

use super::Saboteur;
use crate::Provider;

const PURPOSES: [TokenPurpose; 3] =
    [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification];

pub(super) async fn check_any_purpose<P: Provider>(saboteur: &Saboteur<P>, token: &str) -> Result<bool, Error> {
    for purpose in PURPOSES {
        if saboteur.inner.token().check_token(token, purpose).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks, and consumes whatever it saw, although somebody else may have been faster.
pub(super) async fn look_then_consume<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &str,
    purpose: TokenPurpose,
) -> Result<Option<SecureToken>, Error> {
    let tokens = saboteur.inner.token();
    if !tokens.check_token(token, purpose).await? {
        return Ok(None);
    }
    tokio::task::yield_now().await;
    if let Some(consumed) = tokens.verify_token(token, purpose).await? {
        return Ok(Some(consumed));
    }
    let now = saboteur.inner.clock().now();
    Ok(Some(SecureToken::from_storage(UserId::new_random(), String::new(), purpose, Some(now), now, now, now)))
}

/// Keeps a token for longer than it says.
async fn prolonged(
    token: &NewToken,
    issue: impl AsyncFnOnce(&NewToken) -> Result<Option<IssuedToken>, Error>,
) -> Result<Option<IssuedToken>, Error> {
    let longer = NewToken { expires_at: token.expires_at + TimeDelta::days(1), ..token.clone() };
    let mut issued = issue(&longer).await?;
    if let Some(issued) = &mut issued {
        issued.token.expires_at = token.expires_at;
    }
    Ok(issued)
}

pub(super) async fn issue_prolonged_for_email<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
    token: &NewToken,
) -> Result<Option<IssuedToken>, Error> {
    prolonged(token, async |token| saboteur.inner.token().issue_for_email(email, token).await).await
}

pub(super) async fn issue_prolonged_for_user<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    token: &NewToken,
) -> Result<Option<IssuedToken>, Error> {
    prolonged(token, async |token| saboteur.inner.token().issue_for_user(user_id, token).await).await
}

/// What [`check_remembered`] knows a token by.
fn remembered(token: &str, purpose: TokenPurpose) -> String {
    format!("{token} {}", purpose.as_str())
}

pub(super) async fn issue_and_remember<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
    token: &NewToken,
) -> Result<Option<IssuedToken>, Error> {
    saboteur.memory().push(remembered(token.token.expose_secret(), token.purpose));
    saboteur.inner.token().issue_for_email(email, token).await
}

/// Accepts what was ever issued.
pub(super) async fn check_remembered<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &str,
    purpose: TokenPurpose,
) -> Result<bool, Error> {
    let known = saboteur.memory().contains(&remembered(token, purpose));
    Ok(known || saboteur.inner.token().check_token(token, purpose).await?)
}

/// Remembers to whom a token was issued, for the wrong methods below.
pub(super) async fn issue_and_remember_the_owner<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
    token: &NewToken,
) -> Result<Option<IssuedToken>, Error> {
    let issued = saboteur.inner.token().issue_for_email(email, token).await?;
    if let Some(issued) = &issued {
        saboteur.memory().push(issued.token.user_id.to_string());
    }
    Ok(issued)
}

pub(super) async fn issue_and_remember_the_user<P: Provider>(
    saboteur: &Saboteur<P>,
    user_id: &UserId,
    token: &NewToken,
) -> Result<Option<IssuedToken>, Error> {
    saboteur.memory().push(user_id.to_string());
    saboteur.inner.token().issue_for_user(user_id, token).await
}

/// The user to whom the last token was issued.
fn last_owner<P: Provider>(saboteur: &Saboteur<P>) -> UserId {
    saboteur.memory().last().map_or_else(UserId::new_random, |id| UserId::new(id))
}

/// Lets a link in again after it was used.
pub(super) async fn redeem_a_link_again<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
    session: SessionFor<'_>,
) -> Result<Option<(User, Option<Session>)>, Error> {
    if let Some(redeemed) = saboteur.inner.token().redeem_magic_link(token, session).await? {
        return Ok(Some(redeemed));
    }
    let owner = last_owner(saboteur);
    let Some(user) = saboteur.inner.user().find_by_id(&owner).await? else { return Ok(None) };
    let stored = match session(&owner) {
        Some(session) => Some(saboteur.inner.session().create(session).await?),
        None => None,
    };
    Ok(Some((user, stored)))
}

/// Leaves the password that somebody set before the owner of the address came.
pub(super) async fn redeem_and_keep_the_password<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
    session: SessionFor<'_>,
) -> Result<Option<(User, Option<Session>)>, Error> {
    let owner = last_owner(saboteur);
    let hash = saboteur.inner.password().get_password_hash(&owner).await?;
    let redeemed = saboteur.inner.token().redeem_magic_link(token, session).await?;
    if let Some(hash) = hash {
        saboteur.inner.password().set_password_hash(&owner, &hash).await?;
    }
    Ok(redeemed)
}

/// Consumes the token and forgets what it was for.
pub(super) async fn redeem_without_verifying<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
) -> Result<Option<User>, Error> {
    let redeemed = saboteur.inner.token().redeem_email_verification(token).await?;
    let Some(user) = redeemed else { return Ok(None) };
    let unproven = User { email_verified_at: None, ..user.clone() };
    saboteur.inner.user().update(&unproven).await?;
    Ok(Some(user))
}

/// Leaves the sessions that a reset must end.
pub(super) async fn reset_and_keep_the_sessions<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
    new_hash: &str,
) -> Result<Option<User>, Error> {
    let sessions = saboteur.inner.session().find_by_user_id(&last_owner(saboteur)).await?;
    let user = saboteur.inner.password().complete_reset(token, new_hash).await?;
    for session in sessions {
        saboteur.inner.session().create(session).await?;
    }
    Ok(user)
}

/// Leaves the passkeys that a reset of an unproven account must remove.
pub(super) async fn reset_and_keep_the_passkeys<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
    new_hash: &str,
) -> Result<Option<User>, Error> {
    let owner = last_owner(saboteur);
    let passkeys = saboteur.inner.passkey().get_credentials_for_user(&owner).await?;
    let user = saboteur.inner.password().complete_reset(token, new_hash).await?;
    for key in passkeys {
        saboteur.inner.passkey().add_credential(&owner, key.credential_id, key.public_key, key.name).await?;
    }
    Ok(user)
}

/// Accepts a reset token again after it was used.
pub(super) async fn reset_again<P: Provider>(
    saboteur: &Saboteur<P>,
    token: &TokenDigest,
    new_hash: &str,
) -> Result<Option<User>, Error> {
    if let Some(user) = saboteur.inner.password().complete_reset(token, new_hash).await? {
        return Ok(Some(user));
    }
    let owner = last_owner(saboteur);
    saboteur.inner.password().set_password_hash(&owner, new_hash).await?;
    saboteur.inner.user().find_by_id(&owner).await
}

/// Keeps the proof of an address when the address changes.
pub(super) async fn update_and_stay_verified<P: Provider>(saboteur: &Saboteur<P>, user: &User) -> Result<User, Error> {
    saboteur.inner.user().update(user).await?;
    saboteur.inner.user().mark_email_verified(&user.id).await?;
    Ok(saboteur.inner.user().find_by_id(&user.id).await?.unwrap_or_else(|| user.clone()))
}
