use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret;
use torii_core::{
    TenantId,
    lockout::LockoutLimits,
    repositories::{BruteForceProtectionRepository, SessionRepository, UserRepository},
};

use crate::world::{EMAIL, LIMITS, World};

#[tokio::test]
async fn attempts_count_until_the_lock() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        for number in 1..=4 {
            let attempt = w.storage.reserve_attempt("ANN@example.com", LIMITS).await.unwrap();
            assert_eq!((attempt.number, attempt.locked_until), (number, None));
            let credentials = attempt.credentials.unwrap();
            assert_eq!(credentials.user, user);
            assert_eq!(credentials.password_hash.unwrap().expose_secret(), "hash");
            w.clock.advance(TimeDelta::minutes(1));
        }
        let until = w.now() + LIMITS.lockout_period;
        let fifth = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((fifth.number, fifth.locked_until), (5, Some(until)));
        assert_eq!(fifth.credentials.unwrap().user.locked_at, None, "only what is stored");
        // The window is long over before the lock ends, and the end does not move.
        for _ in 0..3 {
            w.clock.advance(TimeDelta::minutes(4));
            let refused = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
            assert_eq!((refused.number, refused.locked_until), (6, Some(until)));
        }
        let lockout = w.storage.find_lockout(EMAIL).await.unwrap().unwrap();
        assert_eq!((lockout.failures, lockout.locked_until), (6, Some(until)));
        w.clock.advance(until - w.now());
        let fresh = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((fresh.number, fresh.locked_until), (1, None));
    }
}

#[tokio::test]
async fn a_window_ends() {
    for w in World::both().await {
        for number in 1..=4 {
            let lockout = w.storage.count_failure("nobody@example.com", LIMITS).await.unwrap();
            assert_eq!((lockout.failures, lockout.locked_until), (number, None));
        }
        w.clock.advance(LIMITS.lockout_period);
        let attempt = w.storage.reserve_attempt("nobody@example.com", LIMITS).await.unwrap();
        assert_eq!((attempt.number, attempt.locked_until), (1, None));
        assert!(attempt.credentials.is_none());
        let one = LockoutLimits { max_failed_attempts: 1, ..LIMITS };
        let locked = w.storage.count_failure("other@example.com", one).await.unwrap();
        assert_eq!((locked.failures, locked.locked_until), (1, Some(w.now() + LIMITS.lockout_period)));
        assert_eq!(w.storage.count_failure("other@example.com", one).await.unwrap().failures, 2);
        assert_eq!(w.storage.find_lockout("unknown@example.com").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_reserved_attempt_is_taken_back_with_its_lock() {
    for w in World::both().await {
        w.storage.release_attempt(EMAIL, LIMITS).await.unwrap();
        for _ in 0..5 {
            w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        }
        // One more is refused before the fifth is taken back.
        assert_eq!(w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().number, 6);
        w.storage.release_attempt(EMAIL, LIMITS).await.unwrap();
        let lockout = w.storage.find_lockout(EMAIL).await.unwrap().unwrap();
        assert_eq!((lockout.failures, lockout.locked_until), (4, None));
        let fifth = w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        assert_eq!((fifth.number, fifth.locked_until), (5, Some(w.now() + LIMITS.lockout_period)));
        for _ in 0..7 {
            w.storage.release_attempt(EMAIL, LIMITS).await.unwrap();
        }
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap().unwrap().failures, 0);
    }
}

#[tokio::test]
async fn an_attempt_is_logged_while_its_password_may_be_looked_at() {
    for w in World::both().await {
        w.register(EMAIL).await;
        let logged = async || w.storage.get_attempt_stats(EMAIL, DateTime::UNIX_EPOCH).await.unwrap().count;
        let reserve =
            async || w.storage.reserve_and_log_attempt("ANN@example.com", LIMITS, Some("192.0.2.1")).await.unwrap();
        let mut entries = Vec::new();
        for number in 1..=5 {
            let attempt = reserve().await;
            assert_eq!((attempt.number, attempt.credentials.is_some()), (number, true));
            entries.push(attempt.logged.unwrap());
            assert_eq!(logged().await, number);
        }
        assert_eq!(w.count("SELECT COUNT(*) FROM failed_login_attempts WHERE ip_address = '192.0.2.1'").await, 5);
        // Refused, so nobody looked.
        assert_eq!((reserve().await.number, reserve().await.logged), (6, None));
        assert_eq!(logged().await, 5);

        // What is taken back goes with its own entry.
        w.storage.release_logged_attempt(EMAIL, LIMITS, Some(entries[1])).await.unwrap();
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap().unwrap().failures, 4);
        assert_eq!(logged().await, 4);
        w.storage.release_logged_attempt(EMAIL, LIMITS, None).await.unwrap();
        assert_eq!(logged().await, 4);
        w.storage
            .for_tenant(TenantId::from_static("other"))
            .release_logged_attempt(EMAIL, LIMITS, Some(entries[0]))
            .await
            .unwrap();
        assert_eq!(logged().await, 4, "nor does another tenant take it back");

        // The right password clears all of it.
        let attempt = reserve().await;
        let session = w.session_for(&attempt.credentials.unwrap().user.id);
        w.storage.create_and_clear_attempts(session, EMAIL).await.unwrap();
        assert_eq!((logged().await, w.storage.find_lockout(EMAIL).await.unwrap()), (0, None));
        assert_eq!(w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().logged, None);
        assert_eq!(logged().await, 0);
    }
}

#[tokio::test]
async fn the_log_is_kept_and_cleared() {
    for w in World::both().await {
        let began = w.now();
        let entry = w.storage.record_failed_attempt("ANN@example.com", Some("192.0.2.1")).await.unwrap();
        assert_eq!(
            (entry.email.as_str(), entry.ip_address.as_deref(), entry.attempted_at),
            (EMAIL, Some("192.0.2.1"), began)
        );
        assert_eq!(&entry.tenant_id, w.storage.tenant_id());
        w.clock.advance(TimeDelta::minutes(1));
        let next = w.storage.record_failed_attempt(EMAIL, None).await.unwrap();
        assert!(next.id > entry.id);
        let stats = w.storage.get_attempt_stats(EMAIL, began).await.unwrap();
        assert_eq!((stats.count, stats.latest_at), (2, Some(w.now())));
        assert_eq!(w.storage.get_attempt_stats(EMAIL, w.now()).await.unwrap().count, 1);
        w.storage.count_failure(EMAIL, LIMITS).await.unwrap();
        assert_eq!(w.storage.clear_attempts("ann@EXAMPLE.com").await.unwrap(), 2);
        assert_eq!(w.storage.get_attempt_stats(EMAIL, DateTime::UNIX_EPOCH).await.unwrap(), Default::default());
        assert_eq!(w.storage.find_lockout(EMAIL).await.unwrap(), None);
    }
}

#[tokio::test]
async fn old_entries_go_unless_the_user_is_locked_by_hand() {
    for w in World::both().await {
        w.register(EMAIL).await;
        for email in [EMAIL, "bob@example.com"] {
            w.storage.record_failed_attempt(email, None).await.unwrap();
        }
        w.clock.advance(TimeDelta::days(1));
        w.storage.record_failed_attempt("bob@example.com", None).await.unwrap();
        w.storage.set_locked_at(EMAIL, Some(w.now())).await.unwrap();
        assert_eq!(w.storage.get_locked_at("Ann@example.com").await.unwrap(), Some(w.now()));
        assert_eq!(w.storage.cleanup_old_attempts(w.now()).await.unwrap(), 1);
        w.storage.set_locked_at(EMAIL, None).await.unwrap();
        assert_eq!(w.storage.get_locked_at(EMAIL).await.unwrap(), None);
        assert_eq!(w.storage.cleanup_old_attempts(w.now()).await.unwrap(), 1);
        assert_eq!(w.storage.get_attempt_stats("bob@example.com", DateTime::UNIX_EPOCH).await.unwrap().count, 1);
        w.storage.set_locked_at("nobody@example.com", Some(w.now())).await.unwrap();
        assert_eq!(w.storage.get_locked_at("nobody@example.com").await.unwrap(), None);
        assert!(w.storage.find_by_email(EMAIL).await.unwrap().is_some());
    }
}
