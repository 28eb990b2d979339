use chrono::{DateTime, Utc};
use torii_core::{
    Error, Session, SessionToken, TenantId, UserId,
    crypto::TokenUse,
    error::{SessionError, StorageErrorKind, ValidationError},
    repositories::SessionRepository,
};

use crate::world::{EMAIL, Engine, World, kind};

pub(crate) async fn what_cannot_be_stored(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let unknown = SessionRepository::create(&w.storage, w.session_for(&UserId::new("nobody"))).await.unwrap_err();
        assert_eq!(kind(&unknown), Some(StorageErrorKind::ForeignKeyViolation));
        let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let twice = SessionRepository::create(&w.storage, session.clone()).await;
        assert!(matches!(twice, Err(Error::Session(SessionError::AlreadyExists))));
        for hash in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            let session = Session { token_hash: hash.to_owned(), ..session.clone().without_token() };
            let refused = SessionRepository::create(&w.storage, session).await;
            assert!(matches!(refused, Err(Error::Validation(ValidationError::InvalidField(_)))), "{hash}");
        }
        let elsewhere = w.storage.for_tenant(TenantId::from_static("elsewhere"));
        let foreign = SessionRepository::create(&elsewhere, w.session_for(&user.id)).await.unwrap_err();
        assert_eq!(kind(&foreign), Some(StorageErrorKind::ForeignKeyViolation));
    }
}

pub(crate) async fn a_session_known_by_its_digest(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let token = SessionToken::new_random();
        let hash = w.digest(TokenUse::Session, token.expose_secret()).to_hex().to_uppercase();
        let session = Session { token_hash: hash.clone(), ..w.session_for(&user.id).without_token() };
        let stored = SessionRepository::create(&w.storage, session).await.unwrap();
        assert_eq!(stored.token, None);
        assert_eq!(stored.token_hash, hash.to_lowercase());
        assert!(w.storage.find_by_token(&token).await.unwrap().is_some());
    }
}

pub(crate) async fn long_texts_and_far_times_are_cut(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let session = Session {
            user_agent: Some("ä".repeat(50_000)),
            ip_address: Some("1".repeat(100_000)),
            expires_at: DateTime::<Utc>::MAX_UTC,
            ..w.session_for(&user.id)
        };
        let stored = SessionRepository::create(&w.storage, session).await.unwrap();
        assert_eq!(stored.user_agent, Some("ä".repeat(512)));
        assert_eq!(stored.ip_address.as_ref().map(String::len), Some(64));
        let (_, found) = w.storage.find_with_user(stored.token.as_ref().unwrap()).await.unwrap().unwrap();
        assert_eq!(found.user_agent, stored.user_agent);
        assert_eq!(found.expires_at, stored.expires_at);
    }
}
