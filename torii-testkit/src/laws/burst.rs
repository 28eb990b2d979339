//! Laws of many guesses at once: an attempt is counted before its password is looked at, and only if it is.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    sync::Barrier,
    task::{JoinSet, yield_now},
    time::timeout,
};
use torii::ToriiError;
use torii_core::{
    error::{AuthError, Error},
    password::{HashingConfig, PasswordHasher},
    repositories::BruteForceProtectionRepository,
};

use super::{
    expectation::{NEW_PASSWORD, cause},
    lockout::{guess, guess_times, status},
    password::is_locked,
};
use crate::{
    Provider,
    world::{EMAIL, PASSWORD, WRONG_PASSWORD, World},
};

/// However many passwords are tried at once, five are looked at, and the right one after them is refused.
pub async fn a_burst_gets_no_further<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let looked_at = w.hasher.computations();
    let gate = Arc::new(Barrier::new(40));
    let mut burst = JoinSet::new();
    for _ in 0..40 {
        let (here, gate) = (w.here.clone(), Arc::clone(&gate));
        burst.spawn(async move {
            gate.wait().await;
            is_locked(&guess(&here, EMAIL).await)
        });
    }
    let refused = burst.join_all().await.into_iter().filter(|locked| *locked).count();
    assert_eq!(w.hasher.computations() - looked_at, 5);
    assert_eq!(refused, 36, "four wrong passwords, the fifth that locks, and 35 that were not looked at");
    assert!(is_locked(&w.here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err()));
    assert_eq!(status(w, EMAIL).await.failed_attempts, 5);
}

/// However many old passwords are tried at once to change a password, five are looked at, and the right one after them is refused.
pub async fn a_burst_of_changes_gets_no_further<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let looked_at = w.hasher.computations();
    let gate = Arc::new(Barrier::new(40));
    let mut burst = JoinSet::new();
    for _ in 0..40 {
        let (here, gate, id) = (w.here.clone(), Arc::clone(&gate), user.id.clone());
        burst.spawn(async move {
            gate.wait().await;
            is_locked(&here.password().change_password(&id, WRONG_PASSWORD, NEW_PASSWORD).await.unwrap_err())
        });
    }
    let refused = burst.join_all().await.into_iter().filter(|locked| *locked).count();
    assert_eq!(w.hasher.computations() - looked_at, 5);
    assert_eq!(refused, 36);
    let right = w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await;
    assert!(is_locked(&right.unwrap_err()));
    assert_eq!(w.hasher.computations() - looked_at, 5);
}

/// A right password in a burst of wrong ones is looked at only if it is among the first five.
pub async fn a_burst_does_not_let_the_sixth_in<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    guess_times(w, EMAIL, 4).await;
    let looked_at = w.hasher.computations();
    let gate = Arc::new(Barrier::new(8));
    let mut burst = JoinSet::new();
    for _ in 0..8 {
        let (here, gate) = (w.here.clone(), Arc::clone(&gate));
        burst.spawn(async move {
            gate.wait().await;
            guess(&here, EMAIL).await
        });
    }
    let _ = burst.join_all().await;
    assert_eq!(w.hasher.computations() - looked_at, 1);
}

/// A password that could not be looked at, because too many others wait, does not count, nor lock, nor is it logged.
pub async fn a_password_not_looked_at_does_not_count<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let slow = HashingConfig::insecure_fast_for_tests().memory_kib(1024).iterations(3000).threads(1).queue_capacity(1);
    let slow = PasswordHasher::new(slow.max_wait(Duration::from_secs(60))).unwrap();
    let here = w.here_with(|torii| torii.with_password_hasher(slow.clone()));
    // One password keeps the thread busy for seconds, another one waits: there is room for no more.
    let tenant = w.tenant().clone();
    let (mut working, mut waiting) = (Box::pin(slow.hash(&tenant, PASSWORD)), Box::pin(slow.hash(&tenant, PASSWORD)));
    assert!(timeout(Duration::ZERO, &mut working).await.is_err());
    while slow.queue_len() > 0 {
        yield_now().await;
    }
    assert!(timeout(Duration::ZERO, &mut waiting).await.is_err());
    assert_eq!(slow.queue_len(), 1);
    let is_busy = |error: &ToriiError| matches!(cause(error), Some(Error::Auth(AuthError::Busy { .. })));

    for _ in 0..6 {
        assert!(is_busy(&guess(&here, EMAIL).await));
    }
    let logged =
        async || w.provider.brute_force().get_attempt_stats(EMAIL, DateTime::<Utc>::UNIX_EPOCH).await.unwrap().count;
    assert_eq!((status(w, EMAIL).await.failed_attempts, logged().await), (0, 0));
    guess_times(w, EMAIL, 4).await;
    assert!(is_busy(&guess(&here, EMAIL).await), "the attempt that would have locked");
    assert_eq!((status(w, EMAIL).await.failed_attempts, status(w, EMAIL).await.is_locked), (4, false));
    assert_eq!(logged().await, 4);
    w.sign_in(EMAIL).await;
}
