//! What happens when many do the same at once. Every race starts behind a barrier, before the first statement, and is run many
//! times: one round finds a read-then-write too seldom.

use std::{collections::HashSet, sync::Arc};

use chrono::TimeDelta;
use tokio::{
    sync::{Barrier, Semaphore},
    task::JoinSet,
};
use torii::{OAuthIdentity, TenantId, TokenPurpose, UserId};
use torii_core::repositories::{PasskeyRepository, TokenRepository};

use super::{
    ceremony::relying_party,
    expectation::{BASE, created_users, text},
};
use crate::{
    Provider,
    authenticator::SoftAuthenticator,
    world::{CHALLENGE_ID, CREDENTIAL_ID, EMAIL, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, PASSWORD, World},
};

pub(super) const CALLERS: usize = 8;
pub(super) const ROUNDS: usize = 20;

/// Runs `CALLERS` futures at once; returns what they answered, in the order they were made.
pub(super) async fn race<T, F>(caller: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let gate = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|index| {
            let (gate, caller) = (Arc::clone(&gate), caller(index));
            tokio::spawn(async move {
                gate.wait().await;
                caller.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(CALLERS);
    for caller in callers {
        answers.push(caller.await.expect("no caller panics"));
    }
    answers
}

/// Exactly one of the callers won; returns what it got.
#[track_caller]
fn winner<T>(answers: Vec<Option<T>>) -> T {
    let mut won: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "exactly one caller wins");
    won.remove(0)
}

/// Of many who follow one magic link at once, one is signed in.
pub async fn race_for_a_magic_link_has_one_winner<P: Provider>(w: &World<P>) {
    for round in 1..=ROUNDS {
        let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
        let answers = race(|_| {
            let (here, token) = (w.here.clone(), text(&token).to_owned());
            async move { here.magic_link().authenticate(&token, None, None).await.ok() }
        });
        let (user, _) = winner(answers.await);
        assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), round);
    }
}

/// Of many who use one reset token at once, one sets the password.
pub async fn race_for_a_reset_token_has_one_winner<P: Provider>(w: &World<P>) {
    let password = |index: usize| format!("the password of caller {index}");
    w.register(EMAIL).await;
    for _ in 0..ROUNDS {
        let token = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
        let answers = race(|index| {
            let (here, token, password) = (w.here.clone(), text(&token).to_owned(), password(index));
            async move { here.password().reset_password_complete(&token, &password).await.is_ok().then_some(index) }
        });
        let index = winner(answers.await);
        assert!(w.here.authenticate(EMAIL, &password(index), None, None).await.is_ok());
    }
}

/// Of many who use one verification token at once, one verifies.
pub async fn race_for_a_verification_token_has_one_winner<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for _ in 0..ROUNDS {
        // So that the limit on mails is not what stops anybody.
        w.clock.advance(TimeDelta::hours(1));
        let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();
        let answers = race(|_| {
            let (here, token) = (w.here.clone(), text(&token).to_owned());
            async move { here.verify_email_token(&token).await.ok() }
        });
        assert_eq!(winner(answers.await).id, user.id);
    }
}

/// Of many who consume one token in storage at once, one gets it.
pub async fn race_for_a_stored_token_has_one_winner<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for _ in 0..ROUNDS {
        let issued = w.provider.token().create_token(&user.id, TokenPurpose::MagicLink, TimeDelta::minutes(1));
        let issued = issued.await.unwrap();
        let answers = race(|_| {
            let (provider, token) = (w.provider.clone(), text(&issued).to_owned());
            async move { provider.token().verify_token(&token, TokenPurpose::MagicLink).await.unwrap() }
        });
        assert_eq!(winner(answers.await).user_id, user.id);
    }
}

/// Of many who come back with one OAuth state at once, one gets the verifier.
pub async fn race_for_an_oauth_state_has_one_winner<P: Provider>(w: &World<P>) {
    for _ in 0..ROUNDS {
        w.here.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::minutes(1)).await.unwrap();
        let answers = race(|_| {
            let here = w.here.clone();
            async move { here.oauth().get_pkce_verifier(OAUTH_STATE).await.unwrap() }
        });
        assert_eq!(winner(answers.await), "verifier");
    }
}

/// Of many who take one challenge at once, one gets it.
pub async fn race_for_a_challenge_has_one_winner<P: Provider>(w: &World<P>) {
    for _ in 0..ROUNDS {
        w.provider.passkey().set_challenge(CHALLENGE_ID, "challenge", TimeDelta::minutes(1)).await.unwrap();
        let answers = race(|_| {
            let provider = w.provider.clone();
            async move { provider.passkey().take_challenge(CHALLENGE_ID).await.unwrap() }
        });
        assert_eq!(winner(answers.await), "challenge");
    }
}

/// Of many who send one answer to one passkey ceremony at once, one is signed in, also with an authenticator that does not count.
pub async fn race_for_a_passkey_ceremony_has_one_winner<P: Provider>(w: &World<P>) {
    const ORIGIN: &str = "https://example.com";
    let rp = relying_party();
    let user = w.register(EMAIL).await;
    let mut device = SoftAuthenticator::default();
    device.behaviour.counter_step = 0;
    let ceremony = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
    let answer = device.register(&ceremony.options, ORIGIN);
    let answers = race(|_| {
        let (here, rp, id) = (w.here.clone(), rp.clone(), ceremony.ceremony_id.clone());
        let (user_id, answer) = (user.id.clone(), answer.clone());
        async move { here.passkey().finish_registration(&rp, &user_id, &id, &answer, None).await.ok() }
    });
    winner(answers.await);
    for _ in 0..ROUNDS {
        let ceremony = w.here.passkey().start_authentication(&rp).await.unwrap();
        let answer = device.authenticate(&ceremony.options, ORIGIN);
        let answers = race(|_| {
            let (here, rp) = (w.here.clone(), rp.clone());
            let (id, answer) = (ceremony.ceremony_id.clone(), answer.clone());
            async move { here.passkey().finish_authentication(&rp, &id, &answer, None, None).await.ok() }
        });
        assert_eq!(winner(answers.await).0.id, user.id);
    }
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), ROUNDS);
}

/// Of many uses of a passkey with the same counter at once, one is accepted: the others are copies.
pub async fn race_with_one_counter_has_one_winner<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    for count in (1..).take(ROUNDS) {
        let answers = race(|_| {
            let provider = w.provider.clone();
            async move { provider.passkey().record_use(CREDENTIAL_ID, Some(count)).await.unwrap() }
        });
        assert_eq!(winner(answers.await).id, user.id);
    }
}

/// Of many who register one credential id at once, one does.
pub async fn race_for_a_credential_id_has_one_winner<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for _ in 0..ROUNDS {
        let answers = race(|index| {
            let (here, id) = (w.here.clone(), user.id.clone());
            let key = index.to_be_bytes().to_vec();
            async move { here.passkey().register_credential(&id, CREDENTIAL_ID.to_vec(), key, None).await.ok() }
        });
        let kept = winner(answers.await);
        assert_eq!(w.here.passkey().get_user_credentials(&user.id).await.unwrap(), [kept]);
        w.here.passkey().delete_credential(CREDENTIAL_ID).await.unwrap();
    }
}

/// Many who register one new address at once, by password or by link, get the same user, who is created once.
pub async fn race_to_register_creates_one_user<P: Provider>(w: &World<P>) {
    for round in 0..ROUNDS {
        let email = format!("racer{round}@example.com");
        let answers = race(|index| {
            let (here, email) = (w.here.clone(), if index % 4 < 2 { email.clone() } else { email.to_uppercase() });
            async move {
                if index % 2 == 0 {
                    let registration = here.password().try_register(&email, PASSWORD, None).await.unwrap();
                    (registration.is_created(), registration.into_user().id)
                } else {
                    (false, here.magic_link().generate_token(&email).await.unwrap().user_id)
                }
            }
        })
        .await;
        assert!(answers.iter().filter(|(created, _)| *created).count() <= 1);
        let ids: HashSet<_> = answers.into_iter().map(|(_, id)| id.into_inner()).collect();
        assert_eq!(ids.len(), 1, "everybody gets the same user");
        assert_eq!(w.here.count_users().await.unwrap(), round as u64 + 1);
    }
    assert_eq!(created_users(w), ROUNDS, "each is reported once");
}

/// Of many who register one new address by password at once, one creates the user, and its password is the one that counts.
pub async fn race_to_register_has_one_winner<P: Provider>(w: &World<P>) {
    let password = |index: usize| format!("the password of caller {index}");
    for round in 0..ROUNDS {
        let email = format!("racer{round}@example.com");
        let answers = race(|index| {
            let (here, email, password) = (w.here.clone(), email.clone(), password(index));
            async move {
                let registration = here.password().try_register(&email, &password, None).await.unwrap();
                registration.is_created().then_some(index)
            }
        });
        let index = winner(answers.await);
        assert!(w.here.authenticate(&email, &password(index), None, None).await.is_ok());
    }
}

/// Many who sign in with one new identity at once get the same user, who is created once.
pub async fn race_with_a_new_identity_creates_one_user<P: Provider>(w: &World<P>) {
    for round in 0..ROUNDS {
        let (email, subject) = (format!("racer{round}@example.com"), format!("{OAUTH_SUBJECT}-{round}"));
        let answers = race(|_| {
            let (here, email, subject) = (w.here.clone(), email.clone(), subject.clone());
            async move { here.oauth().get_or_create_user(OAUTH_PROVIDER, &subject, &email, None).await.unwrap().id }
        })
        .await;
        let ids: HashSet<_> = answers.into_iter().map(UserId::into_inner).collect();
        assert_eq!(ids.len(), 1, "everybody gets the same user");
        assert_eq!(w.here.count_users().await.unwrap(), round as u64 + 1);
    }
    assert_eq!(created_users(w), ROUNDS, "each is reported once");
}

/// Many who sign in with different new identities of one proven address at once get the same user.
pub async fn race_with_a_proven_address_creates_one_user<P: Provider>(w: &World<P>) {
    for round in 0..ROUNDS {
        let email = format!("racer{round}@example.com");
        let answers = race(|index| {
            let here = w.here.clone();
            let identity = OAuthIdentity {
                provider: OAUTH_PROVIDER.into(),
                subject: format!("{round}-{index}"),
                email: email.clone(),
                email_verified: Some(true),
                name: None,
            };
            async move { here.oauth().get_or_create_user_with(&identity).await.unwrap().id }
        })
        .await;
        let accounts = w.here.oauth().list_accounts_for_user(&answers[0]).await.unwrap();
        assert_eq!(accounts.len(), CALLERS);
        assert!(answers.iter().all(|id| *id == answers[0]));
        assert_eq!(w.here.count_users().await.unwrap(), round as u64 + 1);
    }
    assert_eq!(created_users(w), ROUNDS, "each is reported once");
}

/// Of many users to whom one identity is linked at once, one has it.
pub async fn race_to_link_an_identity_has_one_winner<P: Provider>(w: &World<P>) {
    let mut users = Vec::new();
    for index in 0..CALLERS {
        users.push(w.register(&format!("racer{index}@example.com")).await.id);
    }
    for round in 0..ROUNDS {
        let subject = format!("{OAUTH_SUBJECT}-{round}");
        let answers = race(|index| {
            let (here, id, subject) = (w.here.clone(), users[index].clone(), subject.clone());
            async move { here.oauth().link_account(&id, OAUTH_PROVIDER, &subject).await.is_ok().then_some(id) }
        });
        let owner = winner(answers.await);
        let found = w.here.oauth().find_user(OAUTH_PROVIDER, &subject).await.unwrap();
        assert_eq!(found.map(|user| user.id), Some(owner));
    }
}

/// Unlinking all accounts at once never leaves a user without a way to sign in.
pub async fn race_to_unlink_leaves_one_account<P: Provider>(w: &World<P>) {
    const PROVIDERS: [&str; 2] = ["github", "google"];
    for round in 0..ROUNDS {
        let email = format!("racer{round}@example.com");
        let subject = format!("{OAUTH_SUBJECT}-{round}");
        let user = w.here.oauth().get_or_create_user(PROVIDERS[0], &subject, &email, None).await.unwrap();
        w.here.oauth().link_account(&user.id, PROVIDERS[1], &subject).await.unwrap();
        let unlinked = race(|index| {
            let (here, id) = (w.here.clone(), user.id.clone());
            async move { here.oauth().unlink_account(&id, PROVIDERS[index % 2]).await.is_ok() }
        })
        .await;
        assert!(unlinked.contains(&true));
        assert_eq!(w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().len(), 1);
    }
}

/// A tenant that many write into for the first time at once is registered once, and nobody fails.
pub async fn race_to_register_a_tenant_fails_nobody<P: Provider>(w: &World<P>) {
    for round in 0..ROUNDS {
        let tenant = TenantId::new(format!("new-{round}")).unwrap();
        race(|index| {
            let scope = w.torii.with_tenant(&tenant);
            async move { scope.magic_link().generate_token(&format!("racer{index}@example.com")).await.unwrap() }
        })
        .await;
        assert_eq!(w.torii.with_tenant(&tenant).count_users().await.unwrap(), CALLERS as u64);
        assert!(w.torii.find_tenant(&tenant).await.unwrap().is_some());
    }
}

/// A thousand tenants that get their first user at once lose none.
pub async fn race_of_a_thousand_tenants_loses_nothing<P: Provider>(w: &World<P>) {
    const TENANTS: usize = 1000;
    let in_flight = Arc::new(Semaphore::new(64));
    let mut callers = JoinSet::new();
    for index in 0..TENANTS {
        let scope = w.torii.with_tenant(format!("tenant-{index}"));
        let in_flight = Arc::clone(&in_flight);
        callers.spawn(async move {
            let _place = in_flight.acquire_owned().await.unwrap();
            scope.register_user(EMAIL, PASSWORD).await.unwrap().id
        });
    }
    let ids: HashSet<_> = callers.join_all().await.into_iter().map(UserId::into_inner).collect();
    assert_eq!(ids.len(), TENANTS);
    for index in 0..TENANTS {
        let users = w.torii.with_tenant(format!("tenant-{index}")).list_users().await.unwrap();
        assert_eq!(users.len(), 1);
        assert!(ids.contains(users[0].id.as_str()));
    }
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}
