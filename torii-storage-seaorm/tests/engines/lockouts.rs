use chrono::TimeDelta;
use secrecy::ExposeSecret;
use torii_core::{
    Error, TenantError, TenantId, TenantStatus, UserId,
    lockout::LockoutLimits,
    repositories::{BruteForceProtectionRepository, PasswordRepository, TenantRepository, UserRepository},
};

use crate::world::{EMAIL, Engine, LIMITS, World};

pub(crate) async fn attempts_are_counted_until_the_address_is_locked(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let period = LIMITS.lockout_period;
        for number in 1..5 {
            let attempt = match number {
                3 => w.storage.reserve_attempt_for_user(&user.id, LIMITS).await.unwrap().unwrap(),
                _ => w.storage.reserve_attempt("Ann@Example.com", LIMITS).await.unwrap(),
            };
            assert_eq!((attempt.number, attempt.locked_until), (number, None));
            let owner = attempt.credentials.unwrap();
            assert_eq!(owner.user, user);
            assert_eq!(owner.password_hash.unwrap().expose_secret(), "hash");
        }
        let (began, end) = (w.now(), w.now() + period);
        w.clock.advance(TimeDelta::microseconds(1));
        let end = end + TimeDelta::microseconds(1);
        let fifth = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((fifth.number, fifth.locked_until), (5, Some(end)));
        // What is refused does not move the end.
        for _ in 0..2 {
            w.clock.advance(TimeDelta::minutes(1));
            let refused = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
            assert_eq!((refused.number, refused.locked_until), (6, Some(end)));
            assert_eq!(refused.credentials.unwrap().user.locked_at, None);
            let counted = w.storage.count_failure(EMAIL, LIMITS).await.unwrap();
            assert_eq!((counted.failures, counted.locked_until, counted.window_started_at), (6, Some(end), began));
        }
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap().unwrap().locked_at, Some(began));
        w.clock.advance(end - w.now());
        let first = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((first.number, first.locked_until), (1, None));
        let lockout = w.storage.find_lockout(EMAIL).await.unwrap().unwrap();
        assert_eq!((lockout.failures, lockout.window_started_at, lockout.locked_until), (1, end, None));

        // Nobody's address counts too; nobody's id does not.
        let stranger = w.storage.reserve_attempt("nobody@example.com", LIMITS).await.unwrap();
        assert_eq!((stranger.number, stranger.credentials.is_none()), (1, true));
        let unknown = w.storage.reserve_attempt_for_user(&UserId::new("usr_none"), LIMITS).await.unwrap();
        assert!(unknown.is_none());
        // Here, at the neighbour, or in a tenant that is new.
        let other = w.storage.for_tenant(TenantId::from_static("beta"));
        assert!(other.reserve_attempt_for_user(&user.id, LIMITS).await.unwrap().is_none());
        let attempt = other.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((attempt.number, attempt.credentials.is_none()), (1, true));
        assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, 3);

        w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        for refused in [
            w.storage.reserve_attempt(EMAIL, LIMITS).await.map(drop),
            w.storage.reserve_attempt_for_user(&user.id, LIMITS).await.map(drop),
            w.storage.record_failed_attempt(EMAIL, None).await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::Tenant(TenantError::Suspended { .. }))), "{refused:?}");
        }
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap(), None);
    }
}

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

pub(crate) async fn the_log_of_wrong_passwords(engine: Engine) {
    for w in World::both(engine).await {
        let first = w.storage.record_failed_attempt("Ann@Example.com", Some("192.0.2.1")).await.unwrap();
        assert_eq!((first.email.as_str(), first.ip_address.as_deref()), (EMAIL, Some("192.0.2.1")));
        assert_eq!((first.attempted_at, &first.tenant_id), (w.now(), w.storage.tenant_id()));
        w.clock.advance(TimeDelta::microseconds(1));
        let second = w.storage.record_failed_attempt(EMAIL, None).await.unwrap();
        assert!(second.id > first.id);
        w.storage.record_failed_attempt("other@example.com", None).await.unwrap();
        let stats = w.storage.get_attempt_stats(EMAIL, first.attempted_at).await.unwrap();
        assert_eq!((stats.count, stats.latest_at), (2, Some(second.attempted_at)));
        let later = w.storage.get_attempt_stats(EMAIL, second.attempted_at).await.unwrap();
        assert_eq!((later.count, later.latest_at), (1, Some(second.attempted_at)));
        let none = w.storage.get_attempt_stats("nobody@example.com", first.attempted_at).await.unwrap();
        assert_eq!((none.count, none.latest_at), (0, None));

        w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!(w.storage.clear_attempts(EMAIL).await.unwrap(), 2);
        assert_eq!(w.storage.clear_attempts(EMAIL).await.unwrap(), 0);
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap(), None);
        assert_eq!(w.storage.cleanup_old_attempts(w.now()).await.unwrap(), 0);
        w.clock.advance(TimeDelta::microseconds(1));
        assert_eq!(w.storage.cleanup_old_attempts(w.now()).await.unwrap(), 1);
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
