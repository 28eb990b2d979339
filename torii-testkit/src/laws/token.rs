//! Mail tokens, whatever they are for.

use chrono::TimeDelta;
use torii::{Clock, TokenPurpose, User};
use torii_core::repositories::TokenRepository;

use super::expectation::{BASE, NEW_PASSWORD, is_alive, text};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, World},
};

const PURPOSES: [TokenPurpose; 3] =
    [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification];

/// Issues a token through the public API.
async fn issue<P: Provider>(w: &World<P>, user: &User, purpose: TokenPurpose) -> String {
    let token = match purpose {
        TokenPurpose::MagicLink => w.here.magic_link().generate_token(&user.email).await.unwrap(),
        TokenPurpose::PasswordReset => w.here.password().issue_reset_token(&user.email).await.unwrap().unwrap(),
        TokenPurpose::EmailVerification => w.here.send_verification_email(&user.id, BASE).await.unwrap(),
    };
    assert_eq!((&token.user_id, token.purpose), (&user.id, purpose));
    text(&token).to_owned()
}

/// Whether a token would be accepted.
async fn works<P: Provider>(w: &World<P>, token: &str, purpose: TokenPurpose) -> bool {
    w.provider.token().check_token(token, purpose).await.unwrap()
}

/// Uses a token through the public API.
async fn redeem<P: Provider>(w: &World<P>, token: &str, purpose: TokenPurpose) -> bool {
    match purpose {
        TokenPurpose::MagicLink => w.here.magic_link().authenticate(token, None, None).await.is_ok(),
        TokenPurpose::PasswordReset => w.here.password().reset_password_complete(token, NEW_PASSWORD).await.is_ok(),
        TokenPurpose::EmailVerification => w.here.verify_email_token(token).await.is_ok(),
    }
}

/// A token of one purpose is nothing for another, and is not harmed by the attempt.
pub async fn token_serves_its_purpose_only<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let session = w.here.create_session(&user.id, None, None).await.unwrap();
    for purpose in PURPOSES {
        let token = issue(w, &user, purpose).await;
        for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
            assert!(!works(w, &token, other).await, "{purpose:?} passes for {other:?}");
            assert!(!redeem(w, &token, other).await, "{purpose:?} was taken for {other:?}");
        }
        assert!(works(w, &token, purpose).await);
    }
    assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap(), user);
    assert!(is_alive(w, &session).await);
}

/// Issuing a token voids the older ones of its purpose and user, and no others.
pub async fn token_voids_older_ones<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    for purpose in PURPOSES {
        let others_token = issue(w, &other, purpose).await;
        let of_other_purposes = async |w| {
            let mut tokens = Vec::new();
            for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
                tokens.push((issue(w, &user, other).await, other));
            }
            tokens
        };
        let kept = of_other_purposes(w).await;
        let first = issue(w, &user, purpose).await;
        let second = issue(w, &user, purpose).await;
        assert!(!works(w, &first, purpose).await, "an older token of {purpose:?} still works");
        assert!(!redeem(w, &first, purpose).await);
        assert!(works(w, &second, purpose).await);
        assert!(works(w, &others_token, purpose).await, "another user's token was voided");
        for (token, purpose) in kept {
            assert!(works(w, &token, purpose).await, "a token of {purpose:?} was voided");
        }
    }
}

/// Tokens die when the user's address becomes another one: they were sent to the old one. Its proof dies with them.
pub async fn token_dies_with_the_address<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let mut tokens = Vec::new();
    for purpose in PURPOSES {
        tokens.push((issue(w, &user, purpose).await, purpose));
    }
    let moved = User { email: "moved@example.com".into(), ..w.here.get_user(&user.id).await.unwrap().unwrap() };
    let moved = w.here.update_user(&moved).await.unwrap();
    assert!(!moved.is_email_verified());
    for (token, purpose) in &tokens {
        assert!(!works(w, token, *purpose).await, "{purpose:?} outlives the address");
        assert!(!redeem(w, token, *purpose).await);
    }
    let back = w.here.update_user(&User { email: EMAIL.into(), ..moved }).await.unwrap();
    assert!(!back.is_email_verified());
    for (token, purpose) in &tokens {
        assert!(!redeem(w, token, *purpose).await, "{purpose:?} came back with the address");
    }
    assert!(!w.here.get_user(&user.id).await.unwrap().unwrap().is_email_verified());
}

/// Tokens, and the proof of the address, survive a change of the name and of the address's spelling.
pub async fn token_survives_another_spelling<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let mut tokens = Vec::new();
    for purpose in PURPOSES {
        tokens.push((issue(w, &user, purpose).await, purpose));
    }
    let user = w.here.get_user(&user.id).await.unwrap().unwrap();
    let respelled = User { email: EMAIL.to_uppercase(), name: Some("John".into()), ..user };
    let respelled = w.here.update_user(&respelled).await.unwrap();
    assert!(respelled.is_email_verified());
    assert_eq!(respelled.email, EMAIL.to_uppercase());
    for (token, purpose) in &tokens {
        assert!(works(w, token, *purpose).await, "{purpose:?} died");
    }
}

/// The tokens of a deleted user are worth nothing, even when the address is taken anew.
pub async fn token_dies_with_the_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let mut tokens = Vec::new();
    for purpose in PURPOSES {
        tokens.push((issue(w, &user, purpose).await, purpose));
    }
    w.here.delete_user(&user.id).await.unwrap();
    let successor = w.register(EMAIL).await;
    assert_ne!(successor.id, user.id);
    for (token, purpose) in tokens {
        assert!(!works(w, &token, purpose).await);
        assert!(!redeem(w, &token, purpose).await, "{purpose:?} outlives its user");
    }
    assert_eq!(w.here.get_user(&successor.id).await.unwrap().unwrap(), successor);
}

/// A token carries when it ends and what it is for, its text is 256 random bits, and what is stored is not its text.
pub async fn token_is_random_and_stored_as_a_digest<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let issue = || w.provider.token().create_token(&user.id, TokenPurpose::MagicLink, TimeDelta::minutes(7));
    let (first, second) = (issue().await.unwrap(), issue().await.unwrap());
    for token in [&first, &second] {
        assert_eq!(text(token).len(), 43);
        assert!(token.verify(text(token)));
        assert_ne!(token.token_hash, text(token));
        assert_eq!(token.expires_at, w.clock.now() + TimeDelta::minutes(7));
        assert_eq!((token.used_at, token.created_at), (None, w.clock.now()));
        assert!(!format!("{token:?}").contains(text(token)));
    }
    assert_ne!(text(&first), text(&second));
    assert!(!first.verify(text(&second)));
}

/// Storage consumes a token once, only for its purpose, and says when it was used.
pub async fn token_is_consumed_once<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for purpose in PURPOSES {
        let token = issue(w, &user, purpose).await;
        for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
            assert!(w.provider.token().verify_token(&token, other).await.unwrap().is_none());
        }
        let used = w.provider.token().verify_token(&token, purpose).await.unwrap().unwrap();
        assert_eq!((&used.user_id, used.purpose), (&user.id, purpose));
        assert!(w.provider.token().verify_token(&token, purpose).await.unwrap().is_none());
        assert!(!works(w, &token, purpose).await);
    }
}
