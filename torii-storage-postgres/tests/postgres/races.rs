//! Eight callers at once, twenty rounds.

use std::{collections::HashSet, future::Future, sync::Arc};

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tokio::{sync::Barrier, task::JoinSet};
use torii_core::{
    NewUser, TenantId, TokenPurpose, User,
    crypto::TokenUse,
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, PasswordRepository, SessionRepository,
        TenantRepository, TokenRepository, Unlinked, UserRepository,
    },
    token::NewToken,
};
use torii_storage_postgres::PostgresRepositoryProvider;

use crate::world::{EMAIL, LIMITS, World};

const CALLERS: usize = 8;
const ROUNDS: usize = 20;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What `callers` get who start at the same moment.
async fn at_once<F, T>(
    storage: &PostgresRepositoryProvider,
    callers: usize,
    call: impl Fn(PostgresRepositoryProvider, usize) -> F,
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

/// Of tokens that are issued at the same moment one works.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_issued_at_once_leave_one_that_works() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        for round in 0..ROUNDS {
            let purpose = TokenPurpose::PasswordReset;
            let tokens = at_once(&w.storage, CALLERS, |storage, caller| {
                let (id, end) = (user.id.clone(), w.now() + HOUR);
                async move {
                    let token = NewToken::random(purpose, end);
                    match caller % 3 {
                        0 => storage.create_token(&id, purpose, HOUR).await.unwrap().token().unwrap().to_owned(),
                        1 => {
                            storage.issue_for_email(EMAIL, &token).await.unwrap().unwrap();
                            token.token.expose_secret().to_owned()
                        }
                        _ => {
                            storage.issue_for_user(&id, &token).await.unwrap().unwrap();
                            token.token.expose_secret().to_owned()
                        }
                    }
                }
            })
            .await;
            let works = async |token: &str| w.storage.check_token(token, purpose).await.unwrap();
            let mut working = Vec::new();
            for token in &tokens {
                if works(token).await {
                    working.push(token);
                }
            }
            assert_eq!(working.len(), 1, "round {round}");
            // Used by everybody at once it works once, and its rivals do not come back to life.
            let answers = at_once(&w.storage, CALLERS, |storage, caller| {
                let digest = w.digest(TokenUse::Mail(purpose), &tokens[caller]);
                async move { storage.complete_reset(&digest, "new").await.unwrap() }
            });
            assert_eq!(winners(answers.await), 1);
            for token in &tokens {
                assert!(!works(token).await);
            }
        }
    }
}

/// A token is never left over for an address that the user has no more.
#[tokio::test(flavor = "multi_thread")]
async fn no_token_outlives_the_address_it_was_issued_for() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let addresses = [EMAIL, "other@example.com"];
        for round in 0..ROUNDS {
            let (old, new) = (addresses[round % 2], addresses[(round + 1) % 2]);
            let issued = at_once(&w.storage, CALLERS, |storage, caller| {
                let change = User { email: new.into(), ..user.clone() };
                let token = NewToken::random(TokenPurpose::EmailVerification, w.now() + HOUR);
                async move {
                    match caller {
                        0 => {
                            storage.update(&change).await.unwrap();
                            None
                        }
                        _ if caller % 2 == 0 => storage.issue_for_email(old, &token).await.unwrap(),
                        _ => storage.issue_for_user(&change.id, &token).await.unwrap(),
                    }
                }
            })
            .await;
            for issued in issued.into_iter().flatten() {
                let digest = w.digest(TokenUse::Mail(TokenPurpose::EmailVerification), issued.token.token().unwrap());
                let redeemed = w.storage.redeem_email_verification(&digest).await.unwrap();
                assert!(redeemed.is_none() || issued.email == new, "a mail to {} proves {new}", issued.email);
            }
        }
    }
}

/// An address is changed and proven, again and again: what is proven is always the address that the mail went to.
#[tokio::test(flavor = "multi_thread")]
async fn changing_an_address_and_proving_it_do_not_mix() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let addresses = [EMAIL, "other@example.com"];
        for round in 0..ROUNDS {
            let new = addresses[(round + 1) % 2];
            let purpose = TokenPurpose::EmailVerification;
            let token = w.storage.create_token(&user.id, purpose, HOUR).await.unwrap();
            let digest = w.digest(TokenUse::Mail(purpose), token.token().unwrap());
            at_once(&w.storage, 2, |storage, caller| {
                let (change, digest) = (User { email: new.into(), ..user.clone() }, digest);
                async move {
                    match caller {
                        0 => drop(storage.update(&change).await.unwrap()),
                        _ => drop(storage.redeem_email_verification(&digest).await.unwrap()),
                    }
                }
            })
            .await;
            let now = w.storage.find_by_id(&user.id).await.unwrap().unwrap();
            assert_eq!((now.email.as_str(), now.email_verified_at), (new, None));
        }
    }
}

/// Sign-ins and wrong passwords of one address, resets and changes of its password: nobody fails, and the lock holds.
#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_fails_nobody() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        for _ in 0..ROUNDS {
            let reset = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
            let digest = w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), reset.token().unwrap());
            let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
            let token = session.token.unwrap();
            at_once(&w.storage, 2 * CALLERS, |storage, caller| {
                let (user, token) = (user.clone(), token.clone());
                let session = w.session_for(&user.id);
                async move {
                    match caller % 8 {
                        0 => drop(storage.reserve_attempt(EMAIL, LIMITS).await.unwrap()),
                        1 => drop(storage.record_failed_attempt(EMAIL, None).await.unwrap()),
                        2 => drop(storage.create_and_clear_attempts(session, EMAIL).await.unwrap()),
                        3 => drop(storage.complete_reset(&digest, "hash").await.unwrap()),
                        4 => drop(storage.change_password(&user.id, "hash", "hash", true).await.unwrap()),
                        5 => drop(storage.clear_attempts(EMAIL).await.unwrap()),
                        6 => drop(storage.refresh(&token, HOUR).await),
                        _ => drop(storage.find_with_user(&token).await.unwrap()),
                    }
                }
            })
            .await;
        }
    }
}

/// A tenant is purged while others write into it: each write is there whole, or refused for a reason that says so.
#[tokio::test(flavor = "multi_thread")]
async fn purging_a_tenant_that_is_in_use() {
    let w = World::new().await;
    let acme = w.storage.for_tenant(TenantId::from_static("acme"));
    for round in 0..ROUNDS {
        let answers = at_once(&acme, CALLERS, |storage, caller| async move {
            match caller {
                0 => storage.purge_tenant().await.map(drop),
                1 => storage.reserve_attempt(EMAIL, LIMITS).await.map(drop),
                2 => storage.set_challenge("id", "challenge", HOUR).await,
                _ => storage.register(NewUser::new(format!("{caller}.{round}@example.com")), "hash").await.map(drop),
            }
        })
        .await;
        for answer in answers {
            answer.unwrap();
        }
    }
}
