//! What is no tenant id, which often comes from a URL.

use std::fmt;

use chrono::TimeDelta;
use torii::{
    MetadataPatch, OAuthIdentity, PageRequest, SessionToken, TenantError, TenantScope, ToriiError, User, UserId,
    UserMetadata,
};

use super::{
    ceremony::relying_party,
    expectation::{BASE, NEW_PASSWORD},
};
use crate::{
    Provider,
    world::{CREDENTIAL_ID, EMAIL, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, PASSWORD, World},
};

/// The longest id has 64 bytes.
fn no_tenant_ids() -> Vec<String> {
    let mut ids: Vec<_> =
        ["", "a b", "../x", "acme\n", "acm\u{e9}", "acme\0", "a/b", "acme.corp", "%", "'; --"].map(String::from).into();
    ids.push("x".repeat(65));
    ids.push("x".repeat(1 << 20));
    ids
}

/// What every call of a scope answers. Each public asynchronous method of `Torii<R, S>` and of its namespaces is here, by name.
async fn every_call<P: Provider>(scope: &TenantScope<P>) -> Vec<(&'static str, Option<ToriiError>)> {
    let (user_id, token) = (UserId::new_random(), SessionToken::new_random());
    let user = User::builder().email(EMAIL.into()).build().unwrap();
    let rp = relying_party();
    let (minute, name) = (TimeDelta::minutes(1), Some("John"));
    let identity = OAuthIdentity {
        provider: OAUTH_PROVIDER.into(),
        subject: OAUTH_SUBJECT.into(),
        email: EMAIL.into(),
        email_verified: Some(true),
        name: None,
    };
    let (password, links, oauth, passkey) = (scope.password(), scope.magic_link(), scope.oauth(), scope.passkey());
    let mut answers = Vec::new();
    macro_rules! call {
        ($($on:ident.$method:ident($($argument:expr),*);)*) => {
            $(answers.push((stringify!($on.$method), $on.$method($($argument),*).await.err()));)*
        };
    }
    call! {
        scope.cleanup_expired();

        scope.get_user(&user_id);
        scope.get_user_by_email(EMAIL);
        scope.list_users();
        scope.users_page(PageRequest::default());
        scope.count_users();
        scope.update_user(&user);
        scope.delete_user(&user_id);
        scope.set_user_email_verified(&user_id);
        scope.send_verification_email(&user_id, BASE);
        scope.verify_email_token("token");
        scope.check_email_verification_token("token");
        scope.user_metadata(&user_id);
        scope.set_user_metadata(&user_id, &UserMetadata::default());
        scope.merge_user_metadata(&user_id, &MetadataPatch::default());
        scope.find_users_by_metadata(&UserMetadata::default(), PageRequest::default());

        scope.create_session(&user_id, None, None);
        scope.get_session(&token);
        scope.validate_session(&token);
        scope.authenticate_session(&token);
        scope.delete_session(&token);
        scope.revoke_session(&token);
        scope.revoke_listed_session(&user_id, "");
        scope.delete_sessions_for_user(&user_id);
        scope.list_user_sessions(&user_id);
        scope.refresh_session(&token);

        scope.get_lockout_status(EMAIL);
        scope.unlock_account(EMAIL);

        scope.register_user(EMAIL, PASSWORD);
        scope.authenticate(EMAIL, PASSWORD, None, None);
        password.register(EMAIL, PASSWORD);
        password.register_with_name(EMAIL, PASSWORD, name);
        password.try_register(EMAIL, PASSWORD, name);
        password.authenticate(EMAIL, PASSWORD, None, None);
        password.change_password(&user_id, PASSWORD, NEW_PASSWORD);
        password.set_password(&user_id, PASSWORD);
        password.remove_password(&user_id);
        password.has_password(&user_id);
        password.reset_password_initiate(EMAIL, BASE);
        password.reset_password_initiate_with_expiration(EMAIL, BASE, minute);
        password.issue_reset_token(EMAIL);
        password.reset_password_verify_token("token");
        password.reset_password_complete("token", NEW_PASSWORD);

        links.generate_token(EMAIL);
        links.send_link(EMAIL, BASE);
        links.authenticate("token", None, None);

        oauth.get_or_create_user(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None);
        oauth.get_or_create_user_with(&identity);
        oauth.authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None, None, None);
        oauth.authenticate_with(&identity, None, None);
        oauth.find_user(OAUTH_PROVIDER, OAUTH_SUBJECT);
        oauth.link_account(&user_id, OAUTH_PROVIDER, OAUTH_SUBJECT);
        oauth.get_account(OAUTH_PROVIDER, OAUTH_SUBJECT);
        oauth.list_accounts_for_user(&user_id);
        oauth.unlink_account(&user_id, OAUTH_PROVIDER);
        oauth.store_pkce_verifier(OAUTH_STATE, "verifier", minute);
        oauth.get_pkce_verifier(OAUTH_STATE);

        passkey.start_registration(&rp, &user_id);
        passkey.finish_registration(&rp, &user_id, "ceremony", "{}", None);
        passkey.start_authentication(&rp);
        passkey.finish_authentication(&rp, "ceremony", "{}", None, None);
        passkey.register_credential(&user_id, CREDENTIAL_ID.to_vec(), vec![1], None);
        passkey.get_user_credentials(&user_id);
        passkey.get_credential(CREDENTIAL_ID);
        passkey.authenticate(CREDENTIAL_ID, None, None);
        passkey.rename_credential(&user_id, CREDENTIAL_ID, None);
        passkey.delete_credential(CREDENTIAL_ID);
        passkey.delete_user_credentials(&user_id);
    }
    answers
}

/// Refused as no tenant id, with the id cut to 64 characters.
#[track_caller]
fn assert_invalid_id(error: Option<&ToriiError>, expected: &str, what: &dyn fmt::Display) {
    let cut: String = expected.chars().take(64).collect();
    match error {
        Some(ToriiError::Tenant(TenantError::InvalidTenantId { id, .. })) => assert_eq!(id, &cut),
        other => panic!("expected that {what} refuses the tenant id, got {other:?}"),
    }
}

/// A scope made of what is no tenant id refuses every call, and the database hears of none.
pub async fn invalid_tenant_id_is_refused_without_a_statement<P: Provider>(w: &World<P>) {
    for id in no_tenant_ids() {
        let scope = w.torii.with_tenant(id.as_str());
        assert!(scope.tenant().is_err());
        let (statements, answers) = w.statements_of(every_call(&scope)).await;
        for (call, error) in &answers {
            assert_invalid_id(error.as_ref(), &id, call);
        }
        assert_eq!(statements.count(), 0, "{statements}");
    }
    assert!(w.mails().await.is_empty());
    assert!(w.events.take().is_empty());
    assert_eq!(w.hasher.queue_len(), 0);
}

/// The tenant registry refuses what is no tenant id, without a statement.
pub async fn invalid_tenant_id_is_never_registered<P: Provider>(w: &World<P>) {
    for id in no_tenant_ids() {
        let id = id.as_str();
        let calls = async {
            [
                w.torii.register_tenant(id, None).await.err(),
                w.torii.find_tenant(id).await.err(),
                w.torii.suspend_tenant(id).await.err(),
                w.torii.resume_tenant(id).await.err(),
                w.torii.purge_tenant(id).await.err(),
            ]
        };
        let (statements, answers) = w.statements_of(calls).await;
        for error in &answers {
            assert_invalid_id(error.as_ref(), id, &"the registry");
        }
        assert_eq!(statements.count(), 0, "{statements}");
    }
}

#[cfg(test)]
mod tests;
