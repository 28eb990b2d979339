//! Laws of cost: how many statements an operation runs, by the driver's own log.

use chrono::TimeDelta;
use torii::{MetadataPatch, PageRequest, SessionToken, UserMetadata};
use torii_core::{NewUser, events::EventBus, repositories::UserRepository};

use super::expectation::{BASE, NEW_PASSWORD, text};
use crate::{
    Provider,
    world::{
        CREDENTIAL_ID, EMAIL, METADATA, OAUTH_PROVIDER, OAUTH_SUBJECT, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL,
        WRONG_PASSWORD, World,
    },
};

/// Runs an operation, expects a number of statements, and returns what it answered.
macro_rules! costs {
    ($world:ident, $operation:ident, $call:expr) => {{
        let (statements, result) = $world.statements_of($call).await;
        let budget = $world.budget.$operation;
        let operation = stringify!($operation);
        assert_eq!(statements.count(), budget, "{operation} may run {budget} statements, and ran\n{statements}");
        result
    }};
}

/// Registers the tenant with a first write, so that what is counted afterwards is the usual case.
async fn settle<P: Provider>(w: &World<P>) {
    w.provider.user().create(NewUser::new("first@example.com".into())).await.unwrap();
}

/// Reading a user by id or address is one statement.
pub async fn reading_a_user_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    assert!(costs!(w, read_by_id_or_email, w.here.get_user(&user.id)).unwrap().is_some());
    assert!(costs!(w, read_by_id_or_email, w.here.get_user_by_email(EMAIL)).unwrap().is_some());
    assert!(costs!(w, read_by_id_or_email, w.here.get_user_by_email(UNKNOWN_EMAIL)).unwrap().is_none());
    assert!(costs!(w, read_by_id_or_email, w.here.password().has_password(&user.id)).unwrap());
    assert_eq!(costs!(w, read_by_id_or_email, w.here.count_users()).unwrap(), 1);
    assert_eq!(costs!(w, read_by_id_or_email, w.here.list_users()).unwrap().len(), 1);
    assert!(costs!(w, read_by_id_or_email, w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT)).unwrap().is_none());
    assert!(costs!(w, read_by_id_or_email, w.here.passkey().get_credential(CREDENTIAL_ID)).unwrap().is_none());
    assert_eq!(costs!(w, read_by_id_or_email, w.here.get_lockout_status(EMAIL)).unwrap().failed_attempts, 0);
}

/// Checking a session is one statement, whether it is found or not, and one with its user.
pub async fn checking_a_session_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let session = costs!(w, session_create, w.here.create_session(&user.id, None, None)).unwrap();
    let token = session.token.unwrap();
    assert!(costs!(w, session_read, w.here.get_session(&token)).is_ok());
    assert!(costs!(w, session_read, w.here.validate_session(&token)).unwrap().is_some());
    assert!(costs!(w, session_with_user, w.here.authenticate_session(&token)).unwrap().is_some());
    let unknown = SessionToken::new("unknown");
    assert!(costs!(w, session_read, w.here.validate_session(&unknown)).unwrap().is_none());
    assert!(costs!(w, session_with_user, w.here.authenticate_session(&unknown)).unwrap().is_none());
    w.clock.advance(TimeDelta::days(31));
    assert!(costs!(w, session_read, w.here.get_session(&token)).is_err());
    assert!(costs!(w, session_with_user, w.here.authenticate_session(&token)).unwrap().is_none());
}

/// Listing, refreshing and revoking sessions are one statement each.
pub async fn managing_sessions_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (_, session) = w.sign_in(EMAIL).await;
    assert_eq!(costs!(w, session_list, w.here.list_user_sessions(&user.id)).unwrap().len(), 1);
    let session = costs!(w, session_refresh, w.here.refresh_session(session.token.as_ref().unwrap())).unwrap();
    costs!(w, session_revoke, w.here.revoke_session(session.token.as_ref().unwrap())).unwrap();
    let digest = &w.here.create_session(&user.id, None, None).await.unwrap().token_hash;
    assert!(costs!(w, session_revoke_of_user, w.here.revoke_listed_session(&user.id, digest)).unwrap());
    costs!(w, session_revoke_of_user, w.here.delete_sessions_for_user(&user.id)).unwrap();
}

/// Registering a user is one statement, one more the first time a tenant is seen, and a taken address costs little.
pub async fn registering_is_cheap<P: Provider>(w: &World<P>) {
    let (statements, first) = w.statements_of(w.here.register_user(EMAIL, PASSWORD)).await;
    first.unwrap();
    // The default tenant was registered with the schema. In any other one the first try writes nothing and is repeated.
    let budget = w.budget.register_new + if w.tenant().is_default() { 0 } else { w.budget.register_tenant };
    assert_eq!(statements.count(), budget, "the first registration ran\n{statements}");
    costs!(w, register_new, w.here.register_user(OTHER_EMAIL, PASSWORD)).unwrap();
    costs!(w, register_taken, w.here.register_user(EMAIL, PASSWORD)).unwrap();
}

/// What is refused for its form runs no statement.
pub async fn bad_input_costs_nothing<P: Provider>(w: &World<P>) {
    for (email, password) in [("john", PASSWORD), ("", PASSWORD), (EMAIL, "short"), (EMAIL, "")] {
        let (statements, refused) = w.statements_of(w.here.register_user(email, password)).await;
        refused.unwrap_err();
        assert_eq!(statements.count(), 0, "{statements}");
    }
}

/// Signing in with the right password reserves the attempt, begins the session and clears the count; a wrong password, an
/// unknown address and a user without a password cost the same. (Telling who listens costs a look at the count.)
pub async fn signing_in_is_cheap<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    settle(w).await;
    let here = w.here_with(|torii| torii.with_events(EventBus::new()));
    costs!(w, authenticate_right, here.authenticate(EMAIL, PASSWORD, None, None)).unwrap();
    for email in [EMAIL, UNKNOWN_EMAIL, "first@example.com"] {
        for attempt in 1..=7 {
            // The sixth attempt finds the lock.
            let refused = if attempt <= 5 {
                costs!(w, authenticate_wrong, here.authenticate(email, WRONG_PASSWORD, None, None))
            } else {
                costs!(w, authenticate_locked, here.authenticate(email, WRONG_PASSWORD, None, None))
            };
            refused.unwrap_err();
        }
    }
}

/// Changing a password is four statements; a wrong old one is counted and logged.
pub async fn changing_a_password_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    costs!(w, change_password, w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD)).unwrap();
    costs!(w, change_password_wrong, w.here.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD))
        .unwrap_err();
}

/// A password reset is issued with two statements, known address or not, and completed with five.
pub async fn resetting_a_password_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let token = costs!(w, reset_issue, w.here.password().issue_reset_token(EMAIL)).unwrap().unwrap();
    costs!(w, reset_issue, w.here.password().issue_reset_token(UNKNOWN_EMAIL)).unwrap();
    costs!(w, reset_issue, w.here.password().reset_password_initiate(UNKNOWN_EMAIL, BASE)).unwrap();
    assert!(costs!(w, reset_check, w.here.password().reset_password_verify_token(text(&token))).unwrap());
    costs!(w, reset_complete, w.here.password().reset_password_complete(text(&token), NEW_PASSWORD)).unwrap();
}

/// A magic link for a known address is issued with two statements and redeemed with three.
pub async fn magic_links_are_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    costs!(w, magic_link_issue, w.here.magic_link().send_link(EMAIL, BASE)).unwrap();
    let token = costs!(w, magic_link_issue, w.here.magic_link().generate_token(EMAIL)).unwrap();
    costs!(w, magic_link_redeem, w.here.magic_link().authenticate(text(&token), None, None)).unwrap();
}

/// A verification token is issued and redeemed with two statements each.
pub async fn verifying_an_address_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = costs!(w, verification_issue, w.here.send_verification_email(&user.id, BASE)).unwrap();
    costs!(w, verification_redeem, w.here.verify_email_token(text(&token))).unwrap();
}

/// Signing in with a known OAuth identity or passkey is two statements.
pub async fn known_identities_are_cheap<P: Provider>(w: &World<P>) {
    let sign_in = || w.here.oauth();
    let (user, _) = sign_in().authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None, None, None).await.unwrap();
    costs!(w, oauth_known, sign_in().authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, EMAIL, None, None, None)).unwrap();
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), b"a key".to_vec(), None).await.unwrap();
    costs!(w, passkey_known, w.here.passkey().authenticate(CREDENTIAL_ID, None, None)).unwrap();
}

/// Deleting a user is one statement, whatever the user has.
pub async fn deleting_a_user_is_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.sign_in(EMAIL).await;
    w.here.magic_link().generate_token(EMAIL).await.unwrap();
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();
    costs!(w, delete_user, w.here.delete_user(&user.id)).unwrap();
    assert!(w.here.list_users().await.unwrap().is_empty());
}

/// Reading, setting and finding metadata are one statement each, merging them two.
pub async fn metadata_are_cheap<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let metadata: UserMetadata = METADATA.parse().unwrap();
    let patch = MetadataPatch::new(serde_json::json!({"seats": 5})).unwrap();
    costs!(w, metadata_set, w.here.set_user_metadata(&user.id, &metadata)).unwrap();
    assert!(costs!(w, metadata_read, w.here.user_metadata(&user.id)).unwrap().is_some());
    costs!(w, metadata_merge, w.here.merge_user_metadata(&user.id, &patch)).unwrap();
    for (filter, hits) in [(&metadata, 1), (&UserMetadata::default(), 1), (&r#"{"plan":"free"}"#.parse().unwrap(), 0)] {
        let page = costs!(w, metadata_find, w.here.find_users_by_metadata(filter, PageRequest::default())).unwrap();
        assert_eq!(page.items.len(), hits);
    }
}
