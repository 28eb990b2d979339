//! Sign-in through OAuth and OpenID Connect providers.

use chrono::TimeDelta;
use torii::{Clock, OAuthIdentity, ToriiError, User, UserId};
use torii_core::error::{AuthError, Error};

use super::expectation::{TICK, assert_invalid, assert_refused, cause, created_users};
use crate::{
    Provider,
    world::{EMAIL, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, OTHER_EMAIL, PASSWORD, WRONG_PASSWORD, World},
};

const LINKED: &str = "Authentication error: Account already linked";
const LAST_METHOD: &str = "Cannot remove last authentication method";

fn identity(provider: &str, subject: &str, email: &str, email_verified: Option<bool>) -> OAuthIdentity {
    OAuthIdentity {
        provider: provider.into(),
        subject: subject.into(),
        email: email.into(),
        email_verified,
        name: Some("Octo".into()),
    }
}

/// Signs in with an identity, without a session.
async fn enter<P: Provider>(
    w: &World<P>,
    subject: &str,
    email: &str,
    email_verified: Option<bool>,
) -> Result<User, ToriiError> {
    w.here.oauth().get_or_create_user_with(&identity(OAUTH_PROVIDER, subject, email, email_verified)).await
}

/// Refused because the address belongs to somebody and nothing proves that both are the same person.
#[track_caller]
fn assert_link_required(result: Result<User, ToriiError>) {
    match &result {
        Err(error) if matches!(cause(error), Some(Error::Auth(AuthError::AccountLinkRequired))) => {}
        other => panic!("expected AccountLinkRequired, got {other:?}"),
    }
}

/// An unknown identity with a new address becomes a new user's, who is found by it from then on.
pub async fn oauth_creates_a_user<P: Provider>(w: &World<P>) {
    let agent = Some("Browser".to_owned());
    let (user, session) = w
        .here
        .oauth()
        .authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, Some("Octo".into()), agent.clone(), None)
        .await
        .unwrap();
    assert_eq!((user.email.as_str(), user.name.as_deref()), (EMAIL, Some("Octo")));
    assert_eq!(session.user_agent, agent);
    let (signed_in, _) = w.here.authenticate_session(session.token.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(signed_in, user);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(user.clone()));
    assert_eq!(w.here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap().unwrap().user_id, user.id);
    assert!(!w.here.password().has_password(&user.id).await.unwrap());
    enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    assert_eq!(created_users(w), 1);
}

/// A known identity signs its user in, whatever address and name the provider tells now.
pub async fn oauth_knows_its_users<P: Provider>(w: &World<P>) {
    let user = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    let bystander = w.register(OTHER_EMAIL).await;
    for (email, verified) in
        [(EMAIL, None), ("new@example.com", Some(true)), (OTHER_EMAIL, Some(true)), ("", Some(false))]
    {
        assert_eq!(enter(w, OAUTH_SUBJECT, email, verified).await.unwrap(), user);
    }
    assert_eq!(w.here.count_users().await.unwrap(), 2);
    assert!(w.here.oauth().list_accounts_for_user(&bystander.id).await.unwrap().is_empty());
}

/// A known identity signs in although the address is locked: the lock is for passwords.
pub async fn oauth_ignores_the_lock<P: Provider>(w: &World<P>) {
    let user = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    for _ in 0..5 {
        assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
    assert!(w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    let entered = w.here.oauth().authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None, None, None).await.unwrap();
    assert_eq!(entered.0.id, user.id);
}

/// The address of a user who has not proven it links nothing: somebody else may have taken it. Nothing is written.
pub async fn oauth_never_links_to_an_unproven_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for verified in [None, Some(false), Some(true)] {
        assert_link_required(enter(w, OAUTH_SUBJECT, EMAIL, verified).await);
        assert_link_required(enter(w, OAUTH_SUBJECT, &EMAIL.to_uppercase(), verified).await);
    }
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
}

/// The proven address of a user links the identity that the provider, or the application for the provider, vouches for.
pub async fn oauth_links_to_a_proven_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let user = w.here.get_user(&user.id).await.unwrap().unwrap();
    let vouched = w.here.oauth().get_or_create_user(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    assert_eq!(vouched, user);
    assert_eq!(enter(w, "2", &EMAIL.to_uppercase(), Some(true)).await.unwrap(), user);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(user.clone()));
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, "2").await.unwrap(), Some(user.clone()));
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
}

/// An address that the provider does not call proven is never linked, not even to a user who has proven it.
pub async fn oauth_never_links_an_unproven_identity<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    for verified in [None, Some(false)] {
        assert_link_required(enter(w, OAUTH_SUBJECT, EMAIL, verified).await);
    }
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 1);
}

/// A new user's address is proven if the provider says so, and only then.
pub async fn oauth_takes_the_providers_word_for_new_users<P: Provider>(w: &World<P>) {
    let said = enter(w, OAUTH_SUBJECT, "a@example.com", Some(true)).await.unwrap();
    assert_eq!(said.email_verified_at, Some(w.clock.now()));
    for (subject, email, verified) in [("2", "b@example.com", None), ("3", "c@example.com", Some(false))] {
        assert_eq!(enter(w, subject, email, verified).await.unwrap().email_verified_at, None);
    }
}

/// An identity is linked to one user: it cannot be linked again, not even to the same.
pub async fn oauth_identity_has_one_user<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    assert_refused(w.here.oauth().link_account(&other.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await, LINKED);
    assert_refused(w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await, LINKED);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(user.clone()));
    assert!(w.here.oauth().list_accounts_for_user(&other.id).await.unwrap().is_empty());
    // Another subject, another provider, and another spelling are other identities.
    for (provider, subject) in [
        (OAUTH_PROVIDER, "2"),
        ("google", OAUTH_SUBJECT),
        ("GitHub", OAUTH_SUBJECT),
        (OAUTH_PROVIDER, "a"),
        (OAUTH_PROVIDER, "A"),
    ] {
        w.here.oauth().link_account(&other.id, provider, subject).await.unwrap();
    }
    assert_eq!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().len(), 1);
    assert_eq!(w.here.oauth().list_accounts_for_user(&other.id).await.unwrap().len(), 5);
}

/// Nothing is linked to an unknown user.
pub async fn oauth_links_to_known_users_only<P: Provider>(w: &World<P>) {
    assert_refused(
        w.here.oauth().link_account(&UserId::new_random(), OAUTH_PROVIDER, OAUTH_SUBJECT).await,
        "User not found",
    );
    assert_eq!(w.here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
}

/// Providers and subjects of 1 to 255 bytes without control characters are taken; all others, and what would make a bad user, are
/// refused and write nothing.
pub async fn oauth_refuses_bad_identities<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let long = "x".repeat(256);
    for (provider, subject) in [
        ("", OAUTH_SUBJECT),
        (OAUTH_PROVIDER, ""),
        (&long, OAUTH_SUBJECT),
        (OAUTH_PROVIDER, &long),
        ("git\0hub", OAUTH_SUBJECT),
        (OAUTH_PROVIDER, "1\n"),
    ] {
        let identity = identity(provider, subject, "new@example.com", Some(true));
        assert_invalid(w.here.oauth().get_or_create_user_with(&identity).await);
        assert_invalid(w.here.oauth().authenticate(provider, subject, "new@example.com", None, None, None).await);
        assert_invalid(w.here.oauth().link_account(&user.id, provider, subject).await);
    }
    for email in ["", "no address"] {
        assert_invalid(enter(w, OAUTH_SUBJECT, email, Some(true)).await);
    }
    let named =
        OAuthIdentity { name: Some("a\0b".into()), ..identity(OAUTH_PROVIDER, OAUTH_SUBJECT, "new@example.com", None) };
    assert_invalid(w.here.oauth().get_or_create_user_with(&named).await);
    assert_eq!(w.here.list_users().await.unwrap(), std::slice::from_ref(&user));
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());

    let longest = "\u{e9}".repeat(127);
    w.here.oauth().link_account(&user.id, &longest, &longest).await.unwrap();
    assert_eq!(w.here.oauth().find_user(&longest, &longest).await.unwrap(), Some(user));
}

/// Looking for an identity creates and links nothing.
pub async fn oauth_lookup_changes_nothing<P: Provider>(w: &World<P>) {
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(w.here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert!(w.here.oauth().list_accounts_for_user(&UserId::new_random()).await.unwrap().is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}

/// Accounts are listed newest first, with the times they were linked at.
pub async fn oauth_accounts_are_listed_newest_first<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let mut linked = Vec::new();
    for (provider, subject) in [(OAUTH_PROVIDER, "2"), ("google", OAUTH_SUBJECT), ("apple", "3")] {
        w.clock.advance(TimeDelta::minutes(1));
        w.here.oauth().link_account(&user.id, provider, subject).await.unwrap();
        linked.insert(0, (provider.to_owned(), subject.to_owned(), w.clock.now()));
    }
    w.clock.advance(TimeDelta::days(1));
    let accounts = w.here.oauth().list_accounts_for_user(&user.id).await.unwrap();
    let listed: Vec<_> = accounts.iter().map(|a| (a.provider.clone(), a.subject.clone(), a.created_at)).collect();
    assert_eq!(listed, linked);
    for account in accounts {
        assert_eq!((&account.user_id, &account.tenant_id), (&user.id, w.tenant()));
        let found = w.here.oauth().get_account(&account.provider, &account.subject).await.unwrap();
        assert_eq!(found, Some(account));
    }
}

/// The last way to sign in cannot be unlinked.
pub async fn oauth_unlink_refuses_the_last_method<P: Provider>(w: &World<P>) {
    let user = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, "2").await.unwrap();
    assert_refused(w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await, LAST_METHOD);
    assert_eq!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().len(), 2);

    w.here.oauth().link_account(&user.id, "google", OAUTH_SUBJECT).await.unwrap();
    w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await.unwrap();
    let left = w.here.oauth().list_accounts_for_user(&user.id).await.unwrap();
    assert_eq!(left.len(), 1, "all accounts at the provider go");
    assert_eq!(left[0].provider, "google");
    w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await.unwrap();
    assert_refused(w.here.oauth().unlink_account(&user.id, "google").await, LAST_METHOD);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(w.here.oauth().find_user("google", OAUTH_SUBJECT).await.unwrap(), Some(user));
}

/// A password, or a passkey, is another way to sign in.
pub async fn oauth_unlink_counts_other_methods<P: Provider>(w: &World<P>) {
    let user = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    w.here.password().set_password(&user.id, PASSWORD).await.unwrap();
    w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await.unwrap();
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());

    w.here.password().remove_password(&user.id).await.unwrap();
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    assert_refused(w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await, LAST_METHOD);
    w.here.passkey().register_credential(&user.id, vec![1, 2, 3], vec![4], None).await.unwrap();
    w.here.oauth().unlink_account(&user.id, OAUTH_PROVIDER).await.unwrap();
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());
}

/// An identity is free again once its account is unlinked or its user deleted.
pub async fn oauth_identity_is_free_again<P: Provider>(w: &World<P>) {
    let user = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    let successor = enter(w, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    assert_ne!(successor.id, user.id);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(successor));
}

/// A PKCE verifier is given out once, to the state it was kept under.
pub async fn oauth_state_works_once<P: Provider>(w: &World<P>) {
    let hour = TimeDelta::hours(1);
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", hour).await.unwrap();
    w.here.oauth().store_pkce_verifier("STATE", "another", hour).await.unwrap();
    for unknown in ["", "stat", "state ", &"x".repeat(1 << 20)] {
        assert_eq!(w.here.oauth().get_pkce_verifier(unknown).await.unwrap(), None);
    }
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap().as_deref(), Some("verifier"));
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
    assert_eq!(w.here.oauth().get_pkce_verifier("STATE").await.unwrap().as_deref(), Some("another"));
}

/// A PKCE verifier ends when it was told to, and no microsecond later.
pub async fn oauth_state_expires<P: Provider>(w: &World<P>) {
    let minute = TimeDelta::minutes(1);
    w.here.oauth().store_pkce_verifier("in time", "verifier", minute).await.unwrap();
    w.here.oauth().store_pkce_verifier("too late", "verifier", minute).await.unwrap();
    w.clock.advance(minute - TICK);
    assert!(w.here.oauth().get_pkce_verifier("in time").await.unwrap().is_some());
    w.clock.advance(TICK);
    assert_eq!(w.here.oauth().get_pkce_verifier("too late").await.unwrap(), None);
}

/// The same state again replaces its verifier, its time, and that it was over.
pub async fn oauth_state_can_be_overwritten<P: Provider>(w: &World<P>) {
    let minute = TimeDelta::minutes(1);
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "first", minute).await.unwrap();
    w.clock.advance(minute);
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "second", minute).await.unwrap();
    w.clock.advance(minute - TICK);
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap().as_deref(), Some("second"));
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
}
