use chrono::TimeDelta;
use secrecy::ExposeSecret;
use torii_core::{
    Error, NewUser, TenantError, TenantId, TokenPurpose, UserId,
    crypto::TokenUse,
    error::{SessionError, StorageErrorKind},
    repositories::{PasswordRepository, SessionRepository, TokenRepository, UserRepository},
    token::NewToken,
};

use crate::world::{EMAIL, Engine, World, kind};

const HOUR: TimeDelta = TimeDelta::hours(1);

pub(crate) async fn a_token_works_once(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let token = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        let text = token.token().unwrap();
        assert!(token.verify(text));
        assert_eq!(&token.tenant_id, w.storage.tenant_id());
        assert_eq!((token.created_at, token.expires_at), (w.now(), w.now() + HOUR));
        assert!(w.storage.check_token(text, TokenPurpose::MagicLink).await.unwrap());
        assert!(!w.storage.check_token(text, TokenPurpose::PasswordReset).await.unwrap());
        assert!(w.storage.verify_token(text, TokenPurpose::PasswordReset).await.unwrap().is_none());
        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert!(neighbour.verify_token(text, TokenPurpose::MagicLink).await.unwrap().is_none());

        w.clock.advance(HOUR - TimeDelta::microseconds(1));
        let used = w.storage.verify_token(text, TokenPurpose::MagicLink).await.unwrap().unwrap();
        assert_eq!((used.used_at, used.updated_at, used.created_at), (Some(w.now()), w.now(), token.created_at));
        assert_eq!((&used.token_hash, &used.user_id, used.purpose), (&token.token_hash, &user.id, token.purpose));
        assert_eq!((&used.tenant_id, used.expires_at, used.token()), (&token.tenant_id, token.expires_at, None));
        assert!(used.verify(text));
        assert!(w.storage.verify_token(text, TokenPurpose::MagicLink).await.unwrap().is_none());
        assert!(!w.storage.check_token(text, TokenPurpose::MagicLink).await.unwrap());

        let late = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        w.clock.advance(HOUR);
        assert!(w.storage.verify_token(late.token().unwrap(), TokenPurpose::MagicLink).await.unwrap().is_none());
        w.storage.cleanup_expired_tokens().await.unwrap();
        assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens").await, 0);
        let unknown = w.storage.create_token(&UserId::new("nobody"), TokenPurpose::MagicLink, HOUR).await.unwrap_err();
        assert_eq!(kind(&unknown), Some(StorageErrorKind::ForeignKeyViolation));
        let strict = w.storage.clone().registered_tenants_only(true).for_tenant(TenantId::from_static("unknown"));
        let refused = strict.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap_err();
        assert!(matches!(refused, Error::Tenant(TenantError::NotRegistered { .. })), "{refused}");
    }
}

pub(crate) async fn issuing_voids_the_tokens_before(engine: Engine) {
    for w in World::both(engine).await {
        let new = NewUser { name: Some("Ann".into()), ..NewUser::new(EMAIL.into()) };
        let user = UserRepository::create(&w.storage, new).await.unwrap();
        let reset = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
        let first = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
        let issued = w.storage.issue_for_email("ANN@example.com", &first).await.unwrap().unwrap();
        assert_eq!((issued.email.as_str(), issued.name.as_deref()), (EMAIL, Some("Ann")));
        assert_eq!((&issued.token.user_id, issued.token.expires_at), (&user.id, first.expires_at));
        assert_eq!(issued.token.token(), Some(first.token.expose_secret()));
        assert!(issued.token.verify(first.token.expose_secret()));
        let second = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
        let issued = w.storage.issue_for_user(&user.id, &second).await.unwrap().unwrap();
        assert_eq!((issued.email.as_str(), issued.token.user_id), (EMAIL, user.id));
        let works = async |token: &str, purpose| w.storage.check_token(token, purpose).await.unwrap();
        assert!(!works(first.token.expose_secret(), TokenPurpose::MagicLink).await);
        assert!(works(second.token.expose_secret(), TokenPurpose::MagicLink).await);
        assert!(works(reset.token().unwrap(), TokenPurpose::PasswordReset).await, "another purpose is left alone");

        let third = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
        assert_eq!(w.storage.issue_for_email("nobody@example.com", &third).await.unwrap(), None);
        assert_eq!(w.storage.issue_for_user(&UserId::new("nobody"), &third).await.unwrap(), None);
        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert_eq!(neighbour.issue_for_email(EMAIL, &third).await.unwrap(), None);
        assert!(works(second.token.expose_secret(), TokenPurpose::MagicLink).await);
    }
}

/// As two that are issued at the same moment may be left by another crate.
pub(crate) async fn of_two_tokens_the_newer_one_works(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let older = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        // Away while the newer one is issued, which deletes what is there.
        w.execute("UPDATE secure_tokens SET purpose = 'password_reset'").await;
        w.clock.advance(TimeDelta::microseconds(1));
        let newer = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        w.execute("UPDATE secure_tokens SET purpose = 'magic_link'").await;
        let (older, newer) = (older.token().unwrap(), newer.token().unwrap());
        let link = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), older);
        for _ in 0..2 {
            assert!(!w.storage.check_token(older, TokenPurpose::MagicLink).await.unwrap());
            assert!(w.storage.verify_token(older, TokenPurpose::MagicLink).await.unwrap().is_none());
            assert!(w.storage.redeem_magic_link(&link, &|_: &UserId| None).await.unwrap().is_none());
            // The second time it is used.
            w.storage.verify_token(newer, TokenPurpose::MagicLink).await.unwrap();
        }
    }
}

pub(crate) async fn a_magic_link_signs_in_and_proves_the_address(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let token = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        w.execute(
            "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
             SELECT tenant_id, token_digest, user_id, token_digest, created_at, created_at FROM secure_tokens",
        )
        .await;
        let link = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), token.token().unwrap());
        w.clock.advance(TimeDelta::seconds(1));
        let begin = |id: &UserId| Some(w.session_for(id));
        let (owner, session) = w.storage.redeem_magic_link(&link, &begin).await.unwrap().unwrap();
        let session = session.unwrap();
        assert_eq!((&owner.id, owner.email_verified_at, owner.updated_at), (&user.id, Some(w.now()), w.now()));
        // Whoever chose the password and signed in before had not proven the address.
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap(), None);
        assert_eq!(w.count("SELECT COUNT(*) FROM passkeys").await, 0);
        let sessions = w.storage.find_by_user_id(&user.id).await.unwrap();
        assert_eq!(sessions.iter().map(|s| &s.token_hash).collect::<Vec<_>>(), [&session.token_hash]);
        assert_eq!(w.storage.find_with_user(session.token.as_ref().unwrap()).await.unwrap().unwrap().0, owner);
        assert!(w.storage.redeem_magic_link(&link, &begin).await.unwrap().is_none());

        // From now on nothing of the user's is touched, even at the very time of the verification.
        w.storage.set_password_hash(&user.id, "hash").await.unwrap();
        let token = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        let link = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), token.token().unwrap());
        // Nothing at all is written when the session cannot be.
        let taken = |_: &UserId| Some(session.clone());
        let refused = w.storage.redeem_magic_link(&link, &taken).await.unwrap_err();
        assert!(matches!(refused, Error::Session(SessionError::AlreadyExists)), "{refused}");
        let (again, none) = w.storage.redeem_magic_link(&link, &|_: &UserId| None).await.unwrap().unwrap();
        assert!(none.is_none());
        assert_eq!(again, owner);
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
        assert_eq!(w.storage.find_by_user_id(&user.id).await.unwrap().len(), 1);
    }
}

pub(crate) async fn a_verification_token_proves_the_address(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let token = w.storage.create_token(&user.id, TokenPurpose::EmailVerification, HOUR).await.unwrap();
        let digest = w.digest(TokenUse::Mail(TokenPurpose::EmailVerification), token.token().unwrap());
        assert!(w.storage.redeem_magic_link(&digest, &|_: &UserId| None).await.unwrap().is_none());
        w.clock.advance(TimeDelta::seconds(1));
        let verified = w.storage.redeem_email_verification(&digest).await.unwrap().unwrap();
        assert_eq!((&verified.id, verified.email_verified_at), (&user.id, Some(w.now())));
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(verified));
        assert!(w.storage.redeem_email_verification(&digest).await.unwrap().is_none());
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
    }
}
