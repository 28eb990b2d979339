//! Proof that an address is the user's.

use chrono::TimeDelta;
use torii::{Clock, UserId};

use super::expectation::{BASE, TICK, assert_invalid, assert_refused, no_tokens, text};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, World},
};

const REFUSED: &str = "Session error: Invalid token: Invalid or expired email verification token";

/// A verification token marks the address as proven now, and works once.
pub async fn verification_token_verifies_once<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    assert_eq!(token.user_id, user.id);
    assert_eq!(&token.tenant_id, w.tenant());
    assert!(w.here.check_email_verification_token(text(&token)).await.unwrap(), "checking does not consume");
    assert!(w.here.check_email_verification_token(text(&token)).await.unwrap(), "checking does not consume");

    w.clock.advance(TimeDelta::minutes(1));
    let verified = w.here.verify_email_token(text(&token)).await.unwrap();
    assert_eq!(verified.id, user.id);
    assert_eq!(verified.email_verified_at, Some(w.clock.now()));
    assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap(), verified);

    assert!(!w.here.check_email_verification_token(text(&token)).await.unwrap());
    w.clock.advance(TimeDelta::minutes(1));
    assert_refused(w.here.verify_email_token(text(&token)).await, REFUSED);
    assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap(), verified);
}

/// A verification token works up to 24 hours after it was issued, and no microsecond longer.
pub async fn verification_token_lives_24_hours<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let other = w.register(OTHER_EMAIL).await;
    let in_time = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    let too_late = w.here.send_verification_email(&other.id, BASE).await.unwrap();
    assert_eq!(in_time.expires_at, w.clock.now() + TimeDelta::hours(24));

    w.clock.advance(TimeDelta::hours(24) - TICK);
    assert!(w.here.verify_email_token(text(&in_time)).await.is_ok());
    w.clock.advance(TICK);
    assert!(!w.here.check_email_verification_token(text(&too_late)).await.unwrap());
    assert_refused(w.here.verify_email_token(text(&too_late)).await, REFUSED);
    assert!(!w.here.get_user(&other.id).await.unwrap().unwrap().is_email_verified());
}

/// A text that is no verification token is refused and changes nothing.
pub async fn verification_refuses_what_is_no_token<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    for no_token in no_tokens() {
        assert!(!w.here.check_email_verification_token(&no_token).await.unwrap());
        assert_refused(w.here.verify_email_token(&no_token).await, REFUSED);
    }
    assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap(), user);
    assert!(w.here.check_email_verification_token(text(&token)).await.unwrap());
}

/// Nobody can ask for the proof of an unknown user's address.
pub async fn verification_needs_a_user<P: Provider>(w: &World<P>) {
    assert_refused(w.here.send_verification_email(&UserId::new_random(), BASE).await, "User not found");
    assert!(w.mails().await.is_empty());
}

/// A user who has proven the address can prove it again.
pub async fn verification_can_be_repeated<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    w.clock.advance(TimeDelta::days(1));
    let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    let verified = w.here.verify_email_token(text(&token)).await.unwrap();
    assert_eq!(verified.email_verified_at, Some(w.clock.now()));
}

/// A verification link goes to the user's address; an unusable base is refused before anything is written.
pub async fn verification_mail_goes_to_the_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.mails().await;

    let token = w.here.send_verification_email(&user.id, BASE).await.unwrap();
    let mails = w.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, [EMAIL]);
    let link = format!("{BASE}?token={}", text(&token));
    assert!(mails[0].text_body.as_ref().unwrap().contains(&link));

    assert_invalid(w.here.send_verification_email(&user.id, "no address").await);
    assert!(w.mails().await.is_empty());
    assert!(w.here.check_email_verification_token(text(&token)).await.unwrap(), "the older token was voided");
}
