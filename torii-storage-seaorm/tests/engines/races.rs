//! Callers at once, with one pool each of two processes.

use chrono::TimeDelta;
use torii_core::{
    NewUser,
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, Unlinked},
};

use crate::{
    token_races::at_once,
    world::{EMAIL, Engine, LIMITS, World},
};

const CALLERS: usize = 16;
const ROUNDS: usize = 5;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Neither when nobody has been counted before, nor when a counter starts again.
pub(crate) async fn a_burst_gets_no_more_attempts_than_the_maximum(engine: Engine) {
    for w in World::both(engine).await {
        let id = w.register(EMAIL).await.id;
        let neighbour = w.reconnect().await;
        for _ in 0..ROUNDS {
            let end = w.now() + LIMITS.lockout_period;
            let mut numbers = at_once(&w.storage, CALLERS, |storage, caller| {
                let (id, neighbour) = (id.clone(), neighbour.clone());
                async move {
                    let attempt = match caller % 4 {
                        0 => storage.reserve_attempt_for_user(&id, LIMITS).await.unwrap().unwrap(),
                        1 => neighbour.reserve_attempt(EMAIL, LIMITS).await.unwrap(),
                        _ => storage.reserve_attempt(EMAIL, LIMITS).await.unwrap(),
                    };
                    assert_eq!(attempt.locked_until, (attempt.number >= 5).then_some(end));
                    attempt.number
                }
            })
            .await;
            numbers.sort_unstable();
            assert_eq!(numbers[..6], [1, 2, 3, 4, 5, 6]);
            assert!(numbers[6..].iter().all(|number| *number == 6), "{numbers:?}");
            w.clock.advance(LIMITS.lockout_period);
        }
    }
}

pub(crate) async fn states_and_challenges_are_taken_once(engine: Engine) {
    for w in World::both(engine).await {
        let neighbour = w.reconnect().await;
        for _ in 0..ROUNDS {
            w.storage.store_pkce_verifier("state", "text", HOUR).await.unwrap();
            w.storage.set_challenge("id", "text", HOUR).await.unwrap();
            let taken = at_once(&w.storage, CALLERS, |storage, caller| {
                let storage = if caller % 4 < 2 { storage } else { neighbour.clone() };
                async move {
                    match caller % 2 {
                        0 => storage.take_pkce_verifier("state").await.unwrap().map(|_| "verifier"),
                        _ => storage.take_challenge("id").await.unwrap().map(|_| "challenge"),
                    }
                }
            })
            .await;
            let mut taken: Vec<_> = taken.into_iter().flatten().collect();
            taken.sort_unstable();
            assert_eq!(taken, ["challenge", "verifier"]);
        }
    }
}

pub(crate) async fn an_identity_resolved_at_once_has_one_user(engine: Engine) {
    for w in World::both(engine).await {
        let neighbour = w.reconnect().await;
        for round in 0..ROUNDS {
            let resolved = at_once(&w.storage, CALLERS, |storage, caller| {
                let storage = if caller % 2 == 0 { storage } else { neighbour.clone() };
                let identity = OAuthIdentity {
                    provider: "github".into(),
                    subject: round.to_string(),
                    email: format!("{round}@example.com"),
                    email_verified: None,
                    name: None,
                };
                async move { storage.resolve_identity(&identity, NewUser::new("x".into())).await.unwrap() }
            })
            .await;
            let owner = w.storage.find_user_by_provider("github", &round.to_string()).await.unwrap().unwrap();
            let mut created = 0;
            for resolution in resolved {
                match resolution {
                    OAuthResolution::Created(user) => {
                        assert_eq!(user, owner);
                        created += 1;
                    }
                    other => assert_eq!(other, OAuthResolution::Known(owner.clone())),
                }
            }
            assert_eq!(created, 1);
        }
    }
}

pub(crate) async fn accounts_unlinked_at_once_leave_one(engine: Engine) {
    for w in World::both(engine).await {
        let id = w.register(EMAIL).await.id;
        let providers = ["github", "gitlab", "google"];
        for _ in 0..ROUNDS {
            for provider in providers {
                // One of them is left from the round before.
                let _ = w.storage.link_account(&id, provider, "1").await;
            }
            let unlinked = at_once(&w.storage, providers.len(), |storage, caller| {
                let id = id.clone();
                async move { storage.unlink_account_unless_last(&id, providers[caller], false, true).await.unwrap() }
            })
            .await;
            assert_eq!(unlinked.iter().filter(|unlinked| **unlinked == Unlinked::Done).count(), 2);
            assert_eq!(w.storage.find_accounts_by_user_id(&id).await.unwrap().len(), 1);
        }
    }
}
