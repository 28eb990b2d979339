//! Laws of lockouts: how many wrong passwords are borne, and what follows.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use torii::{BruteForceProtectionConfig, JwtConfig, LockoutStatus, TenantScope, ToriiError};
use torii_core::{
    BruteForceProtectionService, Clock, EmailKey,
    error::{AuthError, Error},
    events::{Event, UnlockReason},
    repositories::BruteForceProtectionRepository,
};

use super::{
    expectation::{NEW_PASSWORD, TICK, assert_refused, cause, text},
    password::{REFUSED, is_locked},
};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL, WRONG_PASSWORD, World},
};

const PERIOD: TimeDelta = TimeDelta::minutes(15);

/// Tries a wrong password.
pub(super) async fn guess<P: Provider>(here: &TenantScope<P>, email: &str) -> ToriiError {
    here.authenticate(email, WRONG_PASSWORD, None, None).await.expect_err("the password is wrong")
}

/// Tries wrong passwords that are refused as such.
pub(super) async fn guess_times<P: Provider>(w: &World<P>, email: &str, times: u32) {
    for _ in 0..times {
        assert_refused::<()>(Err(guess(&w.here, email).await), REFUSED);
    }
}

/// Tries five wrong passwords and says when the lock ends.
async fn lock<P: Provider>(w: &World<P>, email: &str) -> DateTime<Utc> {
    guess_times(w, email, 4).await;
    let error = guess(&w.here, email).await;
    match cause(&error) {
        Some(Error::Auth(AuthError::AccountLocked { locked_until: Some(until), .. })) => *until,
        other => panic!("expected a lock, got {other:?}"),
    }
}

pub(super) async fn status<P: Provider>(w: &World<P>, email: &str) -> LockoutStatus {
    w.here.get_lockout_status(email).await.unwrap()
}

/// The fifth wrong password locks the address and says for how long.
pub async fn the_fifth_wrong_password_locks<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    guess_times(w, EMAIL, 4).await;
    let error = guess(&w.here, EMAIL).await;
    let end = w.clock.now() + PERIOD;
    assert!(matches!(
        cause(&error),
        Some(Error::Auth(AuthError::AccountLocked { locked_until, retry_after_seconds: Some(900) }))
            if *locked_until == Some(end)
    ));
    assert_refused::<()>(Err(error), "Account is temporarily locked. Retry after 900 seconds");
}

/// While an address is locked no password is looked at, the right one neither.
pub async fn a_locked_address_is_refused<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    lock(w, EMAIL).await;
    let looked_at = w.hasher.computations();
    w.clock.advance(TimeDelta::milliseconds(60_500));
    let refused = w.here.authenticate(EMAIL, PASSWORD, None, None).await;
    assert_refused(refused, "Account is temporarily locked. Retry after 840 seconds");
    assert!(is_locked(&guess(&w.here, EMAIL).await));
    assert_eq!(w.hasher.computations(), looked_at);
}

/// A lock lasts until the time that was announced: it ends not before, though older attempts count no more, and not after,
/// though somebody goes on trying.
pub async fn a_lock_lasts_as_announced<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    guess_times(w, EMAIL, 1).await;
    w.clock.advance(TimeDelta::minutes(14));
    guess_times(w, EMAIL, 3).await;
    let error = guess(&w.here, EMAIL).await;
    assert_refused::<()>(Err(error), "Account is temporarily locked. Retry after 900 seconds");
    let end = w.clock.now() + PERIOD;
    for minutes in [2, 7, 14] {
        w.clock.set(end - PERIOD + TimeDelta::minutes(minutes));
        for password in [PASSWORD, WRONG_PASSWORD] {
            assert!(is_locked(&w.here.authenticate(EMAIL, password, None, None).await.unwrap_err()));
        }
        assert_eq!(status(w, EMAIL).await.locked_until, Some(end));
    }
    w.clock.set(end - TICK);
    let refused = w.here.authenticate(EMAIL, PASSWORD, None, None).await;
    assert_refused(refused, "Account is temporarily locked. Retry after 1 seconds");
    w.clock.set(end);
    assert!(!status(w, EMAIL).await.is_locked);
    w.sign_in(EMAIL).await;
}

/// When a lock has ended the count begins anew.
pub async fn the_count_begins_anew_after_a_lock<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for _ in 0..2 {
        let end = lock(w, EMAIL).await;
        assert_eq!(end, w.clock.now() + PERIOD);
        w.clock.set(end);
        assert_eq!(status(w, EMAIL).await.failed_attempts, 0);
    }
    guess_times(w, EMAIL, 4).await;
    w.sign_in(EMAIL).await;
}

/// A wrong password counts for 15 minutes after the first one of its count.
pub async fn old_wrong_passwords_count_no_more<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    guess_times(w, EMAIL, 4).await;
    w.clock.advance(PERIOD - TICK);
    assert_eq!(status(w, EMAIL).await.failed_attempts, 4);
    w.clock.advance(TICK);
    assert_eq!(status(w, EMAIL).await.failed_attempts, 0);
    guess_times(w, EMAIL, 4).await;
    assert_eq!(status(w, EMAIL).await.failed_attempts, 4);
    assert!(is_locked(&guess(&w.here, EMAIL).await));
}

/// The right password clears the count, and the log with it.
pub async fn the_right_password_clears_the_count<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for _ in 0..3 {
        guess_times(w, EMAIL, 4).await;
        w.sign_in(EMAIL).await;
        assert_eq!(status(w, EMAIL).await.failed_attempts, 0);
    }
    let since = w.clock.now() - TimeDelta::days(1);
    assert_eq!(w.provider.brute_force().get_attempt_stats(EMAIL, since).await.unwrap().count, 0);
}

/// The right password clears the count where sessions are signed tokens too.
pub async fn the_right_password_clears_the_count_without_a_row<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let here = w.here_with(|torii| torii.with_jwt_sessions(JwtConfig::new_hs256(vec![7; 32]).unwrap()));
    for _ in 0..3 {
        guess_times(w, EMAIL, 4).await;
        here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
        assert_eq!(status(w, EMAIL).await.failed_attempts, 0);
    }
    lock(w, EMAIL).await;
    assert!(is_locked(&here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err()));
}

/// Wrong passwords that the application checked itself count with those of sign-in, and lock alike.
pub async fn passwords_checked_elsewhere_count<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let config = BruteForceProtectionConfig::default();
    let service = BruteForceProtectionService::new(Arc::new(w.provider.clone()), config);
    guess_times(w, EMAIL, 2).await;
    for number in 3..=5 {
        let status = service.record_failed_attempt("John@example.com", Some("192.0.2.1")).await.unwrap();
        assert_eq!((status.failed_attempts, status.is_locked), (number, number == 5));
    }
    assert!(service.is_locked(EMAIL).await.unwrap());
    assert!(is_locked(&w.here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err()));
    service.reset_attempts(EMAIL).await.unwrap();
    assert!(!service.is_locked(EMAIL).await.unwrap());
    w.sign_in(EMAIL).await;
}

/// A password reset lifts the lock.
pub async fn a_reset_lifts_the_lock<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    lock(w, EMAIL).await;
    let token = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    w.here.password().reset_password_complete(text(&token), NEW_PASSWORD).await.unwrap();
    assert!(!status(w, EMAIL).await.is_locked);
    w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.unwrap();
}

/// An address that nobody has locks as any other does, and reads the same.
pub async fn unknown_addresses_lock_alike<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for _ in 0..7 {
        let (known, unknown) = (guess(&w.here, EMAIL).await, guess(&w.here, UNKNOWN_EMAIL).await);
        assert_eq!(known.to_string(), unknown.to_string());
        let (known, unknown) = (status(w, EMAIL).await, status(w, UNKNOWN_EMAIL).await);
        assert_eq!(LockoutStatus { email: UNKNOWN_EMAIL.into(), ..known }, unknown);
    }
    assert!(status(w, UNKNOWN_EMAIL).await.is_locked);
}

/// All spellings of an address have one count.
pub async fn spellings_count_together<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for typed in [EMAIL, "JOHN@example.com", " john@EXAMPLE.com", "John@Example.Com\n"] {
        assert_refused::<()>(Err(guess(&w.here, typed).await), REFUSED);
    }
    assert_eq!(status(w, "joHN@example.com ").await.failed_attempts, 4);
    assert!(is_locked(&guess(&w.here, "jOHN@example.com").await));
    assert!(is_locked(&w.here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err()));
    assert!(w.here.unlock_account("JOHN@EXAMPLE.COM").await.unwrap());
    w.sign_in(EMAIL).await;
}

/// What is tried as an address may be of any length: it is counted, and nothing long is stored.
pub async fn over_long_addresses_are_counted_briefly<P: Provider>(w: &World<P>) {
    for length in [255, 2_000, 1 << 20] {
        let email = format!("{}@example.com", "a".repeat(length));
        lock(w, &email).await;
        assert!(status(w, &email).await.is_locked);
        assert!(!status(w, &email[1..]).await.is_locked);
        let logged = w.provider.brute_force().record_failed_attempt(&email, None).await.unwrap();
        assert!(logged.email.len() <= 254);
    }
    assert_eq!(w.count("SELECT COUNT(*) FROM lockouts WHERE LENGTH(email_key) > 254").await, 0);
    assert_eq!(w.count("SELECT COUNT(*) FROM failed_login_attempts WHERE LENGTH(email) > 254").await, 0);
}

/// Without protection nothing is counted or stored, and the right password always works.
pub async fn protection_can_be_off<P: Provider>(w: &World<P>) {
    let here = w.here_with(|torii| torii.with_brute_force_protection(BruteForceProtectionConfig::disabled()));
    w.register(EMAIL).await;
    let rows = w.count("SELECT COUNT(*) FROM lockouts").await;
    for _ in 0..10 {
        assert_refused::<()>(Err(guess(&here, EMAIL).await), REFUSED);
    }
    let status = here.get_lockout_status(EMAIL).await.unwrap();
    assert_eq!((status.failed_attempts, status.is_locked, status.locked_until), (0, false, None));
    assert_eq!(w.count("SELECT COUNT(*) FROM lockouts").await, rows);
    here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
}

/// The status of an address says what counts against it, when the lock ends, and how long that is.
pub async fn the_status_says_what_counts<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let expected = |failed_attempts, locked_until: Option<DateTime<Utc>>| LockoutStatus {
        email: " John@example.com".into(),
        tenant_id: w.tenant().clone(),
        failed_attempts,
        is_locked: locked_until.is_some(),
        locked_until,
        as_of: w.clock.now(),
    };
    assert_eq!(status(w, " John@example.com").await, expected(0, None));
    guess_times(w, EMAIL, 2).await;
    assert_eq!(status(w, " John@example.com").await, expected(2, None));
    guess_times(w, EMAIL, 2).await;
    guess(&w.here, EMAIL).await;
    w.clock.advance(TimeDelta::milliseconds(1_500));
    guess(&w.here, EMAIL).await;
    let locked = status(w, " John@example.com").await;
    assert_eq!(locked, expected(5, Some(w.clock.now() + PERIOD - TimeDelta::milliseconds(1_500))));
    assert_eq!(locked.retry_after_seconds(), Some(899));
}

/// A user is locked while the lock lasts, since the first wrong password, and not a moment longer.
pub async fn a_user_is_locked_as_long_as_the_lock<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let read = async || w.here.get_user(&user.id).await.unwrap().unwrap();
    let began = w.clock.now();
    guess_times(w, EMAIL, 1).await;
    w.clock.advance(TimeDelta::minutes(1));
    guess_times(w, EMAIL, 3).await;
    assert!(!read().await.is_locked());
    guess(&w.here, EMAIL).await;
    assert_eq!(read().await.locked_at, Some(began));
    assert!(w.here.get_user_by_email(EMAIL).await.unwrap().unwrap().is_locked());
    assert!(w.here.list_users().await.unwrap()[0].is_locked());
    w.clock.advance(PERIOD);
    assert!(!read().await.is_locked());
    assert!(!w.here.list_users().await.unwrap()[0].is_locked());
    assert!(!w.sign_in(EMAIL).await.0.is_locked());
}

/// An administrator can lift a lock, is told whether there was one, and the event says who did it.
pub async fn an_administrator_can_unlock<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    assert!(!w.here.unlock_account(EMAIL).await.unwrap());
    lock(w, EMAIL).await;
    w.events.take();
    assert!(w.here.unlock_account(EMAIL).await.unwrap());
    assert!(!w.here.unlock_account(EMAIL).await.unwrap());
    assert_eq!(status(w, EMAIL).await.failed_attempts, 0);
    match &w.events.take()[..] {
        [(tenant, Event::AccountUnlocked { email, reason: UnlockReason::AdminAction, timestamp })] => {
            assert_eq!((tenant, email.as_str(), *timestamp), (w.tenant(), EMAIL, w.clock.now()));
        }
        other => panic!("expected one event, got {other:?}"),
    }
    w.sign_in(EMAIL).await;
}

/// A lock that storage keeps with the user is told, and ends with the next right password or by an administrator.
pub async fn a_stored_lock_is_told_and_cleared<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let since = w.clock.now() - TimeDelta::days(3);
    for by_administrator in [false, true] {
        w.provider.brute_force().set_locked_at(EMAIL, Some(since)).await.unwrap();
        assert_eq!(w.provider.brute_force().get_locked_at("John@example.com").await.unwrap(), Some(since));
        assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap().locked_at, Some(since));
        if by_administrator {
            assert!(w.here.unlock_account(EMAIL).await.unwrap());
        } else {
            assert!(!w.sign_in(EMAIL).await.0.is_locked());
        }
        assert!(!w.here.get_user(&user.id).await.unwrap().unwrap().is_locked());
    }
    w.provider.brute_force().set_locked_at(UNKNOWN_EMAIL, Some(since)).await.unwrap();
    assert_eq!(w.provider.brute_force().get_locked_at(UNKNOWN_EMAIL).await.unwrap(), None);
}

/// Wrong passwords and locks are told to whoever listens, with the tenant, the count and where they came from.
pub async fn lockouts_are_events<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    w.events.take();
    let origin = || Some("192.0.2.1".to_owned());
    for _ in 0..5 {
        assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, origin()).await.is_err());
    }
    let events = w.events.take();
    let mut told = Vec::new();
    for (tenant, event) in &events {
        assert_eq!(tenant, w.tenant());
        match event {
            Event::LoginFailed { email, failed_attempts, ip_address, timestamp } => {
                assert_eq!((email.as_str(), ip_address, *timestamp), (EMAIL, &origin(), w.clock.now()));
                told.push((*failed_attempts, false));
            }
            Event::AccountLocked { email, failed_attempts, locked_until, ip_address, .. } => {
                assert_eq!((email.as_str(), ip_address), (EMAIL, &origin()));
                assert_eq!(*locked_until, w.clock.now() + PERIOD);
                told.push((*failed_attempts, true));
            }
            other => panic!("{other:?} is about something else"),
        }
    }
    assert_eq!(told, [(1, false), (2, false), (3, false), (4, false), (5, true)]);
}

/// Wrong passwords here do not count next door, nor theirs here.
pub async fn tenants_count_apart<P: Provider>(w: &World<P>) {
    assert!(w.neighbour.get_lockout_status(OTHER_EMAIL).await.unwrap().is_locked);
    w.register(OTHER_EMAIL).await;
    assert_eq!(status(w, OTHER_EMAIL).await.failed_attempts, 0);
    w.sign_in(OTHER_EMAIL).await;
    assert!(!w.here.unlock_account(OTHER_EMAIL).await.unwrap());
    w.register(EMAIL).await;
    lock(w, EMAIL).await;
    assert!(!w.neighbour.get_lockout_status(EMAIL).await.unwrap().is_locked);
    assert!(w.neighbour.get_lockout_status(OTHER_EMAIL).await.unwrap().is_locked);
}

/// How many wrong passwords are borne, and for how long they count, is the application's choice; none is at least one.
pub async fn limits_are_configurable<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for (max_failed_attempts, borne) in [(0, 0), (1, 0), (3, 2)] {
        let lockout_period = TimeDelta::seconds(10);
        let config = BruteForceProtectionConfig { max_failed_attempts, lockout_period, ..Default::default() };
        let here = w.here_with(|torii| torii.with_brute_force_protection(config));
        for _ in 0..borne {
            assert_refused::<()>(Err(guess(&here, EMAIL).await), REFUSED);
        }
        let locked = guess(&here, EMAIL).await;
        assert_refused::<()>(Err(locked), "Account is temporarily locked. Retry after 10 seconds");
        w.clock.advance(lockout_period);
        here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    }
}

/// Periods beyond every calendar are as good as for ever, and fail nothing.
pub async fn absurd_periods_are_for_ever<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for lockout_period in [TimeDelta::MAX, TimeDelta::MIN] {
        let config = BruteForceProtectionConfig { max_failed_attempts: 2, lockout_period, ..Default::default() };
        let here = w.here_with(|torii| torii.with_brute_force_protection(config));
        for _ in 0..3 {
            guess(&here, EMAIL).await;
        }
        let is_locked = here.get_lockout_status(EMAIL).await.unwrap().is_locked;
        assert_eq!(is_locked, lockout_period == TimeDelta::MAX);
        here.unlock_account(EMAIL).await.unwrap();
    }
    w.sign_in(EMAIL).await;
}

/// The log has every wrong password since a time, under the key of the address, and where it came from.
pub async fn the_log_has_every_wrong_password<P: Provider>(w: &World<P>) {
    let log = w.provider.brute_force();
    let start = w.clock.now();
    for _ in 0..3 {
        let logged = log.record_failed_attempt("John@Example.com", Some("192.0.2.1")).await.unwrap();
        assert_eq!((logged.email.as_str(), &logged.tenant_id), (EmailKey::new(EMAIL).as_str(), w.tenant()));
        assert_eq!((logged.ip_address.as_deref(), logged.attempted_at), (Some("192.0.2.1"), w.clock.now()));
        w.clock.advance(TimeDelta::minutes(1));
    }
    let stats = log.get_attempt_stats(EMAIL, start).await.unwrap();
    assert_eq!((stats.count, stats.latest_at), (3, Some(start + TimeDelta::minutes(2))));
    assert_eq!(log.get_attempt_stats(EMAIL, start + TICK).await.unwrap().count, 2);
    let none = log.get_attempt_stats(UNKNOWN_EMAIL, start).await.unwrap();
    assert_eq!((none.count, none.latest_at), (0, None));
    assert_eq!(log.clear_attempts(" JOHN@example.com").await.unwrap(), 3);
    assert_eq!(log.clear_attempts(EMAIL).await.unwrap(), 0);
}
