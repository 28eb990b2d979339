//! The tenant registry: registration and purge.

use chrono::TimeDelta;
use torii::{Clock, PageRequest, TenantId, TenantScope, TenantStatus, UserId};

use super::{
    ceremony::relying_party,
    expectation::{BASE, is_alive, register_and_sign_in, text},
};
use crate::{
    Provider,
    world::{
        CREDENTIAL_ID, EMAIL, NEIGHBOUR, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, OTHER_EMAIL, PASSWORD,
        WRONG_PASSWORD, World,
    },
};

/// A tenant is registered by the first write into it, whatever is written.
pub async fn tenant_is_registered_by_its_first_write<P: Provider>(w: &World<P>) {
    let scope = |name: &str| w.torii.with_tenant(name);
    scope("by-password").register_user(EMAIL, PASSWORD).await.unwrap();
    scope("by-link").magic_link().generate_token(EMAIL).await.unwrap();
    scope("by-oauth").oauth().get_or_create_user(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None).await.unwrap();
    scope("by-state").oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::minutes(1)).await.unwrap();
    scope("by-ceremony").passkey().start_authentication(&relying_party()).await.unwrap();
    assert!(scope("by-guess").authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    for name in ["by-password", "by-link", "by-oauth", "by-state", "by-ceremony", "by-guess"] {
        let tenant = w.torii.find_tenant(name).await.unwrap().unwrap_or_else(|| panic!("{name} is not registered"));
        assert_eq!((tenant.id.as_str(), tenant.name, tenant.status), (name, None, TenantStatus::Active));
        assert_eq!((tenant.created_at, tenant.suspended_at), (w.clock.now(), None));
    }
}

/// Looking for something, and deleting what is not there, registers no tenant.
pub async fn tenant_is_not_registered_by_reads<P: Provider>(w: &World<P>) {
    let scope = w.torii.with_tenant("unknown-tenant");
    let (nobody, token) = (UserId::new_random(), torii::SessionToken::new_random());
    assert_eq!(scope.get_user(&nobody).await.unwrap(), None);
    assert_eq!(scope.get_user_by_email(EMAIL).await.unwrap(), None);
    assert!(scope.list_users().await.unwrap().is_empty());
    assert_eq!(scope.count_users().await.unwrap(), 0);
    assert!(scope.validate_session(&token).await.unwrap().is_none());
    assert!(scope.authenticate_session(&token).await.unwrap().is_none());
    assert!(scope.list_user_sessions(&nobody).await.unwrap().is_empty());
    assert_eq!(scope.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(scope.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
    assert_eq!(scope.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
    assert!(!scope.check_email_verification_token("token").await.unwrap());
    assert!(!scope.password().reset_password_verify_token("token").await.unwrap());
    assert!(!scope.get_lockout_status(EMAIL).await.unwrap().is_locked);
    scope.password().reset_password_initiate(EMAIL, BASE).await.unwrap();
    assert!(scope.verify_email_token("token").await.is_err());
    assert!(scope.magic_link().authenticate("token", None, None).await.is_err());
    scope.delete_session(&token).await.unwrap();
    scope.delete_user(&nobody).await.unwrap();
    assert_eq!(scope.cleanup_expired().await.unwrap().total(), 0);
    assert_eq!(w.torii.find_tenant("unknown-tenant").await.unwrap(), None);
}

/// A tenant can be registered before it is used, and be given another name; what is in it stays.
pub async fn tenant_can_be_registered_by_hand<P: Provider>(w: &World<P>) {
    let registered = w.torii.register_tenant("acme", Some("Acme")).await.unwrap();
    assert_eq!((registered.id.as_str(), registered.name.as_deref()), ("acme", Some("Acme")));
    assert_eq!(w.torii.find_tenant("acme").await.unwrap(), Some(registered.clone()));
    w.torii.with_tenant("acme").register_user(EMAIL, PASSWORD).await.unwrap();

    w.clock.advance(TimeDelta::minutes(1));
    assert_eq!(w.torii.register_tenant("acme", None).await.unwrap().name.as_deref(), Some("Acme"));
    let renamed = w.torii.register_tenant("acme", Some("Acme Corporation")).await.unwrap();
    assert_eq!(renamed.name.as_deref(), Some("Acme Corporation"));
    assert_eq!((renamed.created_at, renamed.status), (registered.created_at, TenantStatus::Active));
    assert_eq!(w.torii.with_tenant("acme").count_users().await.unwrap(), 1);
}

/// Tenants are listed by id, page by page; the default tenant is always there.
pub async fn tenants_are_listed_by_id<P: Provider>(w: &World<P>) {
    for name in ["b", "A", "a", "_", "-"] {
        w.torii.register_tenant(name, None).await.unwrap();
    }
    let (mut listed, mut request) = (Vec::new(), PageRequest::first(2));
    loop {
        let page = w.torii.tenants_page(request.clone()).await.unwrap();
        listed.extend(page.items.into_iter().map(|tenant| tenant.id.as_str().to_owned()));
        match page.next {
            Some(next) => request = request.after(next),
            None => break,
        }
    }
    assert_eq!(listed, ["-", "A", "_", "a", "b", "default", NEIGHBOUR.as_str()]);
}

/// Ids are case-sensitive: two that differ only by case are two tenants.
pub async fn tenant_ids_are_case_sensitive<P: Provider>(w: &World<P>) {
    let (lower, upper) = (w.torii.with_tenant("acme"), w.torii.with_tenant("Acme"));
    let user = lower.register_user(EMAIL, PASSWORD).await.unwrap();
    let session = lower.create_session(&user.id, None, None).await.unwrap();
    assert_eq!(upper.count_users().await.unwrap(), 0);
    assert_eq!(upper.get_user(&user.id).await.unwrap(), None);
    assert!(upper.validate_session(session.token.as_ref().unwrap()).await.unwrap().is_none());
    assert_eq!(w.torii.find_tenant("Acme").await.unwrap(), None);
    let namesake = upper.register_user(EMAIL, PASSWORD).await.unwrap();
    assert_ne!(namesake.id, user.id);
    assert!(w.torii.purge_tenant("Acme").await.unwrap());
    assert_eq!(lower.list_users().await.unwrap(), [user]);
}

/// Something of everything.
async fn furnish<P: Provider>(scope: &TenantScope<P>) {
    let user = scope.register_user(EMAIL, PASSWORD).await.unwrap();
    scope.create_session(&user.id, None, None).await.unwrap();
    scope.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    scope.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::hours(1)).await.unwrap();
    scope.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    scope.passkey().start_authentication(&relying_party()).await.unwrap();
    scope.magic_link().generate_token(EMAIL).await.unwrap();
    for _ in 0..5 {
        assert!(scope.authenticate(OTHER_EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
}

/// A purged tenant has nothing left, and can be used anew; the default tenant is emptied and stays.
pub async fn purge_removes_everything<P: Provider>(w: &World<P>) {
    furnish(&w.here).await;
    let user = w.here.get_user_by_email(EMAIL).await.unwrap().unwrap();
    let (_, session) = w.sign_in(EMAIL).await;
    let token = session.token.as_ref().unwrap();
    let link = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    assert!(w.torii.purge_tenant(w.tenant()).await.unwrap());

    assert_eq!(w.torii.find_tenant(w.tenant()).await.unwrap().is_some(), w.tenant().is_default());
    assert_eq!(w.here.count_users().await.unwrap(), 0);
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), None);
    assert!(w.here.authenticate_session(token).await.unwrap().is_none());
    assert!(w.here.validate_session(token).await.unwrap().is_none());
    assert_eq!(w.here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
    assert_eq!(w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
    assert!(!w.here.get_lockout_status(OTHER_EMAIL).await.unwrap().is_locked);
    assert!(w.here.magic_link().authenticate(text(&link), None, None).await.is_err());
    w.clock.advance(TimeDelta::days(400));
    assert_eq!(w.here.cleanup_expired().await.unwrap().total(), 0, "a row was left behind");

    let successor = w.register(EMAIL).await;
    assert_ne!(successor.id, user.id);
    assert!(w.here.oauth().list_accounts_for_user(&successor.id).await.unwrap().is_empty());
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
}

/// Purging one tenant, suspended or not, leaves the others; an unknown one is not there to be purged.
pub async fn purge_leaves_the_others<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let other = w.torii.with_tenant("another-tenant");
    furnish(&other).await;
    w.torii.suspend_tenant("another-tenant").await.unwrap();
    assert!(w.torii.purge_tenant("another-tenant").await.unwrap());
    assert!(!w.torii.purge_tenant("another-tenant").await.unwrap());
    assert!(!w.torii.purge_tenant("unknown-tenant").await.unwrap());
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
    assert!(is_alive(w, &session).await);
    other.register_user(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(other.count_users().await.unwrap(), 1);
}

/// Purging the default tenant empties it and leaves it registered.
pub async fn purge_keeps_the_default_tenant<P: Provider>(w: &World<P>) {
    w.torii.register_user(EMAIL, PASSWORD).await.unwrap();
    for _ in 0..2 {
        assert!(w.torii.purge_tenant(TenantId::default_tenant()).await.unwrap());
        assert!(w.torii.find_tenant(TenantId::default_tenant()).await.unwrap().is_some());
        assert_eq!(w.torii.count_users().await.unwrap(), 0);
    }
    w.torii.register_user(EMAIL, PASSWORD).await.unwrap();
}
