use chrono::{DateTime, TimeDelta};
use torii_core::{
    TenantId,
    lockout::LockoutLimits,
    repositories::{BruteForceProtectionRepository, PasswordRepository, SessionRepository},
};

use crate::world::{EMAIL, Engine, LIMITS, World};

pub(crate) async fn a_counter_starts_again_and_takes_back(engine: Engine) {
    for w in World::both(engine).await {
        w.register(EMAIL).await;
        w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        w.clock.advance(LIMITS.lockout_period - TimeDelta::microseconds(1));
        assert_eq!(w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().number, 2);
        w.clock.advance(TimeDelta::microseconds(1));
        assert_eq!(w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().number, 1);
        // The attempt that set the lock takes it back, whatever was refused meanwhile.
        for _ in 0..6 {
            w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        }
        w.storage.release_attempt(EMAIL, LIMITS).await.unwrap();
        let lockout = w.storage.find_lockout(EMAIL).await.unwrap().unwrap();
        assert_eq!((lockout.failures, lockout.locked_until), (4, None));
        let again = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((again.number, again.locked_until), (5, Some(w.now() + LIMITS.lockout_period)));
        // What is over is not taken back.
        w.clock.advance(LIMITS.lockout_period);
        w.storage.release_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap().unwrap().failures, 5);

        // One wrong password locks, for no time at all: each is the first.
        let strict = LockoutLimits { max_failed_attempts: 1, lockout_period: TimeDelta::zero() };
        for _ in 0..2 {
            let attempt = w.storage.reserve_attempt(EMAIL, strict).await.unwrap();
            assert_eq!((attempt.number, attempt.locked_until), (1, None));
        }
        let strict = LockoutLimits { lockout_period: TimeDelta::minutes(1), ..strict };
        for number in 1..=2 {
            let attempt = w.storage.reserve_attempt(EMAIL, strict).await.unwrap();
            assert_eq!((attempt.number, attempt.locked_until), (number, Some(w.now() + TimeDelta::minutes(1))));
        }
        let far = LockoutLimits { max_failed_attempts: u32::MAX - 1, lockout_period: TimeDelta::MAX };
        w.storage.reserve_attempt("far@example.com", far).await.unwrap();
        assert_eq!(w.storage.reserve_attempt("far@example.com", far).await.unwrap().number, 2);
    }
}

pub(crate) async fn a_user_is_locked_by_hand(engine: Engine) {
    for w in World::both(engine).await {
        w.storage.set_locked_at(EMAIL, Some(w.now())).await.unwrap();
        assert_eq!(w.storage.get_locked_at(EMAIL).await.unwrap(), None);
        let user = w.register(EMAIL).await;
        w.register("other@example.com").await;
        w.storage.set_locked_at("ANN@example.com", Some(w.now())).await.unwrap();
        assert_eq!(w.storage.get_locked_at(EMAIL).await.unwrap(), Some(w.now()));
        assert_eq!(w.storage.get_locked_at("other@example.com").await.unwrap(), None);
        let attempt = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!(attempt.credentials.unwrap().user.locked_at, Some(w.now()));
        w.storage.set_locked_at(EMAIL, None).await.unwrap();
        assert_eq!(w.storage.get_locked_at(EMAIL).await.unwrap(), None);
        w.storage.set_password_hash(&user.id, "").await.unwrap();
        let attempt = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert!(attempt.credentials.unwrap().password_hash.is_none());
    }
}

/// PostgreSQL logs an attempt along with counting it, the others leave that to whoever finds the password wrong.
pub(crate) async fn an_attempt_is_taken_back_with_its_entry_in_the_log(engine: Engine) {
    for w in World::both(engine).await {
        w.register(EMAIL).await;
        let logged = async || w.storage.get_attempt_stats(EMAIL, DateTime::UNIX_EPOCH).await.unwrap().count;
        let reserve =
            async || w.storage.reserve_and_log_attempt("ANN@example.com", LIMITS, Some("192.0.2.1")).await.unwrap();
        let mut entries = Vec::new();
        for number in 1..=5 {
            let attempt = reserve().await;
            assert_eq!((attempt.number, attempt.credentials.is_some()), (number, true));
            assert_eq!(attempt.logged.is_some(), engine == Engine::Postgres);
            entries.push(match attempt.logged {
                Some(entry) => entry,
                None => w.storage.record_failed_attempt(EMAIL, Some("192.0.2.1")).await.unwrap().id,
            });
            assert_eq!(logged().await, number);
        }
        assert_eq!(w.count("SELECT COUNT(*) FROM failed_login_attempts WHERE ip_address = '192.0.2.1'").await, 5);
        // Refused, so nobody looked.
        assert_eq!((reserve().await.number, reserve().await.logged), (6, None));
        assert_eq!(logged().await, 5);

        w.storage.release_logged_attempt(EMAIL, LIMITS, Some(entries[1])).await.unwrap();
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap().unwrap().failures, 4);
        assert_eq!(logged().await, 4);
        w.storage.release_logged_attempt(EMAIL, LIMITS, None).await.unwrap();
        assert_eq!(logged().await, 4);
        let other = w.storage.for_tenant(TenantId::from_static("other"));
        other.release_logged_attempt(EMAIL, LIMITS, Some(entries[0])).await.unwrap();
        assert_eq!(logged().await, 4, "nor does another tenant take it back");

        // The right password clears all of it.
        let owner = reserve().await.credentials.unwrap().user;
        w.storage.create_and_clear_attempts(w.session_for(&owner.id), EMAIL).await.unwrap();
        assert_eq!((logged().await, w.storage.find_lockout(EMAIL).await.unwrap()), (0, None));
    }
}
