use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    Error, Session, SessionToken, TenantId, UserId,
    crypto::TokenUse,
    error::{SessionError, StorageErrorKind, ValidationError},
    repositories::SessionRepository,
};

use crate::world::{EMAIL, Engine, World, kind};

pub(crate) async fn a_session_lives_and_ends(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let token = session.token.clone().unwrap();
        assert_eq!(&session.tenant_id, w.storage.tenant_id());
        assert_eq!(session.token_hash, w.digest(TokenUse::Session, token.expose_secret()).to_hex());
        let same = |found: &Session| {
            assert_eq!(found.token_hash, session.token_hash);
            assert_eq!(found.user_id, user.id);
            assert_eq!(found.tenant_id, session.tenant_id);
            assert_eq!(found.user_agent, session.user_agent);
            assert_eq!(
                (found.created_at, found.updated_at, found.expires_at),
                (session.created_at, session.updated_at, session.expires_at)
            );
        };
        let found = w.storage.find_by_token(&token).await.unwrap().unwrap();
        same(&found);
        assert_eq!(found.token, Some(token.clone()));
        let (owner, found) = w.storage.find_with_user(&token).await.unwrap().unwrap();
        same(&found);
        assert_eq!(owner, user);
        let listed = w.storage.find_by_user_id(&user.id).await.unwrap();
        assert_eq!(listed.len(), 1);
        same(&listed[0]);
        assert_eq!(listed[0].token, None);

        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert!(neighbour.find_by_token(&token).await.unwrap().is_none());
        assert_eq!(neighbour.revoke(&token).await.unwrap(), None);

        w.clock.advance(TimeDelta::days(30));
        w.storage.cleanup_expired().await.unwrap();
        assert!(w.storage.find_with_user(&token).await.unwrap().is_some(), "its last microsecond");
        w.clock.advance(TimeDelta::microseconds(1));
        assert!(w.storage.find_by_token(&token).await.unwrap().is_some(), "over, but still there");
        assert!(w.storage.find_with_user(&token).await.unwrap().is_none());
        assert_eq!(w.storage.revoke(&token).await.unwrap(), Some(user.id.clone()));
        assert_eq!(w.storage.revoke(&token).await.unwrap(), None);
        SessionRepository::delete(&w.storage, &token).await.unwrap();
        assert!(w.storage.find_by_token(&token).await.unwrap().is_none());
    }
}

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

pub(crate) async fn sessions_are_refreshed_under_a_new_token(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let old = session.token.clone().unwrap();
        w.clock.advance(TimeDelta::days(1));
        let shorter = w.storage.refresh(&old, TimeDelta::days(1)).await.unwrap();
        assert_eq!(shorter.expires_at, session.expires_at, "never an earlier end");
        assert_eq!((shorter.created_at, shorter.updated_at), (session.created_at, w.now()));
        assert!(w.storage.find_by_token(&old).await.unwrap().is_none());
        let longer = w.storage.refresh(shorter.token.as_ref().unwrap(), TimeDelta::days(30)).await.unwrap();
        assert_eq!(longer.expires_at, w.now() + TimeDelta::days(30));
        let latest = w.now() + TimeDelta::days(2);
        let capped =
            w.storage.refresh_until(longer.token.as_ref().unwrap(), TimeDelta::days(60), Some(latest)).await.unwrap();
        assert_eq!(capped.expires_at, latest, "the old end is capped too");
        let token = capped.token.unwrap();
        assert_eq!(w.storage.find_with_user(&token).await.unwrap().unwrap().1.expires_at, latest);
        w.clock.advance(TimeDelta::days(3));
        for gone in [&old, &token] {
            let refused = w.storage.refresh(gone, TimeDelta::days(1)).await;
            assert!(matches!(refused, Err(Error::Session(SessionError::NotFound))));
        }
    }
}

pub(crate) async fn all_sessions_of_a_user_end_together(engine: Engine) {
    for w in World::both(engine).await {
        let (ann, bob) = (w.register(EMAIL).await, w.register("bob@example.com").await);
        for number in 0..3 {
            w.clock.advance(TimeDelta::seconds(1));
            let agent = Some(format!("agent {number}"));
            SessionRepository::create(&w.storage, Session { user_agent: agent, ..w.session_for(&ann.id) })
                .await
                .unwrap();
        }
        SessionRepository::create(&w.storage, w.session_for(&bob.id)).await.unwrap();
        let agents: Vec<_> =
            w.storage.find_by_user_id(&ann.id).await.unwrap().into_iter().filter_map(|s| s.user_agent).collect();
        assert_eq!(agents, ["agent 2", "agent 1", "agent 0"], "newest first");
        w.storage.delete_by_user_id(&ann.id).await.unwrap();
        assert!(w.storage.find_by_user_id(&ann.id).await.unwrap().is_empty());
        assert_eq!(w.storage.find_by_user_id(&bob.id).await.unwrap().len(), 1);
    }
}
