use std::error::Error as _;

use torii_core::error::{StorageError, ValidationError};

use super::*;

#[test]
fn old_matching_on_text_still_compiles_and_works() {
    let locked = AuthError::AccountLocked { locked_until: None, retry_after_seconds: Some(42) };
    let error = ToriiError::auth(locked.into());
    assert!(matches!(error, ToriiError::AuthError(ref text) if text.contains("temporarily locked")));
    assert_eq!(error.to_string(), "Auth error: Account is temporarily locked. Retry after 42 seconds");
    let ToriiError::AuthError(detail) = error else { panic!() };
    assert!(matches!(detail.error(), Some(CoreError::Auth(AuthError::AccountLocked { .. }))));
    assert!(detail.source().is_some());
}

#[test]
fn texts_that_applications_know() {
    let text = |error: CoreError| ToriiError::from(error).to_string();
    assert_eq!(text(AuthError::InvalidCredentials.into()), "Auth error: Authentication error: Invalid credentials");
    assert_eq!(text(SessionError::NotFound.into()), "Storage error: Session not found");
    assert_eq!(text(SessionError::Expired.into()), "Storage error: Session not found");
    assert_eq!(
        text(ValidationError::InvalidPassword("x".into()).into()),
        "Auth error: Validation error: Invalid password: x"
    );
    assert_eq!(text(StorageError::Database("x".into()).into()), "Storage error: Storage error: Database error: x");
    assert_eq!(
        text(AuthError::CannotRemoveLastAuthMethod.into()),
        "Auth error: Cannot remove last authentication method"
    );
}

#[test]
fn a_tenant_is_never_hidden_in_another_kind() {
    let refused = || CoreError::from(TenantError::Suspended { id: torii_core::TenantId::from_static("acme") });
    for error in [ToriiError::auth(refused()), ToriiError::storage(refused()), ToriiError::from(refused())] {
        assert!(matches!(error, ToriiError::Tenant(TenantError::Suspended { .. })));
    }
}
