//! A flow that fails half-way leaves nothing behind. Triggers play the part of a disk that fails at that statement.

use chrono::TimeDelta;
use torii_core::{
    NewUser, TokenPurpose, User, UserId,
    crypto::{TokenDigest, TokenUse},
    oauth::OAuthIdentity,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasswordRepository, SessionRepository, TokenRepository,
        UserRepository,
    },
};

use crate::world::{EMAIL, LIMITS, World};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// A trigger that refuses a statement, and how to remove it. Each has a name of its own: a connection that has not seen yet
/// that another one removed a trigger refuses a new one of the same name.
struct Obstacle {
    raise: &'static str,
    lift: &'static str,
}

macro_rules! obstacle {
    ($name:literal $when:literal) => {
        Obstacle {
            raise: concat!("CREATE TRIGGER ", $name, " ", $when, " BEGIN SELECT RAISE(ABORT, 'refused'); END"),
            lift: concat!("DROP TRIGGER ", $name),
        }
    };
}

const REFUSE_SESSIONS: Obstacle = obstacle!("refuse_sessions" "BEFORE INSERT ON sessions");
const KEEP_SESSIONS: Obstacle = obstacle!("keep_sessions" "BEFORE DELETE ON sessions");
const KEEP_LOCKOUTS: Obstacle = obstacle!("keep_lockouts" "BEFORE DELETE ON lockouts");
const KEEP_TOKENS: Obstacle = obstacle!("keep_tokens" "BEFORE DELETE ON secure_tokens");
const KEEP_USERS: Obstacle = obstacle!("keep_users" "BEFORE UPDATE ON users");
const REFUSE_USERS: Obstacle = obstacle!("refuse_users" "AFTER INSERT ON users");
const REFUSE_ACCOUNTS: Obstacle = obstacle!("refuse_accounts" "BEFORE INSERT ON oauth_accounts");

async fn token(w: &World, user: &User, purpose: TokenPurpose) -> TokenDigest {
    let token = w.storage.create_token(&user.id, purpose, HOUR).await.unwrap();
    w.digest(TokenUse::Mail(purpose), token.token().unwrap())
}

#[tokio::test]
async fn registration() {
    for w in World::both().await {
        let before = w.count("SELECT COUNT(*) FROM users").await;
        w.execute(REFUSE_USERS.raise).await;
        w.storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap_err();
        w.execute(REFUSE_USERS.lift).await;
        assert_eq!(w.count("SELECT COUNT(*) FROM users").await, before);
        w.register(EMAIL).await;
    }
}

#[tokio::test]
async fn a_magic_link() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let link = token(&w, &user, TokenPurpose::MagicLink).await;
        let begin = |id: &UserId| Some(w.session_for(id));
        w.execute(REFUSE_SESSIONS.raise).await;
        w.storage.redeem_magic_link(&link, &begin).await.unwrap_err();
        w.execute(REFUSE_SESSIONS.lift).await;
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(user));
        assert!(w.storage.redeem_magic_link(&link, &begin).await.unwrap().is_some(), "the link is not burnt");
    }
}

#[tokio::test]
async fn a_verification() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let digest = token(&w, &user, TokenPurpose::EmailVerification).await;
        w.execute(KEEP_USERS.raise).await;
        w.storage.redeem_email_verification(&digest).await.unwrap_err();
        w.execute(KEEP_USERS.lift).await;
        assert!(w.storage.redeem_email_verification(&digest).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_password_reset() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        w.storage.count_failure(EMAIL, LIMITS).await.unwrap();
        let digest = token(&w, &user, TokenPurpose::PasswordReset).await;
        for obstacle in [KEEP_SESSIONS, KEEP_LOCKOUTS, KEEP_USERS] {
            w.execute(obstacle.raise).await;
            w.storage.complete_reset(&digest, "new").await.unwrap_err();
            w.execute(obstacle.lift).await;
            assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
            assert_eq!(w.storage.find_by_user_id(&user.id).await.unwrap().len(), 1);
        }
        assert!(w.storage.complete_reset(&digest, "new").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_change_of_password() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        w.execute(KEEP_SESSIONS.raise).await;
        w.storage.change_password(&user.id, "hash", "new", true).await.unwrap_err();
        w.execute(KEEP_SESSIONS.lift).await;
        assert_eq!(w.storage.get_password_hash(&user.id).await.unwrap().as_deref(), Some("hash"));
    }
}

#[tokio::test]
async fn a_sign_in() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        w.storage.count_failure(EMAIL, LIMITS).await.unwrap();
        w.execute(KEEP_LOCKOUTS.raise).await;
        w.storage.create_and_clear_attempts(w.session_for(&user.id), EMAIL).await.unwrap_err();
        w.execute(KEEP_LOCKOUTS.lift).await;
        assert!(w.storage.find_by_user_id(&user.id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn issuing_a_token() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let first = token(&w, &user, TokenPurpose::PasswordReset).await;
        w.execute(KEEP_TOKENS.raise).await;
        w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap_err();
        w.execute(KEEP_TOKENS.lift).await;
        assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens").await, 1);
        assert!(w.storage.complete_reset(&first, "new").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_change_of_address() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let digest = token(&w, &user, TokenPurpose::PasswordReset).await;
        w.execute(KEEP_USERS.raise).await;
        w.storage.update(&User { email: "new@example.com".into(), ..user }).await.unwrap_err();
        w.execute(KEEP_USERS.lift).await;
        assert!(w.storage.complete_reset(&digest, "new").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_oauth_sign_up() {
    for w in World::both().await {
        let identity = OAuthIdentity {
            provider: "github".into(),
            subject: "1".into(),
            email: EMAIL.into(),
            email_verified: Some(true),
            name: None,
        };
        w.execute(REFUSE_ACCOUNTS.raise).await;
        w.storage.resolve_identity(&identity, NewUser::new(EMAIL.into())).await.unwrap_err();
        w.execute(REFUSE_ACCOUNTS.lift).await;
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap(), None, "no half account");
    }
}

/// A caller that gives up in the middle leaves neither a transaction open nor the turn to write taken.
#[tokio::test]
async fn a_call_that_is_dropped() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    for polls in 0..40 {
        let link = token(&w, &user, TokenPurpose::MagicLink).await;
        let begin = |id: &UserId| Some(w.session_for(id));
        let redeem = w.storage.redeem_magic_link(&link, &begin);
        let given_up = give_up_after(polls, redeem).await;
        let works = w.storage.redeem_magic_link(&link, &begin).await.unwrap().is_some();
        let sessions = w.storage.find_by_user_id(&user.id).await.unwrap().len();
        w.storage.delete_by_user_id(&user.id).await.unwrap();
        assert_eq!(sessions, 1, "consumed and signed in together, {given_up}, {works}");
    }
}

/// Drops `call` after it was polled `polls` times, or earlier when it is done. Says which.
async fn give_up_after<T>(polls: usize, call: impl Future<Output = T>) -> &'static str {
    let mut call = Box::pin(call);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return std::task::Poll::Ready("dropped");
        }
        left -= 1;
        call.as_mut().poll(context).map(|_| "done")
    })
    .await
}
