//! What belongs to one tenant is nothing in another. Every law of the testkit runs beside a neighbour; these laws put what is the
//! neighbour's own into every call.

use chrono::TimeDelta;
use secrecy::SecretString;
use torii::{Clock, OAuthIdentity, SessionToken, TokenPurpose, User};
use torii_core::{
    error::StorageErrorKind,
    lockout::LockoutLimits,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, PasswordRepository, SessionRepository,
        TokenRepository, UserRepository,
    },
    session::NewSession,
    token::NewToken,
};

use super::{
    ceremony::relying_party,
    expectation::{BASE, NEW_PASSWORD, assert_failed, assert_refused, assert_violation, is_alive},
};
use crate::{
    Provider,
    world::{
        CHALLENGE_ID, CREDENTIAL_ID, EMAIL, MAGIC_LINK, NEIGHBOUR_PASSWORD, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT,
        OTHER_EMAIL, PASSWORD, RESET_TOKEN, SESSION_TOKEN, VERIFICATION_TOKEN, WRONG_PASSWORD, World,
    },
};

/// The neighbour's mail tokens.
const MAIL_TOKENS: [(&str, TokenPurpose); 3] = [
    (MAGIC_LINK, TokenPurpose::MagicLink),
    (RESET_TOKEN, TokenPurpose::PasswordReset),
    (VERIFICATION_TOKEN, TokenPurpose::EmailVerification),
];

/// The neighbour's user with the address that everybody has.
async fn stranger<P: Provider>(w: &World<P>) -> User {
    w.neighbour.get_user_by_email(EMAIL).await.unwrap().expect("the neighbour is at home")
}

/// The id of a neighbour's user reads nothing here.
pub async fn foreign_user_id_reads_nothing<P: Provider>(w: &World<P>) {
    let stranger = stranger(w).await.id;
    w.register(EMAIL).await;
    assert_eq!(w.here.get_user(&stranger).await.unwrap(), None);
    assert!(w.here.list_user_sessions(&stranger).await.unwrap().is_empty());
    assert!(w.here.oauth().list_accounts_for_user(&stranger).await.unwrap().is_empty());
    assert!(w.here.passkey().get_user_credentials(&stranger).await.unwrap().is_empty());
    assert!(!w.here.password().has_password(&stranger).await.unwrap());
    assert!(w.provider.password().get_password_hash(&stranger).await.unwrap().is_none());
    assert!(w.provider.password().find_credentials_by_id(&stranger).await.unwrap().is_none());
}

/// The id of a neighbour's user can be given nothing here: no session, token, account, passkey or password.
pub async fn foreign_user_id_is_given_nothing<P: Provider>(w: &World<P>) {
    let stranger = stranger(w).await;
    let (id, here) = (&stranger.id, &w.here);
    w.register(OTHER_EMAIL).await;
    assert_violation(here.create_session(id, None, None).await, StorageErrorKind::ForeignKeyViolation);
    assert_refused(here.send_verification_email(id, BASE).await, "User not found");
    assert_refused(here.password().change_password(id, NEIGHBOUR_PASSWORD, NEW_PASSWORD).await, "User not found");
    assert_refused(here.oauth().link_account(id, OAUTH_PROVIDER, OAUTH_SUBJECT).await, "User not found");
    let rp = relying_party();
    assert_refused(here.passkey().start_registration(&rp, id).await, "User not found");
    let kept = here.passkey().register_credential(id, CREDENTIAL_ID.to_vec(), vec![1], None).await;
    assert_violation(kept, StorageErrorKind::ForeignKeyViolation);
    assert_failed(here.update_user(&User { name: None, ..stranger.clone() }).await, "Storage error: Record not found");
    here.set_user_email_verified(id).await.unwrap();
    here.password().set_password(id, NEW_PASSWORD).await.unwrap();

    let tokens = w.provider.token();
    for purpose in [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification] {
        assert!(tokens.create_token(id, purpose, TimeDelta::minutes(1)).await.is_err());
        let token = NewToken::random(purpose, w.clock.now() + TimeDelta::minutes(1));
        assert!(tokens.issue_for_user(id, &token).await.unwrap().is_none());
    }
    assert!(w.provider.oauth().create_account(OAUTH_PROVIDER, OAUTH_SUBJECT, id).await.is_err());
    w.provider.password().set_password_hash(id, "hash").await.unwrap();
    w.provider.user().mark_email_verified(id).await.unwrap();
    let hash = w.neighbour_provider().password().get_password_hash(id).await.unwrap().unwrap();
    w.provider.password().upgrade_hash(id, &hash, "hash").await.unwrap();
    let changed = w.provider.password().change_password(id, &hash, "hash", true).await.unwrap();
    assert!(!changed);
    let limits = LockoutLimits { max_failed_attempts: 1, lockout_period: TimeDelta::minutes(15) };
    assert!(w.provider.brute_force().reserve_attempt_for_user(id, limits).await.unwrap().is_none());
    assert_eq!(here.oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
    assert_eq!(here.count_users().await.unwrap(), 1);
}

/// The id of a neighbour's user deletes nothing here.
pub async fn foreign_user_id_deletes_nothing<P: Provider>(w: &World<P>) {
    let stranger = stranger(w).await.id;
    w.here.delete_sessions_for_user(&stranger).await.unwrap();
    w.here.passkey().delete_user_credentials(&stranger).await.unwrap();
    w.here.password().remove_password(&stranger).await.unwrap();
    // Nothing is left to sign in with where nothing ever was: either answer is fine, as long as nothing happens.
    let _ = w.here.oauth().unlink_account(&stranger, OAUTH_PROVIDER).await;
    w.provider.oauth().unlink_account(&stranger, OAUTH_PROVIDER).await.unwrap();
    w.here.delete_user(&stranger).await.unwrap();
    assert!(w.neighbour.get_user(&stranger).await.unwrap().is_some());
}

/// A neighbour's session token signs nobody in here, and cannot be refreshed or revoked from here.
pub async fn foreign_session_is_nothing<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let token = SessionToken::new(SESSION_TOKEN);
    assert!(w.neighbour.validate_session(&token).await.unwrap().is_some());
    assert!(w.here.validate_session(&token).await.unwrap().is_none());
    assert!(w.here.authenticate_session(&token).await.unwrap().is_none());
    assert_failed(w.here.get_session(&token).await, "Session not found");
    assert_failed(w.here.refresh_session(&token).await, "Session not found");
    w.here.delete_session(&token).await.unwrap();
    w.here.revoke_session(&token).await.unwrap();
    assert_eq!(w.provider.session().revoke(&token).await.unwrap(), None);
    assert!(w.neighbour.validate_session(&token).await.unwrap().is_some());
}

/// A neighbour's mail tokens are refused here and stay good there.
pub async fn foreign_mail_token_is_nothing<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    assert_refused(w.here.magic_link().authenticate(MAGIC_LINK, None, None).await, "Invalid magic token");
    assert!(!w.here.password().reset_password_verify_token(RESET_TOKEN).await.unwrap());
    assert_refused(
        w.here.password().reset_password_complete(RESET_TOKEN, NEW_PASSWORD).await,
        "Authentication error: Invalid credentials",
    );
    assert!(!w.here.check_email_verification_token(VERIFICATION_TOKEN).await.unwrap());
    assert!(w.here.verify_email_token(VERIFICATION_TOKEN).await.is_err());
    for (token, purpose) in MAIL_TOKENS {
        assert!(w.provider.token().verify_token(token, purpose).await.unwrap().is_none());
    }
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), Some(user));
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
}

/// A neighbour's OAuth state, challenge and passkey are unknown here, and cannot be taken or deleted from here.
pub async fn foreign_state_challenge_and_passkey_are_nothing<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
    assert_eq!(w.provider.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap(), None);
    w.provider.oauth().delete_pkce_verifier(OAUTH_STATE).await.unwrap();
    assert_eq!(w.provider.passkey().get_challenge(CHALLENGE_ID).await.unwrap(), None);
    assert_eq!(w.provider.passkey().take_challenge(CHALLENGE_ID).await.unwrap(), None);

    assert_eq!(w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
    assert_refused(w.here.passkey().authenticate(CREDENTIAL_ID, None, None).await, "Invalid passkey credential");
    assert_eq!(w.provider.passkey().record_use(CREDENTIAL_ID, Some(7)).await.unwrap(), None);
    w.provider.passkey().update_last_used(CREDENTIAL_ID).await.unwrap();
    w.here.passkey().delete_credential(CREDENTIAL_ID).await.unwrap();
}

/// The same state, challenge and credential id can be used here, beside the neighbour's.
pub async fn same_names_coexist<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let minute = TimeDelta::minutes(1);
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", minute).await.unwrap();
    w.provider.passkey().set_challenge(CHALLENGE_ID, "challenge", minute).await.unwrap();
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap();

    assert_eq!(w.here.passkey().authenticate(CREDENTIAL_ID, None, None).await.unwrap().0, user);
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), Some(user));
    assert_eq!(w.here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap().as_deref(), Some("verifier"));
    assert_eq!(w.provider.passkey().take_challenge(CHALLENGE_ID).await.unwrap().as_deref(), Some("challenge"));
}

/// A neighbour's identity and address are a stranger's here: whoever comes with them is somebody new.
pub async fn foreign_identity_is_somebody_new<P: Provider>(w: &World<P>) {
    let stranger = stranger(w).await;
    w.neighbour.set_user_email_verified(&stranger.id).await.unwrap();
    w.expect_neighbour_as_it_is_now().await;
    assert_eq!(w.here.oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT).await.unwrap(), None);
    assert_eq!(w.here.get_user_by_email(EMAIL).await.unwrap(), None);
    let identity = OAuthIdentity {
        provider: OAUTH_PROVIDER.into(),
        subject: OAUTH_SUBJECT.into(),
        email: EMAIL.into(),
        email_verified: Some(true),
        name: None,
    };
    let user = w.here.oauth().get_or_create_user_with(&identity).await.unwrap();
    assert_ne!(user.id, stranger.id);
    assert_eq!(&user.tenant_id, w.tenant());
    let token = w.here.magic_link().generate_token(OTHER_EMAIL).await.unwrap();
    assert!(w.neighbour.get_user(&token.user_id).await.unwrap().is_none());
    assert_eq!(w.here.count_users().await.unwrap(), 2);
}

/// A neighbour's password signs nobody in here, and the neighbour is not asked.
pub async fn foreign_password_is_wrong_here<P: Provider>(w: &World<P>) {
    let wrong = "Authentication error: Invalid credentials";
    assert_refused(w.here.authenticate(EMAIL, NEIGHBOUR_PASSWORD, None, None).await, wrong);
    w.register(EMAIL).await;
    assert_refused(w.here.authenticate(EMAIL, NEIGHBOUR_PASSWORD, None, None).await, wrong);
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
}

/// Wrong passwords next door lock nothing here, and those here lock nothing next door.
pub async fn foreign_lock_is_not_ours<P: Provider>(w: &World<P>) {
    w.register(OTHER_EMAIL).await;
    let there = w.neighbour.get_lockout_status(OTHER_EMAIL).await.unwrap();
    assert!(there.is_locked);
    let status = w.here.get_lockout_status(OTHER_EMAIL).await.unwrap();
    assert_eq!((status.is_locked, status.failed_attempts), (false, 0));
    assert!(w.here.authenticate(OTHER_EMAIL, PASSWORD, None, None).await.is_ok());
    assert!(!w.here.unlock_account(OTHER_EMAIL).await.unwrap());
    assert_eq!(w.provider.brute_force().clear_attempts(OTHER_EMAIL).await.unwrap(), 0);

    for _ in 0..5 {
        assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
    assert!(w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    let epoch = torii_core::clock::saturating_add(w.clock.now(), TimeDelta::MIN);
    let log = w.neighbour_provider().brute_force().get_attempt_stats(EMAIL, epoch).await.unwrap();
    assert_eq!(log.count, 0);
    assert_eq!(w.provider.brute_force().get_attempt_stats(OTHER_EMAIL, epoch).await.unwrap().count, 0);
}

/// The same text is another token in another tenant: what is stored differs, and each works where it was issued.
pub async fn same_token_is_stored_differently<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let neighbour = w.neighbour_provider();
    let there = neighbour.session().find_by_token(&SessionToken::new(SESSION_TOKEN)).await.unwrap().unwrap();

    let new = NewSession { user_agent: None, ip_address: None, lifetime: TimeDelta::hours(1) };
    let mut session = new.begin(w.tenant().clone(), user.id.clone(), w.clock.now());
    session.token = Some(SessionToken::new(SESSION_TOKEN));
    session.token_hash = there.token_hash.clone();
    let session = w.provider.session().create(session).await.unwrap();
    assert_ne!(session.token_hash, there.token_hash);
    assert!(is_alive(w, &session).await);
    let (signed_in, _) = w.here.authenticate_session(session.token.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(signed_in.id, user.id);
    w.here.delete_session(session.token.as_ref().unwrap()).await.unwrap();

    for (text, purpose) in MAIL_TOKENS {
        let expires_at = w.clock.now() + TimeDelta::hours(1);
        let token = NewToken { token: SecretString::from(text), purpose, expires_at };
        let issued = w.provider.token().issue_for_user(&user.id, &token).await.unwrap().unwrap();
        let stranger = stranger(w).await;
        let digest = torii_core::crypto::TokenDigest::new(
            torii_core::crypto::TokenUse::Mail(purpose),
            &stranger.tenant_id,
            text,
        );
        assert_ne!(issued.token.token_hash, digest.to_hex());
        let used = w.provider.token().verify_token(text, purpose).await.unwrap().unwrap();
        assert_eq!(used.user_id, user.id);
    }
}

/// What is stored of a session token, a mail token, a state and a challenge differs by tenant, even where the texts do not.
pub async fn same_secrets_are_stored_differently<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let now = w.clock.now();
    let new = NewSession { user_agent: None, ip_address: None, lifetime: TimeDelta::hours(1) };
    let mut session = new.begin(w.tenant().clone(), user.id.clone(), now);
    session.token = Some(SessionToken::new(SESSION_TOKEN));
    w.provider.session().create(session).await.unwrap();
    for (text, purpose) in MAIL_TOKENS {
        let token = NewToken { token: SecretString::from(text), purpose, expires_at: now + TimeDelta::hours(1) };
        w.provider.token().issue_for_user(&user.id, &token).await.unwrap();
    }
    w.here.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::hours(1)).await.unwrap();
    w.provider.passkey().set_challenge(CHALLENGE_ID, "challenge", TimeDelta::hours(1)).await.unwrap();

    assert_eq!(w.count("SELECT COUNT(DISTINCT token_digest) FROM sessions").await, 2);
    assert_eq!(w.count("SELECT COUNT(DISTINCT token_digest) FROM secure_tokens").await, 6);
    assert_eq!(w.count("SELECT COUNT(DISTINCT state_digest) FROM oauth_states").await, 2);
    assert_eq!(w.count("SELECT COUNT(DISTINCT challenge_id) FROM passkey_challenges").await, 2);
}

/// Lists and counts hold what is here, and nothing of the neighbour's.
pub async fn lists_and_counts_are_of_one_tenant<P: Provider>(w: &World<P>) {
    assert_eq!(w.here.count_users().await.unwrap(), 0);
    assert!(w.here.list_users().await.unwrap().is_empty());
    let user = w.register(EMAIL).await;
    assert_eq!(w.here.list_users().await.unwrap(), std::slice::from_ref(&user));
    let page = w.here.users_page(torii::PageRequest::default()).await.unwrap();
    assert_eq!((page.items, page.next), (vec![user.clone()], None));
    // A cursor from next door is only a place in the order.
    for stranger in w.neighbour.list_users().await.unwrap() {
        let request = torii::PageRequest::first(10).after(stranger.id.as_str());
        let page = w.here.users_page(request).await.unwrap();
        assert!(page.items.iter().all(|found| found == &user));
    }
    assert_eq!(w.here.count_users().await.unwrap(), 1);
    assert_eq!(w.neighbour.count_users().await.unwrap(), 2);
}

/// A user cannot take the id of a neighbour's user: the row is refused, and the neighbour keeps the id.
pub async fn foreign_user_id_cannot_be_taken<P: Provider>(w: &World<P>) {
    let stranger = stranger(w).await;
    let usurper = torii_core::NewUser::with_id(stranger.id.clone(), OTHER_EMAIL.into());
    assert!(w.provider.user().create(usurper.clone()).await.is_err());
    assert!(w.provider.user().register(usurper, "hash").await.is_err());
    assert_eq!(w.here.get_user(&stranger.id).await.unwrap(), None);
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}
