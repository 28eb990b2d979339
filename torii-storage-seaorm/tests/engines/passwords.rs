use chrono::TimeDelta;
use secrecy::ExposeSecret;
use torii_core::{
    Error, TenantError, TenantStatus, TokenPurpose, UserId,
    crypto::{TokenDigest, TokenUse},
    repositories::{PasswordRepository, SessionRepository, TenantRepository, TokenRepository, UserRepository},
};

use crate::world::{EMAIL, Engine, World};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Counts an attempt on every address, locks every user by hand, and gives everybody with a mail token a passkey and an account.
const ATTEMPTS_AND_WAYS_IN: [&str; 5] = [
    "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) \
     SELECT tenant_id, email_key, 1, created_at FROM users",
    "INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) SELECT tenant_id, email_key, created_at FROM users",
    "UPDATE users SET locked_at = created_at",
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
     SELECT tenant_id, token_digest, user_id, token_digest, created_at, created_at FROM secure_tokens",
    "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     SELECT tenant_id, 'github', user_id, user_id, created_at, created_at FROM secure_tokens",
];

pub(crate) async fn hashes_are_set_read_and_removed(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.storage.find_or_create_by_email(EMAIL).await.unwrap();
        w.storage.remove_password_hash(&user.id).await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
        w.clock.advance(TimeDelta::seconds(1));
        w.storage.set_password_hash(&user.id, "one").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("one"));
        w.clock.advance(TimeDelta::seconds(1));
        w.storage.upgrade_hash(&user.id, "One", "two").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("one"));
        w.storage.upgrade_hash(&user.id, "one", "two").await.unwrap();
        let found = w.storage.find_credentials("Ann@EXAMPLE.com").await.unwrap().unwrap();
        assert_eq!((found.user.id, found.user.updated_at), (user.id.clone(), w.now() - TimeDelta::seconds(1)));
        assert_eq!(found.password_hash.unwrap().expose_secret(), "two");
        let found = w.storage.find_credentials_by_id(&user.id).await.unwrap().unwrap();
        assert_eq!(found.password_hash.unwrap().expose_secret(), "two");
        w.storage.set_password_hash(&user.id, "").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None, "an empty text is no hash");
        assert!(w.storage.find_credentials(EMAIL).await.unwrap().unwrap().password_hash.is_none());

        let nobody = UserId::new("nobody");
        w.storage.set_password_hash(&nobody, "one").await.unwrap();
        w.storage.remove_password_hash(&nobody).await.unwrap();
        w.storage.upgrade_hash(&nobody, "one", "two").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&nobody).await.unwrap(), None);
        assert!(w.storage.find_credentials("nobody@example.com").await.unwrap().is_none());
        assert!(w.storage.find_credentials_by_id(&nobody).await.unwrap().is_none());
        let neighbour = w.storage.for_tenant(torii_core::TenantId::from_static("neighbour"));
        neighbour.set_password_hash(&user.id, "theirs").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
    }
}

pub(crate) async fn a_changed_password_ends_sessions_and_reset_tokens(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let reset = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
        let link = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        for statement in &ATTEMPTS_AND_WAYS_IN[..2] {
            w.execute(statement).await;
        }
        let counters = w.count("SELECT COUNT(*) FROM lockouts").await;

        assert!(!w.storage.change_password(&user.id, "not the hash", "new", true).await.unwrap());
        assert_eq!(w.storage.find_by_user_id(&user.id).await.unwrap().len(), 1, "nothing was written");
        assert!(w.storage.check_token(reset.token().unwrap(), TokenPurpose::PasswordReset).await.unwrap());

        assert!(w.storage.change_password(&user.id, "hash", "new", false).await.unwrap());
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
        assert!(w.storage.find_by_user_id(&user.id).await.unwrap().is_empty());
        assert!(!w.storage.check_token(reset.token().unwrap(), TokenPurpose::PasswordReset).await.unwrap());
        assert!(w.storage.check_token(link.token().unwrap(), TokenPurpose::MagicLink).await.unwrap());
        assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, counters, "left as they were");

        // To the same hash too.
        assert!(w.storage.change_password(&user.id, "new", "new", true).await.unwrap());
        assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, counters - 1);
        assert_eq!(w.count("SELECT COUNT(*) FROM failed_login_attempts").await, counters - 1);
        assert!(!w.storage.change_password(&UserId::new("nobody"), "hash", "new", true).await.unwrap());
    }
}

pub(crate) async fn a_reset_replaces_everything_at_once(engine: Engine) {
    for proven in [false, true] {
        for w in World::both(engine).await {
            let user = w.register(EMAIL).await;
            if proven {
                w.storage.mark_email_verified(&user.id).await.unwrap();
            }
            SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
            let token = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
            for statement in ATTEMPTS_AND_WAYS_IN {
                w.execute(statement).await;
            }
            let counters = w.count("SELECT COUNT(*) FROM lockouts").await;
            let reset = reset_digest(&w, token.token().unwrap());
            let other = reset_digest(&w, "other");
            assert!(w.storage.complete_reset(&other, "new").await.unwrap().is_none());
            let neighbour = w.storage.for_tenant(torii_core::TenantId::from_static("neighbour"));
            assert!(neighbour.complete_reset(&reset, "new").await.unwrap().is_none());
            assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, counters);

            w.clock.advance(TimeDelta::microseconds(1));
            let owner = w.storage.complete_reset(&reset, "new").await.unwrap().unwrap();
            assert_eq!((&owner.id, owner.locked_at, owner.updated_at), (&user.id, None, w.now()));
            assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(owner));
            assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
            assert!(w.storage.find_by_user_id(&user.id).await.unwrap().is_empty());
            assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, counters - 1);
            assert_eq!(w.count("SELECT COUNT(*) FROM failed_login_attempts").await, counters - 1);
            assert_eq!(w.count("SELECT COUNT(*) FROM passkeys").await, i64::from(proven));
            assert_eq!(w.count("SELECT COUNT(*) FROM oauth_accounts").await, i64::from(proven));
            assert!(w.storage.complete_reset(&reset, "again").await.unwrap().is_none(), "a token works once");

            let late = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
            let late = reset_digest(&w, late.token().unwrap());
            w.clock.advance(HOUR);
            assert!(w.storage.complete_reset(&late, "late").await.unwrap().is_none());
            assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
        }
    }
}

pub(crate) async fn a_suspended_tenant_sets_no_password_and_takes_no_token(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let token = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
        let text = token.token().unwrap();
        let reset = reset_digest(&w, text);
        w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        let new = torii_core::token::NewToken::random(TokenPurpose::PasswordReset, w.now() + HOUR);
        for refused in [
            w.storage.set_password_hash(&user.id, "new").await.unwrap_err(),
            w.storage.upgrade_hash(&user.id, "hash", "new").await.unwrap_err(),
            w.storage.change_password(&user.id, "hash", "new", true).await.unwrap_err(),
            w.storage.complete_reset(&reset, "new").await.unwrap_err(),
            w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap_err(),
            w.storage.issue_for_email(EMAIL, &new).await.unwrap_err(),
            w.storage.issue_for_email("nobody@example.com", &new).await.unwrap_err(),
            w.storage.issue_for_user(&user.id, &new).await.unwrap_err(),
            w.storage.verify_token(text, TokenPurpose::PasswordReset).await.unwrap_err(),
            w.storage.redeem_magic_link(&reset, &|_: &UserId| None).await.unwrap_err(),
            w.storage.redeem_email_verification(&reset).await.unwrap_err(),
        ] {
            assert!(matches!(refused, Error::Tenant(TenantError::Suspended { .. })), "{refused}");
        }
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
        assert!(w.storage.find_credentials(EMAIL).await.unwrap().is_none());
        assert!(!w.storage.check_token(text, TokenPurpose::PasswordReset).await.unwrap());

        w.storage.set_tenant_status(TenantStatus::Active).await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
        assert!(w.storage.check_token(text, TokenPurpose::PasswordReset).await.unwrap());
        // What is taken away is taken away whatever the status.
        w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        w.storage.remove_password_hash(&user.id).await.unwrap();
        w.storage.set_tenant_status(TenantStatus::Active).await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
    }
}

fn reset_digest(w: &World, token: &str) -> TokenDigest {
    w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), token)
}
