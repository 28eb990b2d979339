//! Sessions: tenants, issuers, time, refreshing.

use super::*;
use crate::crypto::{TokenDigest, TokenUse};

#[tokio::test]
async fn a_session_is_nothing_in_another_tenant() {
    let config = hs256().with_issuer("me");
    let default = provider(config);
    let acme = default.for_tenant(ACME);
    let other = default.for_tenant(TenantId::from_static("Acme"));
    assert_eq!(acme.tenant_id(), &ACME);

    let here = sign_in(&acme).await;
    let token = token_of(&here);
    assert_eq!(here.tenant_id, ACME);
    assert_eq!(part(&token, 1)["tenant"], "acme");
    assert_eq!(acme.get_session(&token).await.unwrap().tenant_id, ACME);
    for foreign in [&default, &other] {
        assert_eq!(refusal(foreign.get_session(&token).await), SessionError::NotFound);
        assert_eq!(refusal(foreign.refresh_session(&token, TimeDelta::hours(1)).await), SessionError::NotFound);
    }

    let token = token_of(&sign_in(&default).await);
    assert_eq!(part(&token, 1).get("tenant"), None);
    assert!(default.get_session(&token).await.is_ok());
    assert_eq!(refusal(acme.get_session(&token).await), SessionError::NotFound);
}

#[tokio::test]
async fn a_foreign_session_tells_nothing_when_it_is_over() {
    let clock = ManualClock::at(NOW);
    let default = JwtSessionProvider::new(hs256()).with_clock(clock.clone());
    let token = token_of(&sign_in(&default.for_tenant(ACME)).await);
    clock.set(time(FAR));
    assert_eq!(refusal(default.get_session(&token).await), SessionError::NotFound);
}

#[tokio::test]
async fn the_digest_is_that_of_the_token_in_its_tenant() {
    for tenant in [TenantId::default_tenant(), ACME] {
        let provider = provider(hs256()).for_tenant(tenant.clone());
        let made = sign_in(&provider).await;
        let token = token_of(&made);
        let digest = TokenDigest::new(TokenUse::Session, &tenant, token.expose_secret()).to_hex();
        assert_eq!(made.token_hash, digest);
        assert_eq!(provider.get_session(&token).await.unwrap().token_hash, digest);
    }
}

#[tokio::test]
async fn two_sessions_of_one_second_have_two_tokens() {
    let provider = provider(hs256());
    assert_ne!(token_of(&sign_in(&provider).await), token_of(&sign_in(&provider).await));
}

#[tokio::test]
async fn a_configured_issuer_is_required() {
    let mine = provider(hs256().with_issuer("me"));
    let nobodys = token_of(&sign_in(&provider(hs256())).await);
    let yours = token_of(&sign_in(&provider(hs256().with_issuer("you"))).await);
    assert_eq!(refusal(mine.get_session(&nobodys).await), invalid("Missing required claim: iss"));
    assert_eq!(refusal(mine.get_session(&yours).await), invalid("InvalidIssuer"));
    // Who configures none takes any.
    assert!(provider(hs256()).get_session(&yours).await.is_ok());
}

#[tokio::test]
async fn a_session_ends_on_the_second() {
    let clock = ManualClock::at(NOW);
    let provider = JwtSessionProvider::new(hs256()).with_clock(clock.clone());
    clock.set(time(NOW) + TimeDelta::milliseconds(900));
    let session = sign_in(&provider).await;
    let token = token_of(&session);
    assert_eq!(session.expires_at, time(NOW + 3600));

    clock.set(session.expires_at - TimeDelta::microseconds(1));
    assert!(provider.get_session(&token).await.is_ok());
    clock.set(session.expires_at);
    assert_eq!(refusal(provider.get_session(&token).await), SessionError::Expired);
    assert_eq!(refusal(provider.refresh_session(&token, TimeDelta::hours(1)).await), SessionError::Expired);
    // A server whose clock is behind takes a token from the future.
    clock.set(time(NOW - 300));
    assert!(provider.get_session(&token).await.is_ok());
}

#[test]
fn the_system_clock_grants_no_leeway() {
    let now = crate::clock::SystemClock.now().timestamp();
    let over = SessionToken::new_jwt(&JwtClaims::new("u", now - 60, now - 1), &hs256()).unwrap();
    assert_eq!(refusal(over.verify_jwt(&hs256())), SessionError::Expired);
    let unsigned_here = SessionToken::new_jwt(&JwtClaims::new("u", now - 60, now - 1), &rs256()).unwrap();
    assert_eq!(refusal(unsigned_here.verify_jwt(&hs256())), invalid("InvalidAlgorithm"));
}

#[tokio::test]
async fn absurd_lifetimes_are_bounded() {
    let provider = provider(hs256());
    let user = UserId::new("u");
    let session = provider.create_session(&user, None, None, TimeDelta::MAX).await.unwrap();
    let token = token_of(&session);
    assert_eq!(provider.get_session(&token).await.unwrap().expires_at.format("%Y").to_string(), "9999");
    assert!(provider.refresh_session(&token, TimeDelta::MAX).await.is_ok());

    let session = provider.create_session(&user, None, None, TimeDelta::MIN).await.unwrap();
    assert_eq!(refusal(provider.get_session(&token_of(&session)).await), SessionError::Expired);
}

#[tokio::test]
async fn metadata_is_carried_only_on_request_and_cut() {
    let user = UserId::new("u");
    let agent = Some("ü".repeat(5000));
    let quiet = provider(hs256());
    let made = quiet.create_session(&user, agent.clone(), None, TimeDelta::hours(1)).await.unwrap();
    assert_eq!(made.user_agent.as_ref().unwrap().len(), 1024);
    assert_eq!(quiet.get_session(&token_of(&made)).await.unwrap().user_agent, None);

    let telling = provider(hs256().with_metadata(true));
    let made = telling.create_session(&user, agent, Some("1".repeat(500)), TimeDelta::hours(1)).await.unwrap();
    let read = telling.get_session(&token_of(&made)).await.unwrap();
    assert_eq!((read.user_agent.unwrap().len(), read.ip_address.unwrap().len()), (1024, 64));
}

#[tokio::test]
async fn refreshing_keeps_the_sign_in_and_never_shortens() {
    let clock = ManualClock::at(NOW);
    let provider = JwtSessionProvider::new(hs256().with_issuer("me").with_metadata(true))
        .with_clock(clock.clone())
        .for_tenant(ACME);
    let agent = Some("Browser/1".to_owned());
    let first = provider.create_session(&UserId::new("u"), agent.clone(), None, TimeDelta::hours(1)).await.unwrap();

    clock.set(time(NOW + 60));
    let shorter = provider.refresh_session(&token_of(&first), TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(shorter.expires_at, first.expires_at);
    assert_ne!(shorter.token, first.token);

    clock.set(time(NOW + 120));
    let longer = provider.refresh_session(&token_of(&shorter), TimeDelta::hours(2)).await.unwrap();
    assert_eq!(longer.expires_at, time(NOW + 120 + 7200));
    let read = provider.get_session(&token_of(&longer)).await.unwrap();
    assert_eq!((read.user_id.as_str(), &read.tenant_id, &read.user_agent), ("u", &ACME, &agent));
    assert_eq!((read.created_at, read.updated_at), (time(NOW), time(NOW + 120)));
    // The old token is not revoked.
    assert!(provider.get_session(&token_of(&first)).await.is_ok());
}

#[tokio::test]
async fn no_refresh_goes_beyond_the_longest_lifetime() {
    let clock = ManualClock::at(NOW);
    let free = JwtSessionProvider::new(hs256()).with_clock(clock.clone());
    let bound = free.clone().with_max_lifetime(Some(TimeDelta::hours(3)));
    let user = UserId::new("u");

    let long = bound.create_session(&user, None, None, TimeDelta::hours(9)).await.unwrap();
    assert_eq!(long.expires_at, time(NOW + 3 * 3600));

    let mut session = sign_in(&bound).await;
    for step in 1..=5 {
        clock.set(time(NOW + step * 1800));
        session = bound.refresh_session(&token_of(&session), TimeDelta::hours(1)).await.unwrap();
        assert_eq!(session.expires_at, time(NOW + (step * 1800 + 3600).min(3 * 3600)));
    }
    // A session that was given more before the limit came keeps it.
    clock.set(time(NOW));
    let older = free.create_session(&user, None, None, TimeDelta::hours(9)).await.unwrap();
    let kept = bound.refresh_session(&token_of(&older), TimeDelta::hours(9)).await.unwrap();
    assert_eq!(kept.expires_at, older.expires_at);
}

#[tokio::test]
async fn revoking_ends_nothing() {
    let provider: Box<dyn SessionProvider> = Box::new(provider(hs256()));
    let user = UserId::new("u");
    let session = provider.create_session(&user, None, None, TimeDelta::hours(1)).await.unwrap();
    let token = token_of(&session);
    provider.delete_session(&token).await.unwrap();
    provider.delete_sessions_for_user(&user).await.unwrap();
    provider.cleanup_expired_sessions().await.unwrap();
    assert!(provider.list_sessions_for_user(&user).await.unwrap().is_empty());
    assert!(provider.get_session(&token).await.is_ok());
}

#[tokio::test]
async fn what_could_not_be_read_back_is_not_issued() {
    let provider = provider(hs256().with_metadata(true));
    let text = |result| match refusal(result) {
        SessionError::InvalidToken(text) => text,
        other => panic!("{other:?}"),
    };
    let nobody = provider.create_session(&UserId::new(""), None, None, TimeDelta::hours(1)).await;
    assert_eq!(text(nobody), "Failed to encode JWT: the subject is empty");
    let long = provider.create_session(&UserId::new(&"u".repeat(9000)), None, None, TimeDelta::hours(1)).await;
    assert_eq!(text(long), "Failed to encode JWT: the token would be longer than 8192 bytes");
}
