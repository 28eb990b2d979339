//! Eight callers at once, ten rounds.

use std::{future::Future, sync::Arc};

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tokio::{sync::Barrier, task::JoinSet};
use torii_core::{
    TokenPurpose, User, UserId,
    crypto::TokenUse,
    repositories::{PasswordRepository, SessionRepository, TokenRepository, UserRepository},
    token::NewToken,
};
use torii_storage_seaorm::SeaORMRepositoryProvider;

use crate::world::{EMAIL, Engine, World};

const CALLERS: usize = 8;
const ROUNDS: usize = 10;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What `callers` get who start at the same moment.
pub(crate) async fn at_once<F, T>(
    storage: &SeaORMRepositoryProvider,
    callers: usize,
    call: impl Fn(SeaORMRepositoryProvider, usize) -> F,
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

/// Whatever it is that uses them.
pub(crate) async fn tokens_are_used_once(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        for round in 0..ROUNDS {
            let [link, reset, verification] =
                [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification];
            let purpose = [link, reset, verification][round % 3];
            let token = w.storage.create_token(&user.id, purpose, HOUR).await.unwrap();
            let text: Arc<str> = token.token().unwrap().into();
            let session = w.session_for(&user.id);
            let used = at_once(&w.storage, CALLERS, |storage, caller| {
                let (text, session) = (Arc::clone(&text), session.clone());
                let digest = w.digest(TokenUse::Mail(purpose), &text);
                async move {
                    if caller % 2 == 0 {
                        return storage.verify_token(&text, purpose).await.unwrap().is_some();
                    }
                    match purpose {
                        TokenPurpose::PasswordReset => storage.complete_reset(&digest, "new").await.unwrap().is_some(),
                        TokenPurpose::EmailVerification => {
                            storage.redeem_email_verification(&digest).await.unwrap().is_some()
                        }
                        _ => {
                            let begin = |_: &UserId| Some(session.clone());
                            storage.redeem_magic_link(&digest, &begin).await.unwrap().is_some()
                        }
                    }
                }
            })
            .await;
            assert_eq!(used.into_iter().filter(|used| *used).count(), 1, "{purpose:?}");
        }
    }
}

pub(crate) async fn tokens_issued_at_once_leave_one_that_works(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        for round in 0..ROUNDS {
            let purpose = TokenPurpose::PasswordReset;
            let tokens = at_once(&w.storage, CALLERS, |storage, caller| {
                let (id, end) = (user.id.clone(), w.now() + HOUR);
                async move {
                    let token = NewToken::random(purpose, end);
                    let text = token.token.expose_secret().to_owned();
                    match caller % 3 {
                        0 => storage.create_token(&id, purpose, HOUR).await.unwrap().token().unwrap().to_owned(),
                        1 => storage.issue_for_email(EMAIL, &token).await.unwrap().map(|_| text).unwrap(),
                        _ => storage.issue_for_user(&id, &token).await.unwrap().map(|_| text).unwrap(),
                    }
                }
            })
            .await;
            let mut working = 0;
            for token in &tokens {
                working += usize::from(w.storage.check_token(token, purpose).await.unwrap());
            }
            assert_eq!(working, 1, "round {round}");
            // Used by everybody at once it works once.
            let answers = at_once(&w.storage, CALLERS, |storage, caller| {
                let digest = w.digest(TokenUse::Mail(purpose), &tokens[caller]);
                async move { storage.complete_reset(&digest, "new").await.unwrap() }
            })
            .await;
            assert_eq!(answers.into_iter().flatten().count(), 1);
            assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens WHERE used_at IS NULL").await, 0);
        }
    }
}

/// While the address changes to and fro, a mail proves the address that it went to, or nothing.
pub(crate) async fn no_token_outlives_the_address_it_was_issued_for(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let addresses = [EMAIL, "other@example.com"];
        for round in 0..ROUNDS {
            let (old, new) = (addresses[round % 2], addresses[(round + 1) % 2]);
            let issued = at_once(&w.storage, CALLERS, |storage, caller| {
                let change = User { email: new.into(), ..user.clone() };
                let token = NewToken::random(TokenPurpose::EmailVerification, w.now() + HOUR);
                async move {
                    match caller {
                        0 => storage.update(&change).await.map(|_| None).unwrap(),
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

/// Everything that locks a user, at once: nobody fails.
pub(crate) async fn changes_of_one_user_do_not_fail_each_other(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        for _ in 0..ROUNDS {
            w.storage.set_password_hash(&user.id, "hash").await.unwrap();
            let reset = w.storage.create_token(&user.id, TokenPurpose::PasswordReset, HOUR).await.unwrap();
            let reset = w.digest(TokenUse::Mail(TokenPurpose::PasswordReset), reset.token().unwrap());
            let link = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
            let link = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), link.token().unwrap());
            at_once(&w.storage, CALLERS, |storage, caller| {
                let session = w.session_for(&user.id);
                let (user, reset, link) = (user.clone(), reset, link);
                async move {
                    let begin = |_: &UserId| Some(session.clone());
                    match caller {
                        0 => drop(storage.complete_reset(&reset, "new").await.unwrap()),
                        1 => drop(storage.redeem_magic_link(&link, &begin).await.unwrap()),
                        2 => drop(storage.change_password(&user.id, "hash", "hash", true).await.unwrap()),
                        3 => drop(storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap()),
                        4 => drop(storage.create_and_clear_attempts(session, EMAIL).await.unwrap()),
                        5 => storage.delete_by_user_id(&user.id).await.unwrap(),
                        6 => drop(storage.update(&user).await.unwrap()),
                        _ => storage.upgrade_hash(&user.id, "hash", "hash").await.unwrap(),
                    }
                }
            })
            .await;
        }
    }
}
