//! Eight callers at once, twenty rounds, on a file.

use std::{collections::HashSet, future::Future, sync::Arc};

use chrono::TimeDelta;
use tokio::{sync::Barrier, task::JoinSet};
use torii_core::{
    NewUser, TenantId, TokenPurpose,
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, SessionRepository, TenantRepository,
        TokenRepository, Unlinked, UserRepository,
    },
};
use torii_storage_sqlite::SqliteRepositoryProvider;

use crate::world::{EMAIL, LIMITS, World};

const CALLERS: usize = 8;
const ROUNDS: usize = 20;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What `callers` get who start at the same moment.
async fn at_once<F, T>(
    storage: &SqliteRepositoryProvider,
    callers: usize,
    call: impl Fn(SqliteRepositoryProvider, usize) -> F,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let gate = Arc::new(Barrier::new(callers));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (gate, call) = (Arc::clone(&gate), call(storage.clone(), caller));
        tasks.spawn(async move {
            gate.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

fn winners<T>(answers: Vec<Option<T>>) -> usize {
    answers.into_iter().flatten().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn single_use_things_are_used_once() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        for _ in 0..ROUNDS {
            let token = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
            let text: Arc<str> = token.token().unwrap().into();
            let answers = at_once(&w.storage, CALLERS, |storage, _| {
                let text = Arc::clone(&text);
                async move { storage.verify_token(&text, TokenPurpose::MagicLink).await.unwrap() }
            });
            assert_eq!(winners(answers.await), 1, "verify_token");

            w.storage.store_pkce_verifier("state", "verifier", HOUR).await.unwrap();
            let answers =
                at_once(
                    &w.storage,
                    CALLERS,
                    |storage, _| async move { storage.take_pkce_verifier("state").await.unwrap() },
                );
            assert_eq!(winners(answers.await), 1, "take_pkce_verifier");

            w.storage.set_challenge("id", "challenge", HOUR).await.unwrap();
            let answers =
                at_once(&w.storage, CALLERS, |storage, _| async move { storage.take_challenge("id").await.unwrap() });
            assert_eq!(winners(answers.await), 1, "take_challenge");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_guesses_does_not_get_past_the_limit() {
    for w in World::both().await {
        for round in 0..ROUNDS {
            let email = format!("{round}@example.com");
            let numbers = at_once(&w.storage, 40, |storage, _| {
                let email = email.clone();
                async move { storage.reserve_attempt(&email, LIMITS).await.unwrap().number }
            });
            let admitted = numbers.await.into_iter().filter(|number| *number <= LIMITS.max_failed_attempts).count();
            assert_eq!(admitted, 5);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_for_one_address_get_one_user() {
    for w in World::both().await {
        for round in 0..ROUNDS {
            let email = format!("{round}@example.com");
            let ids = at_once(&w.storage, CALLERS, |storage, _| {
                let email = email.clone();
                async move { storage.find_or_create_by_email(&email).await.unwrap().id }
            });
            assert_eq!(ids.await.into_iter().collect::<HashSet<_>>().len(), 1, "find_or_create_by_email");

            let email = format!("registered {round}@example.com");
            let created = at_once(&w.storage, CALLERS, |storage, _| {
                let new = NewUser::new(email.clone());
                async move { storage.register(new, "hash").await.unwrap().is_created() }
            });
            assert_eq!(created.await.into_iter().filter(|created| *created).count(), 1, "register");

            let identity = OAuthIdentity {
                provider: "github".into(),
                subject: round.to_string(),
                email: format!("oauth {round}@example.com"),
                email_verified: None,
                name: None,
            };
            let resolutions = at_once(&w.storage, CALLERS, |storage, _| {
                let (identity, new) = (identity.clone(), NewUser::new(identity.email.clone()));
                async move { storage.resolve_identity(&identity, new).await.unwrap() }
            })
            .await;
            let created = resolutions.iter().filter(|r| matches!(r, OAuthResolution::Created(_))).count();
            let known = resolutions.iter().filter(|r| matches!(r, OAuthResolution::Known(_))).count();
            assert_eq!((created, known), (1, CALLERS - 1), "resolve_identity");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_unlinking_leaves_one_way() {
    for w in World::both().await {
        for round in 0..ROUNDS {
            let user = w.storage.find_or_create_by_email(&format!("{round}@example.com")).await.unwrap();
            for caller in 0..CALLERS {
                w.storage.link_account(&user.id, &format!("provider {caller}"), &round.to_string()).await.unwrap();
            }
            let answers = at_once(&w.storage, CALLERS, |storage, caller| {
                let id = user.id.clone();
                async move {
                    let provider = format!("provider {caller}");
                    storage.unlink_account_unless_last(&id, &provider, true, true).await.unwrap()
                }
            });
            let done = answers.await.into_iter().filter(|answer| *answer == Unlinked::Done).count();
            assert_eq!(done, CALLERS - 1);
            assert_eq!(w.storage.find_accounts_by_user_id(&user.id).await.unwrap().len(), 1);
        }
    }
}

/// A thousand tenants nobody has registered, a user in each, while sessions are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tenants_register_at_once() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
    let token = session.token.unwrap();
    let created = at_once(&w.storage, 1000, |storage, number| {
        let storage = storage.for_tenant(TenantId::new(format!("tenant-{number}")).unwrap());
        let (reader, token) = (w.storage.clone(), token.clone());
        async move {
            assert!(reader.find_with_user(&token).await.unwrap().is_some());
            storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().is_created()
        }
    });
    assert!(created.await.into_iter().all(|created| created));
    assert_eq!(w.count("SELECT COUNT(*) FROM users").await, 1001);
    assert_eq!(w.count("SELECT COUNT(DISTINCT tenant_id) FROM users").await, 1001);
    assert!(w.storage.find_tenant().await.unwrap().is_some());
}

/// Providers that do not know of each other meet at SQLite's own lock.
#[tokio::test(flavor = "multi_thread")]
async fn separate_providers_wait_for_each_other() {
    let w = World::new().await;
    let answers = at_once(&w.storage, CALLERS, |storage, caller| async move {
        let storage = SqliteRepositoryProvider::new(storage.pool().clone());
        for number in 0..50 {
            let user = NewUser::new(format!("{caller}.{number}@example.com"));
            let user = storage.register(user, "hash").await?.into_user();
            storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await?;
        }
        Ok::<_, torii_core::Error>(())
    });
    for answer in answers.await {
        answer.unwrap();
    }
    assert_eq!(w.storage.count().await.unwrap(), 400);
}
