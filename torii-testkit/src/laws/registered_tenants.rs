//! Storage that accepts registered tenants only.

use std::fmt;

use chrono::TimeDelta;
use torii::{MetadataPatch, TenantError, ToriiError, UserId, UserMetadata};

use super::{ceremony::relying_party, expectation::BASE};
use crate::{
    Provider,
    world::{EMAIL, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, PASSWORD, World},
};

const UNKNOWN: &str = "unknown-tenant";

/// Refused because nobody registered the tenant.
#[track_caller]
fn assert_not_registered<T: fmt::Debug>(result: Result<T, ToriiError>) {
    match result {
        Err(ToriiError::Tenant(TenantError::NotRegistered { id })) => assert_eq!(id, UNKNOWN),
        other => panic!("expected NotRegistered, got {other:?}"),
    }
}

/// A write into a tenant that nobody registered is refused, and does not register it.
pub async fn unregistered_tenant_refuses_writes<P: Provider>(w: &World<P>) {
    let scope = w.torii.with_tenant(UNKNOWN);
    let rp = relying_party();
    assert_not_registered(scope.register_user(EMAIL, PASSWORD).await);
    assert_not_registered(scope.authenticate(EMAIL, PASSWORD, None, None).await);
    assert_not_registered(scope.magic_link().generate_token(EMAIL).await);
    assert_not_registered(scope.magic_link().authenticate("token", None, None).await);
    assert_not_registered(scope.password().reset_password_initiate(EMAIL, BASE).await);
    assert_not_registered(scope.verify_email_token("token").await);
    assert_not_registered(scope.set_user_metadata(&UserId::new_random(), &UserMetadata::default()).await);
    assert_not_registered(scope.merge_user_metadata(&UserId::new_random(), &MetadataPatch::default()).await);
    assert_not_registered(scope.oauth().get_or_create_user(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None).await);
    assert_not_registered(scope.oauth().store_pkce_verifier(OAUTH_STATE, "v", TimeDelta::minutes(1)).await);
    assert_not_registered(scope.passkey().start_authentication(&rp).await);
    assert_eq!(w.torii.find_tenant(UNKNOWN).await.unwrap(), None);
    assert_eq!(scope.count_users().await.unwrap(), 0);
    assert_eq!(scope.get_user_by_email(EMAIL).await.unwrap(), None);
}

/// A registered tenant, and the default one, are used as ever.
pub async fn registered_tenant_accepts_writes<P: Provider>(w: &World<P>) {
    w.torii.register_tenant(UNKNOWN, None).await.unwrap();
    w.torii.register_user(EMAIL, PASSWORD).await.unwrap();
    let scope = w.torii.with_tenant(UNKNOWN);
    scope.register_user(EMAIL, PASSWORD).await.unwrap();
    assert!(scope.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
    assert!(w.torii.purge_tenant(UNKNOWN).await.unwrap());
    assert_not_registered(scope.register_user(EMAIL, PASSWORD).await);
}
