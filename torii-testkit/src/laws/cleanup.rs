//! Removing what is over.

use chrono::TimeDelta;
use torii::{CleanupReport, Clock, TenantScope, User};
use torii_core::{
    repositories::{BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, SessionRepository},
    session::NewSession,
};

use super::{
    ceremony::relying_party,
    expectation::{BASE, is_alive, text},
};
use crate::{
    Provider,
    world::{EMAIL, PASSWORD, UNKNOWN_EMAIL, WRONG_PASSWORD, World},
};

/// A row of every kind that ends: after a minute, five (the ceremony), 15 (link, reset, attempts), a day (verification), a week
/// (the log), and 30 days (the session).
async fn litter<P: Provider>(scope: &TenantScope<P>) -> User {
    let user = scope.register_user(EMAIL, PASSWORD).await.unwrap();
    scope.create_session(&user.id, None, None).await.unwrap();
    scope.magic_link().generate_token(EMAIL).await.unwrap();
    scope.password().issue_reset_token(EMAIL).await.unwrap();
    scope.send_verification_email(&user.id, BASE).await.unwrap();
    scope.oauth().store_pkce_verifier("state of a minute", "verifier", TimeDelta::minutes(1)).await.unwrap();
    let rp = relying_party();
    scope.passkey().start_authentication(&rp).await.unwrap();
    assert!(scope.authenticate(UNKNOWN_EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    user
}

/// The report of a clean-up as a list: sessions, mail tokens, states, challenges, log entries, lockouts.
fn numbers(report: CleanupReport) -> [u64; 6] {
    assert_eq!(report.total(), numbers_of(report).iter().sum::<u64>());
    numbers_of(report)
}

fn numbers_of(report: CleanupReport) -> [u64; 6] {
    [
        report.sessions,
        report.secure_tokens,
        report.oauth_states,
        report.passkey_challenges,
        report.failed_login_attempts,
        report.lockouts,
    ]
}

/// A clean-up removes what is over, when it is over, and reports how much that was.
pub async fn cleanup_removes_what_is_over<P: Provider>(w: &World<P>) {
    let user = litter(&w.here).await;
    let start = w.clock.now();
    let steps = [
        (TimeDelta::zero(), [0, 0, 0, 0, 0, 0]),
        (TimeDelta::minutes(2), [0, 0, 1, 0, 0, 0]),
        (TimeDelta::minutes(6), [0, 0, 0, 1, 0, 0]),
        (TimeDelta::minutes(14), [0, 0, 0, 0, 0, 0]),
        (TimeDelta::minutes(16), [0, 2, 0, 0, 0, 1]),
        (TimeDelta::hours(23), [0, 0, 0, 0, 0, 0]),
        (TimeDelta::hours(25), [0, 1, 0, 0, 0, 0]),
        (TimeDelta::days(6), [0, 0, 0, 0, 0, 0]),
        (TimeDelta::days(8), [0, 0, 0, 0, 1, 0]),
        (TimeDelta::days(29), [0, 0, 0, 0, 0, 0]),
        (TimeDelta::days(31), [1, 0, 0, 0, 0, 0]),
    ];
    for (after, removed) in steps {
        w.clock.set(start + after);
        assert_eq!(numbers(w.here.cleanup_expired().await.unwrap()), removed, "after {after}");
        assert_eq!(w.here.cleanup_expired().await.unwrap().total(), 0, "once more after {after}");
    }
    assert_eq!(w.here.list_users().await.unwrap(), [user], "users never end");
}

/// A clean-up keeps whatever still works.
pub async fn cleanup_keeps_what_is_alive<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let session = w.here.create_session(&user.id, None, None).await.unwrap();
    for _ in 0..5 {
        assert!(w.here.authenticate(UNKNOWN_EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
    let link = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    let reset = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    let verification = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    w.here.oauth().store_pkce_verifier("state", "verifier", TimeDelta::minutes(15)).await.unwrap();
    w.provider.passkey().set_challenge("challenge", "text", TimeDelta::minutes(15)).await.unwrap();
    let lockout = w.here.get_lockout_status(UNKNOWN_EMAIL).await.unwrap();
    assert!(lockout.is_locked);

    w.clock.advance(TimeDelta::minutes(14));
    assert_eq!(w.here.cleanup_expired().await.unwrap().total(), 0);
    assert_eq!(w.torii.cleanup_expired().await.unwrap().total(), 0);

    assert!(is_alive(w, &session).await);
    assert_eq!(w.here.get_lockout_status(UNKNOWN_EMAIL).await.unwrap().locked_until, lockout.locked_until);
    assert_eq!(w.here.oauth().get_pkce_verifier("state").await.unwrap().as_deref(), Some("verifier"));
    assert_eq!(w.provider.passkey().take_challenge("challenge").await.unwrap().as_deref(), Some("text"));
    assert!(w.here.password().reset_password_verify_token(text(&reset)).await.unwrap());
    assert!(w.here.check_email_verification_token(text(&verification)).await.unwrap());
    assert!(w.here.magic_link().authenticate(text(&link), None, None).await.is_ok());
}

/// A tenant's clean-up leaves the litter of others; the clean-up of all tenants does not.
pub async fn cleanup_covers_its_scope<P: Provider>(w: &World<P>) {
    let others = [w.torii.with_tenant("another-tenant"), w.torii.with_tenant("a-third-one")];
    litter(&w.here).await;
    for other in &others {
        litter(other).await;
    }
    w.clock.advance(TimeDelta::days(40));
    assert_eq!(numbers(w.here.cleanup_expired().await.unwrap()), [1, 3, 1, 1, 1, 1]);
    assert_eq!(numbers(others[0].cleanup_expired().await.unwrap()), [1, 3, 1, 1, 1, 1]);
    assert_eq!(w.here.cleanup_expired().await.unwrap().total(), 0);
    let [sessions, tokens, states, challenges, attempts, lockouts] = numbers(w.torii.cleanup_expired().await.unwrap());
    // The neighbour has an old entry in its log too.
    assert_eq!([sessions, tokens, states, challenges, attempts, lockouts], [1, 3, 1, 1, 2, 1]);
    assert_eq!(w.torii.cleanup_expired().await.unwrap().total(), 0);
}

/// A clean-up removes thousands of rows, in batches, and still exactly those that are over.
pub async fn cleanup_works_in_batches<P: Provider>(w: &World<P>) {
    const OVER: u64 = 2000;
    const ALIVE: u64 = 3;
    let user = w.register(EMAIL).await;
    for index in 0..OVER + ALIVE {
        let lifetime = if index < OVER { TimeDelta::minutes(1) } else { TimeDelta::days(365) };
        let new = NewSession { user_agent: None, ip_address: None, lifetime };
        let session = new.begin(w.tenant().clone(), user.id.clone(), w.clock.now());
        w.provider.session().create(session).await.unwrap();
        w.provider.oauth().store_pkce_verifier(&format!("{index}"), "verifier", lifetime).await.unwrap();
        w.provider.passkey().set_challenge(&format!("{index}"), "challenge", lifetime).await.unwrap();
    }
    let limits = torii::BruteForceProtectionConfig::default().limits().unwrap();
    for index in 0..OVER {
        let email = format!("guess{index}@example.com");
        w.provider.brute_force().count_failure(&email, limits).await.unwrap();
        w.provider.brute_force().record_failed_attempt(&email, None).await.unwrap();
    }
    w.clock.advance(TimeDelta::days(30));
    for index in 0..ALIVE {
        let email = format!("guess{index}@example.org");
        w.provider.brute_force().count_failure(&email, limits).await.unwrap();
        w.provider.brute_force().record_failed_attempt(&email, None).await.unwrap();
    }

    assert_eq!(numbers(w.here.cleanup_expired().await.unwrap()), [OVER, 0, OVER, OVER, OVER, OVER]);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len() as u64, ALIVE);
    for index in OVER..OVER + ALIVE {
        assert!(w.provider.oauth().get_pkce_verifier(&format!("{index}")).await.unwrap().is_some());
        assert!(w.provider.passkey().get_challenge(&format!("{index}")).await.unwrap().is_some());
    }
    w.clock.advance(TimeDelta::days(400));
    assert_eq!(numbers(w.here.cleanup_expired().await.unwrap()), [ALIVE, 0, ALIVE, ALIVE, ALIVE, ALIVE]);
}
