//! Password reset by mail.

use chrono::TimeDelta;
use torii::{Clock, UserId};
use torii_core::repositories::BruteForceProtectionRepository;

use super::expectation::{
    BASE, NEW_PASSWORD, TICK, add_identities, assert_invalid, assert_refused, identities, is_alive, no_tokens,
    register_and_sign_in, text,
};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL, WRONG_PASSWORD, World},
};

const REFUSED: &str = "Authentication error: Invalid credentials";

/// Issues a token for the owner of an address.
async fn issue<P: Provider>(w: &World<P>, email: &str) -> String {
    let token = w.here.password().issue_reset_token(email).await.unwrap().expect("somebody owns the address");
    text(&token).to_owned()
}

/// Whether a password signs in.
async fn signs_in<P: Provider>(w: &World<P>, email: &str, password: &str) -> bool {
    w.here.authenticate(email, password, None, None).await.is_ok()
}

/// Asking for a reset of an unknown address is answered like any other, sends no mail and writes nothing.
pub async fn reset_of_an_unknown_address_is_silent<P: Provider>(w: &World<P>) {
    for nobody in [UNKNOWN_EMAIL, "no address", "", &"x".repeat(1 << 20)] {
        w.here.password().reset_password_initiate(nobody, BASE).await.unwrap();
        assert!(w.here.password().issue_reset_token(nobody).await.unwrap().is_none());
    }
    assert!(w.mails().await.is_empty());
    assert_eq!(w.here.count_users().await.unwrap(), 0);
    w.clock.advance(TimeDelta::days(1));
    assert_eq!(w.here.cleanup_expired().await.unwrap().secure_tokens, 0, "a token was stored for nobody");
}

/// A reset token sets the new password, works once, and ends the old password.
pub async fn reset_sets_the_password_once<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = issue(w, EMAIL).await;
    assert!(w.here.password().reset_password_verify_token(&token).await.unwrap());
    assert!(w.here.password().reset_password_verify_token(&token).await.unwrap(), "checking does not consume");

    let answered = w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert_eq!(answered.id, user.id);
    assert!(!signs_in(w, EMAIL, PASSWORD).await);
    assert!(signs_in(w, EMAIL, NEW_PASSWORD).await);

    assert!(!w.here.password().reset_password_verify_token(&token).await.unwrap());
    assert_refused(w.here.password().reset_password_complete(&token, "a third password").await, REFUSED);
    assert!(signs_in(w, EMAIL, NEW_PASSWORD).await);
}

/// A reset of an account whose address was never proven removes the passkeys and accounts that somebody else may have left.
pub async fn reset_ends_what_a_squatter_set_up<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    add_identities(w, &user).await;
    let token = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert_eq!(identities(w, &user).await, (0, 0));
}

/// A reset of an account whose address was proven leaves its passkeys and accounts.
pub async fn reset_keeps_what_its_owner_set_up<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    add_identities(w, &user).await;
    let token = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert_eq!(identities(w, &user).await, (1, 1));
}

/// A reset ends every session of its user, begins none, and leaves those of others.
pub async fn reset_ends_all_sessions<P: Provider>(w: &World<P>) {
    let (user, first) = register_and_sign_in(w, EMAIL).await;
    let (_, second) = w.sign_in(EMAIL).await;
    let (_, bystander) = register_and_sign_in(w, OTHER_EMAIL).await;
    let token = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    for session in [first, second] {
        assert!(!is_alive(w, &session).await);
    }
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert!(is_alive(w, &bystander).await);
}

/// A password that breaks the rules is refused and does not consume the token.
pub async fn reset_with_a_weak_password_keeps_the_token<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let token = issue(w, EMAIL).await;
    for weak in ["", "       ", "         ", "1234567", &"x".repeat(129), &"x".repeat(1 << 20)] {
        assert_invalid(w.here.password().reset_password_complete(&token, weak).await);
    }
    assert!(signs_in(w, EMAIL, PASSWORD).await);
    assert!(w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.is_ok());
}

/// A reset, and a change of the password, void the user's reset tokens; setting the password through one token ends the others.
pub async fn reset_tokens_end_with_the_password<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = issue(w, EMAIL).await;
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert!(!w.here.password().reset_password_verify_token(&token).await.unwrap());
    assert_refused(w.here.password().reset_password_complete(&token, PASSWORD).await, REFUSED);
    assert!(signs_in(w, EMAIL, NEW_PASSWORD).await);

    let older = issue(w, EMAIL).await;
    let newer = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&newer, PASSWORD).await.unwrap();
    assert_refused(w.here.password().reset_password_complete(&older, NEW_PASSWORD).await, REFUSED);
    assert!(signs_in(w, EMAIL, PASSWORD).await);
}

/// A reset lifts the lock of the address.
pub async fn reset_lifts_the_lock<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    for _ in 0..5 {
        assert!(!signs_in(w, EMAIL, WRONG_PASSWORD).await);
    }
    assert!(w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    assert!(!signs_in(w, EMAIL, PASSWORD).await);
    w.provider.brute_force().set_locked_at(EMAIL, Some(w.clock.now())).await.unwrap();
    let token = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert!(!w.here.get_user_by_email(EMAIL).await.unwrap().unwrap().is_locked());
    let status = w.here.get_lockout_status(EMAIL).await.unwrap();
    assert!(!status.is_locked);
    assert_eq!(status.failed_attempts, 0);
    assert!(signs_in(w, EMAIL, NEW_PASSWORD).await);
}

/// A user without a password gets one by a reset.
pub async fn reset_gives_a_first_password<P: Provider>(w: &World<P>) {
    let user_id = w.here.magic_link().generate_token(EMAIL).await.unwrap().user_id;
    assert!(!w.here.password().has_password(&user_id).await.unwrap());
    let token = issue(w, EMAIL).await;
    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert!(w.here.password().has_password(&user_id).await.unwrap());
    assert!(signs_in(w, EMAIL, NEW_PASSWORD).await);
}

/// A reset link works for 15 minutes, or as long as it was given, and no microsecond longer.
pub async fn reset_token_lives_15_minutes<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    w.register(OTHER_EMAIL).await;
    let (in_time, too_late) = (issue(w, EMAIL).await, issue(w, OTHER_EMAIL).await);
    w.clock.advance(TimeDelta::minutes(15) - TICK);
    assert!(w.here.password().reset_password_complete(&in_time, NEW_PASSWORD).await.is_ok());
    w.clock.advance(TICK);
    assert!(!w.here.password().reset_password_verify_token(&too_late).await.unwrap());
    assert_refused(w.here.password().reset_password_complete(&too_late, NEW_PASSWORD).await, REFUSED);
    assert!(signs_in(w, OTHER_EMAIL, PASSWORD).await);

    w.mails().await;
    let two_hours = TimeDelta::hours(2);
    w.here.password().reset_password_initiate_with_expiration(EMAIL, BASE, two_hours).await.unwrap();
    w.here.flush_mail().await;
    let token = token_of(w.outbox.take()[0].text_body.as_ref().unwrap());
    w.clock.advance(two_hours - TICK);
    assert!(w.here.password().reset_password_verify_token(&token).await.unwrap());
    w.clock.advance(TICK);
    assert!(!w.here.password().reset_password_verify_token(&token).await.unwrap());
}

/// The token in a mail.
fn token_of(body: &str) -> String {
    let after = body.split_once(&format!("{BASE}?token=")).expect("the mail holds the link").1;
    after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

/// A text that is no reset token is refused and changes nothing.
pub async fn reset_refuses_what_is_no_token<P: Provider>(w: &World<P>) {
    let (_, session) = register_and_sign_in(w, EMAIL).await;
    let token = issue(w, EMAIL).await;
    for no_token in no_tokens() {
        assert!(!w.here.password().reset_password_verify_token(&no_token).await.unwrap());
        assert_refused(w.here.password().reset_password_complete(&no_token, NEW_PASSWORD).await, REFUSED);
    }
    assert!(is_alive(w, &session).await);
    assert!(signs_in(w, EMAIL, PASSWORD).await);
    assert!(w.here.password().reset_password_verify_token(&token).await.unwrap());
}

/// A reset link goes to the stored address, its completion is announced there, and an unusable base is refused alike for known
/// and unknown addresses before anything is written.
pub async fn reset_mails_go_to_the_stored_address<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.mails().await;

    w.here.password().reset_password_initiate(&EMAIL.to_uppercase(), BASE).await.unwrap();
    let mails = w.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, [user.email.as_str()]);
    let token = token_of(mails[0].text_body.as_ref().unwrap());

    for email in [EMAIL, UNKNOWN_EMAIL] {
        assert_invalid(w.here.password().reset_password_initiate(email, "javascript:alert(1)").await);
    }
    assert!(w.mails().await.is_empty());

    w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    let mails = w.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, [user.email.as_str()]);
    assert!(!mails[0].text_body.as_ref().unwrap().contains("token="));
}

/// A reset proves nothing beyond the token: it does not verify the address, and an unknown user's id changes nothing.
pub async fn reset_does_not_verify_the_address<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = issue(w, EMAIL).await;
    let answered = w.here.password().reset_password_complete(&token, NEW_PASSWORD).await.unwrap();
    assert!(!answered.is_email_verified());
    assert!(!w.here.get_user(&user.id).await.unwrap().unwrap().is_email_verified());
    assert!(!w.here.password().has_password(&UserId::new_random()).await.unwrap());
}
