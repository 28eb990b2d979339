//! Sign-in by a link sent by mail.

use chrono::TimeDelta;
use torii::{Clock, JwtConfig};

use super::expectation::{
    BASE, TICK, add_identities, assert_invalid, assert_refused, created_users, identities, is_alive, no_tokens,
    register_and_sign_in, text,
};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, PASSWORD, WRONG_PASSWORD, World},
};

const REFUSED: &str = "Invalid magic token";

/// A link for an unknown address creates its user, once, without a password and unproven.
pub async fn magic_link_creates_its_user_once<P: Provider>(w: &World<P>) {
    let first = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    let user = w.here.get_user(&first.user_id).await.unwrap().unwrap();
    assert_eq!((user.email.as_str(), user.name.as_deref(), user.email_verified_at), (EMAIL, None, None));
    assert!(!w.here.password().has_password(&user.id).await.unwrap());
    let second = w.here.magic_link().generate_token(&EMAIL.to_uppercase()).await.unwrap();
    assert_eq!(second.user_id, user.id);
    assert_eq!(created_users(w), 1);
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
}

/// A link signs its owner in under a new session, proves the address, and works once.
pub async fn magic_link_signs_in_once<P: Provider>(w: &World<P>) {
    let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    w.clock.advance(TimeDelta::minutes(1));
    let (agent, address) = (Some("Browser".to_owned()), Some("192.0.2.1".to_owned()));
    let (user, session) = w.here.magic_link().authenticate(text(&token), agent.clone(), address.clone()).await.unwrap();
    assert_eq!((&user.id, &session.user_id), (&token.user_id, &token.user_id));
    assert_eq!(user.email_verified_at, Some(w.clock.now()));
    assert_eq!((&session.user_agent, &session.ip_address), (&agent, &address));
    let (signed_in, _) = w.here.authenticate_session(session.token.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(signed_in, user);

    assert_refused(w.here.magic_link().authenticate(text(&token), None, None).await, REFUSED);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
}

/// A link works for 15 minutes and no microsecond longer.
pub async fn magic_link_lives_15_minutes<P: Provider>(w: &World<P>) {
    let in_time = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    let too_late = w.here.magic_link().generate_token(OTHER_EMAIL).await.unwrap();
    assert_eq!(in_time.expires_at, w.clock.now() + TimeDelta::minutes(15));
    w.clock.advance(TimeDelta::minutes(15) - TICK);
    assert!(w.here.magic_link().authenticate(text(&in_time), None, None).await.is_ok());
    w.clock.advance(TICK);
    assert_refused(w.here.magic_link().authenticate(text(&too_late), None, None).await, REFUSED);
    assert!(w.here.list_user_sessions(&too_late.user_id).await.unwrap().is_empty());
    assert!(!w.here.get_user(&too_late.user_id).await.unwrap().unwrap().is_email_verified());
}

/// Whoever took an unproven address before its owner came loses every way back in when the owner follows a link.
pub async fn magic_link_ends_what_a_squatter_set_up<P: Provider>(w: &World<P>) {
    let (squatter, squatters_session) = register_and_sign_in(w, EMAIL).await;
    add_identities(w, &squatter).await;
    let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    assert_eq!(token.user_id, squatter.id);
    let (owner, session) = w.here.magic_link().authenticate(text(&token), None, None).await.unwrap();
    assert!(owner.is_email_verified());
    assert!(!w.here.password().has_password(&owner.id).await.unwrap());
    assert_refused(w.here.authenticate(EMAIL, PASSWORD, None, None).await, "Authentication error: Invalid credentials");
    assert!(!is_alive(w, &squatters_session).await);
    assert_eq!(identities(w, &owner).await, (0, 0));
    assert!(is_alive(w, &session).await);
}

/// A user who has proven the address keeps password, sessions, passkeys and accounts at providers.
pub async fn magic_link_keeps_what_its_owner_set_up<P: Provider>(w: &World<P>) {
    let (user, earlier) = register_and_sign_in(w, EMAIL).await;
    add_identities(w, &user).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    w.here.magic_link().authenticate(text(&token), None, None).await.unwrap();
    assert!(is_alive(w, &earlier).await);
    assert_eq!(identities(w, &user).await, (1, 1));
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_ok());
}

/// A locked address can still be signed in to by a link: the lock is for passwords.
pub async fn magic_link_ignores_the_lock<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for _ in 0..5 {
        assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
    assert!(w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    assert!(w.here.magic_link().authenticate(text(&token), None, None).await.is_ok());
}

/// Where sessions are signed tokens a link signs in too, once, and no session is stored.
pub async fn magic_link_begins_a_signed_session<P: Provider>(w: &World<P>) {
    let here = w.here_with(|torii| torii.with_jwt_sessions(JwtConfig::new_hs256(vec![7; 32]).unwrap()));
    let token = here.magic_link().generate_token(EMAIL).await.unwrap();
    let (user, session) = here.magic_link().authenticate(text(&token), None, None).await.unwrap();
    let signed = session.token.as_ref().unwrap();
    assert!(signed.is_jwt() && user.is_email_verified());
    assert_eq!(here.authenticate_session(signed).await.unwrap().unwrap().0, user);
    assert_refused(here.magic_link().authenticate(text(&token), None, None).await, REFUSED);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
}

/// A text that is no link is refused and begins no session.
pub async fn magic_link_refuses_what_is_no_token<P: Provider>(w: &World<P>) {
    let token = w.here.magic_link().generate_token(EMAIL).await.unwrap();
    for no_token in no_tokens() {
        assert_refused(w.here.magic_link().authenticate(&no_token, None, None).await, REFUSED);
    }
    assert!(w.here.list_user_sessions(&token.user_id).await.unwrap().is_empty());
    assert!(w.here.magic_link().authenticate(text(&token), None, None).await.is_ok());
}

/// A link for what is no address is refused and creates nobody.
pub async fn magic_link_needs_an_address<P: Provider>(w: &World<P>) {
    for nonsense in ["", "no address", "a@b", "a b@example.com", &format!("{}@example.com", "x".repeat(255))] {
        assert_invalid(w.here.magic_link().generate_token(nonsense).await);
        assert_invalid(w.here.magic_link().send_link(nonsense, BASE).await);
    }
    assert!(w.mails().await.is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}

/// A link goes to the stored address, whatever spelling was typed, as the base with the query parameter `token` and nothing else.
pub async fn magic_link_mail_holds_exactly_the_link<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    w.mails().await;
    let typed = "John@Example.com";
    for (base, before, after) in [
        (BASE, "https://app.example/in?token=", ""),
        ("https://app.example", "https://app.example?token=", ""),
        ("https://app.example/in//", "https://app.example/in?token=", ""),
        ("https://app.example/in?lang=de#top", "https://app.example/in?lang=de&token=", "#top"),
    ] {
        let token = w.here.magic_link().send_link(typed, base).await.unwrap();
        let mails = w.mails().await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, [EMAIL]);
        let link = format!("{before}{}{after}", text(&token));
        let body = mails[0].text_body.as_ref().unwrap();
        assert!(body.split_whitespace().any(|word| word == link), "{link} is not in the mail");
        let html = mails[0].html_body.as_ref().unwrap();
        assert!(html.contains(text(&token)));
        assert!(w.here.magic_link().authenticate(text(&token), None, None).await.is_ok());
    }
}

/// An unusable base is refused before anything is written: no user, no token, and older links stay.
pub async fn magic_link_with_a_bad_base_writes_nothing<P: Provider>(w: &World<P>) {
    let token = w.here.magic_link().generate_token(OTHER_EMAIL).await.unwrap();
    for base in ["", "in", "/in", "mailto:john@example.com", "javascript:alert(1)", "data:text/html,x", "http://"] {
        for email in [EMAIL, OTHER_EMAIL] {
            assert_invalid(w.here.magic_link().send_link(email, base).await);
        }
    }
    assert!(w.mails().await.is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 1);
    assert!(w.here.magic_link().authenticate(text(&token), None, None).await.is_ok());
}
