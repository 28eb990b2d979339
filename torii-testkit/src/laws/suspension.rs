//! Suspended tenants.

use std::fmt;

use chrono::TimeDelta;
use torii::{Clock, MetadataPatch, PageRequest, TenantError, TenantId, TenantStatus, ToriiError, UserMetadata};

use super::{
    ceremony::relying_party,
    expectation::{BASE, NEW_PASSWORD, is_alive, register_and_sign_in, text},
};
use crate::{
    Provider,
    world::{
        CREDENTIAL_ID, EMAIL, METADATA, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, OTHER_EMAIL, PASSWORD,
        UNKNOWN_EMAIL, WRONG_PASSWORD, World,
    },
};

/// Refused because the tenant is suspended.
#[track_caller]
fn assert_suspended<T: fmt::Debug>(result: Result<T, ToriiError>, tenant: &TenantId) {
    match result {
        Err(ToriiError::Tenant(TenantError::Suspended { id })) => assert_eq!(&id, tenant),
        other => panic!("expected that {tenant} is suspended, got {other:?}"),
    }
}

/// In a suspended tenant nobody signs in, by whatever way, and no session signs anybody in.
pub async fn suspended_tenant_signs_nobody_in<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let token = session.token.as_ref().unwrap();
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    let link = w.here.magic_link().generate_token(EMAIL).await.unwrap();

    w.torii.suspend_tenant(w.tenant()).await.unwrap();
    assert_suspended(w.here.authenticate(EMAIL, PASSWORD, None, None).await, w.tenant());
    assert_suspended(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await, w.tenant());
    assert_suspended(w.here.authenticate(UNKNOWN_EMAIL, PASSWORD, None, None).await, w.tenant());
    assert!(w.here.magic_link().authenticate(text(&link), None, None).await.is_err());
    assert!(w.here.oauth().authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None, None, None).await.is_err());
    assert!(w.here.passkey().authenticate(CREDENTIAL_ID, None, None).await.is_err());
    assert_suspended(w.here.create_session(&user.id, None, None).await, w.tenant());

    assert!(w.here.validate_session(token).await.unwrap().is_none());
    assert!(w.here.authenticate_session(token).await.unwrap().is_none());
    assert!(w.here.get_session(token).await.is_err());
    assert!(w.here.refresh_session(token).await.is_err());

    w.torii.resume_tenant(w.tenant()).await.unwrap();
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1, "nobody got a session meanwhile");
    assert!(w.here.magic_link().authenticate(text(&link), None, None).await.is_ok(), "the link was not consumed");
}

/// Nothing is found in a suspended tenant.
pub async fn suspended_tenant_shows_nothing<P: Provider>(w: &World<P>) {
    let (user, _) = register_and_sign_in(w, EMAIL).await;
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::minutes(1)).await.unwrap();
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    w.here.set_user_metadata(&user.id, &METADATA.parse().unwrap()).await.unwrap();
    let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();

    w.torii.suspend_tenant(w.tenant()).await.unwrap();
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), None);
    assert_eq!(w.here.get_user_by_email(EMAIL).await.unwrap(), None);
    assert!(w.here.list_users().await.unwrap().is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 0);
    assert_eq!(w.here.user_metadata(&user.id).await.unwrap(), None);
    for filter in ["{}", METADATA] {
        let page = w.here.find_users_by_metadata(&filter.parse().unwrap(), PageRequest::default()).await.unwrap();
        assert!(page.items.is_empty());
    }
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(w.here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());
    assert_eq!(w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
    assert!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().is_empty());
    assert!(!w.here.password().has_password(&user.id).await.unwrap());
    assert!(!w.here.check_email_verification_token(text(&token)).await.unwrap());
    // A state is consumed by whoever shows it, so it may be refused or unknown; never given out.
    assert!(!matches!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await, Ok(Some(_))));
}

/// A write into a suspended tenant is refused and writes nothing; what only deletes still works.
pub async fn suspended_tenant_refuses_writes<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let other = w.register(OTHER_EMAIL).await;
    let verification = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    let reset = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    w.mails().await;
    let (here, tenant) = (&w.here, w.tenant());
    let suspended = w.torii.suspend_tenant(tenant).await.unwrap();
    assert_eq!((suspended.status, suspended.suspended_at), (TenantStatus::Suspended, Some(w.clock.now())));

    for email in [EMAIL, UNKNOWN_EMAIL] {
        assert_suspended(here.register_user(email, PASSWORD).await, tenant);
        assert_suspended(here.magic_link().generate_token(email).await, tenant);
        assert_suspended(here.password().reset_password_initiate(email, BASE).await, tenant);
        let entered = here.oauth().get_or_create_user(OAUTH_PROVIDER, OAUTH_SUBJECT, email, None).await;
        assert_suspended(entered, tenant);
    }
    assert_suspended(here.update_user(&user).await, tenant);
    assert_suspended(here.passkey().rename_credential(&user.id, CREDENTIAL_ID, None).await, tenant);
    assert_suspended(here.set_user_metadata(&user.id, &METADATA.parse().unwrap()).await, tenant);
    assert_suspended(here.merge_user_metadata(&user.id, &MetadataPatch::default()).await, tenant);
    assert_suspended(here.set_user_email_verified(&user.id).await, tenant);
    assert_suspended(here.password().set_password(&user.id, NEW_PASSWORD).await, tenant);
    assert_suspended(here.password().reset_password_complete(text(&reset), NEW_PASSWORD).await, tenant);
    assert_suspended(here.verify_email_token(text(&verification)).await, tenant);
    assert_suspended(here.send_verification_email(&user.id, BASE).await, tenant);
    assert_suspended(here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await, tenant);
    assert_suspended(here.oauth().store_pkce_verifier(OAUTH_STATE, "v", TimeDelta::minutes(1)).await, tenant);
    let kept = here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await;
    assert_suspended(kept, tenant);
    assert_suspended(here.passkey().start_authentication(&relying_party()).await, tenant);
    assert!(w.mails().await.is_empty());

    here.delete_session(session.token.as_ref().unwrap()).await.unwrap();
    here.delete_user(&other.id).await.unwrap();
    here.cleanup_expired().await.unwrap();

    w.torii.resume_tenant(tenant).await.unwrap();
    assert!(!is_alive(w, &session).await);
    assert_eq!(here.user_metadata(&user.id).await.unwrap(), Some(UserMetadata::default()));
    assert_eq!(here.list_users().await.unwrap(), std::slice::from_ref(&user));
    assert!(here.oauth().list_accounts_for_user(&user.id).await.unwrap().is_empty());
    assert!(here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
    assert!(here.verify_email_token(text(&verification)).await.is_ok());
    assert!(here.password().reset_password_complete(text(&reset), NEW_PASSWORD).await.is_ok());
}

/// What a suspended tenant has is there again when it is resumed; suspending and resuming twice is the same as once.
pub async fn suspended_tenant_comes_back_whole<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    let first = w.torii.suspend_tenant(w.tenant()).await.unwrap();
    w.clock.advance(TimeDelta::hours(1));
    let again = w.torii.suspend_tenant(w.tenant()).await.unwrap();
    assert_eq!((again.status, again.suspended_at), (TenantStatus::Suspended, first.suspended_at));
    assert_eq!(w.torii.find_tenant(w.tenant()).await.unwrap(), Some(again));
    for _ in 0..2 {
        let resumed = w.torii.resume_tenant(w.tenant()).await.unwrap();
        assert_eq!((resumed.status, resumed.suspended_at), (TenantStatus::Active, None));
    }
    assert_eq!(w.here.list_users().await.unwrap(), std::slice::from_ref(&user));
    assert!(is_alive(w, &session).await);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(user.clone()));
    assert_eq!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().len(), 1);
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
}

/// Suspending one tenant changes nothing in the others.
pub async fn suspension_is_one_tenants_affair<P: Provider>(w: &World<P>) {
    let (_, session) = register_and_sign_in(w, EMAIL).await;
    w.torii.with_tenant("another-tenant").register_user(EMAIL, PASSWORD).await.unwrap();
    w.torii.suspend_tenant("another-tenant").await.unwrap();
    assert!(is_alive(w, &session).await);
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
    w.register(OTHER_EMAIL).await;
    assert_eq!(w.here.count_users().await.unwrap(), 2);
}

/// Only a registered tenant can be suspended or resumed.
pub async fn suspension_needs_a_registered_tenant<P: Provider>(w: &World<P>) {
    for result in [w.torii.suspend_tenant("unknown-tenant").await, w.torii.resume_tenant("unknown-tenant").await] {
        match result {
            Err(ToriiError::Tenant(TenantError::NotRegistered { id })) => assert_eq!(id, "unknown-tenant"),
            other => panic!("expected NotRegistered, got {other:?}"),
        }
    }
    assert_eq!(w.torii.find_tenant("unknown-tenant").await.unwrap(), None);
}
