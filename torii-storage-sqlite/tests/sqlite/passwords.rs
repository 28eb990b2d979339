use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret;
use torii_core::{
    TokenPurpose, UserId,
    crypto::TokenUse,
    repositories::{
        BruteForceProtectionRepository, PasswordRepository, SessionRepository, TokenRepository, UserRepository,
    },
};

use crate::world::{EMAIL, LIMITS, World};

#[tokio::test]
async fn hashes_are_set_read_and_removed() {
    for w in World::both().await {
        let user = w.storage.find_or_create_by_email(EMAIL).await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
        w.storage.set_password_hash(&user.id, "one").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("one"));
        w.storage.upgrade_hash(&user.id, "other", "two").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("one"));
        w.storage.upgrade_hash(&user.id, "one", "two").await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("two"));
        let found = w.storage.find_credentials("Ann@EXAMPLE.com").await.unwrap().unwrap();
        assert_eq!(found.user.id, user.id);
        assert_eq!(found.password_hash.unwrap().expose_secret(), "two");
        w.storage.remove_password_hash(&user.id).await.unwrap();
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
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
    }
}

#[tokio::test]
async fn a_changed_password_ends_sessions_and_reset_tokens() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let hour = TimeDelta::hours(1);
        let reset = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, hour).await.unwrap();
        let link = w.storage.create_token(&user.id, TokenPurpose::MagicLink, hour).await.unwrap();

        assert!(!w.storage.change_password(&user.id, "not the hash", "new", true).await.unwrap());
        assert_eq!(w.storage.find_by_user_id(&user.id).await.unwrap().len(), 1, "nothing was written");
        assert!(w.storage.check_token(reset.token().unwrap(), TokenPurpose::PasswordReset).await.unwrap());

        let reserved = w.storage.reserve_attempt_for_user(&user.id, LIMITS).await.unwrap().unwrap();
        assert_eq!((reserved.number, reserved.credentials.unwrap().user.id), (1, user.id.clone()));
        assert!(w.storage.change_password(&user.id, "hash", "new", false).await.unwrap());
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap().unwrap().failures, 1, "left as it was");
        assert!(w.storage.change_password(&user.id, "new", "newer", true).await.unwrap());
        assert!(w.storage.find_lockout(EMAIL).await.unwrap().is_none());
        assert!(w.storage.change_password(&user.id, "newer", "new", true).await.unwrap());
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
        assert!(w.storage.find_by_user_id(&user.id).await.unwrap().is_empty());
        assert!(!w.storage.check_token(reset.token().unwrap(), TokenPurpose::PasswordReset).await.unwrap());
        assert!(w.storage.check_token(link.token().unwrap(), TokenPurpose::MagicLink).await.unwrap());
        assert!(!w.storage.change_password(&UserId::new("nobody"), "hash", "new", true).await.unwrap());
        assert!(w.storage.reserve_attempt_for_user(&UserId::new("nobody"), LIMITS).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_reset_replaces_everything_at_once() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        for _ in 0..5 {
            w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        }
        w.storage.record_failed_attempt(EMAIL, None).await.unwrap();
        let token = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, TimeDelta::hours(1)).await.unwrap();
        let text = token.token().unwrap();
        let reset = w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), text);
        let other = w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), "other");
        assert!(w.storage.complete_reset(&other, "new").await.unwrap().is_none());
        let neighbour = w.storage.for_tenant(torii_core::TenantId::from_static("neighbour"));
        assert!(neighbour.complete_reset(&reset, "new").await.unwrap().is_none());

        let owner = w.storage.complete_reset(&reset, "new").await.unwrap().unwrap();
        assert_eq!((owner.id, owner.locked_at), (user.id.clone(), None));
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
        assert!(w.storage.find_by_user_id(&user.id).await.unwrap().is_empty());
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap(), None);
        assert_eq!(w.storage.get_attempt_stats(EMAIL, DateTime::UNIX_EPOCH).await.unwrap().count, 0);
        assert!(w.storage.complete_reset(&reset, "again").await.unwrap().is_none(), "a token works once");

        let late = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, TimeDelta::hours(1)).await.unwrap();
        let late = w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), late.token().unwrap());
        w.clock.advance(TimeDelta::hours(1));
        assert!(w.storage.complete_reset(&late, "late").await.unwrap().is_none());
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("new"));
    }
}
