//! Laws of passwords: signing in with them, and changing them.

use chrono::TimeDelta;
use torii::{ToriiError, UserId};
use torii_core::{
    Clock, NewUser,
    error::{AuthError, Error},
    events::Event,
    password::{HashingConfig, PasswordHasher},
    repositories::{PasswordRepository, UserRepository},
};

use super::expectation::{NEW_PASSWORD, assert_invalid, assert_refused, cause, is_alive, register_and_sign_in};
use crate::{
    Provider,
    world::{EMAIL, NEIGHBOUR_PASSWORD, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL, WRONG_PASSWORD, World},
};

/// What every refusal of credentials reads like.
pub(super) const REFUSED: &str = "Authentication error: Invalid credentials";

/// A wrong password, a user without one, and an unknown address get the same answer after the same hashing.
pub async fn refusals_are_alike<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    w.provider.user().create(NewUser::new("passwordless@example.com".into())).await.unwrap();
    for email in [EMAIL, "passwordless@example.com", UNKNOWN_EMAIL, OTHER_EMAIL] {
        let before = w.hasher.computations();
        assert_refused(w.here.authenticate(email, WRONG_PASSWORD, None, None).await, REFUSED);
        assert_eq!(w.hasher.computations() - before, 1, "{email}");
        assert_eq!(w.here.get_lockout_status(email).await.unwrap().failed_attempts, 1, "{email}");
    }
    let before = w.hasher.computations();
    w.sign_in(EMAIL).await;
    assert_eq!(w.hasher.computations() - before, 1);
}

/// Every sign-in begins a session of its own, with where it came from.
pub async fn every_sign_in_begins_a_session<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (agent, address) = (Some("Browser/1.0".to_owned()), Some("2001:db8::1".to_owned()));
    let (found, first) = w.here.authenticate(EMAIL, PASSWORD, agent.clone(), address.clone()).await.unwrap();
    let (_, second) = w.sign_in(EMAIL).await;
    assert_eq!(found, user);
    assert_eq!((&first.user_agent, &first.ip_address), (&agent, &address));
    assert_eq!((&second.user_agent, &second.ip_address), (&None, &None));
    assert_ne!(first.token, second.token);
    assert!(is_alive(w, &first).await && is_alive(w, &second).await);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 2);
}

/// An address need not be proven to sign in.
pub async fn unverified_users_sign_in<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    assert!(!w.sign_in(EMAIL).await.0.is_email_verified());
}

/// Any text may be tried as address and password: what fits nobody is refused, and creates nobody.
pub async fn nonsense_does_not_sign_in<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let megabyte = "x".repeat(1 << 20);
    let nonsense = ["", " ", "john", "%", "john@example.com' --", "jöhn@exämple.com", "\u{1f511}", megabyte.as_str()];
    for text in nonsense {
        assert_refused(w.here.authenticate(text, PASSWORD, None, None).await, REFUSED);
    }
    // PostgreSQL knows no text with a NUL, and may say so.
    assert!(w.here.authenticate("john@example.com\0", PASSWORD, None, None).await.is_err());
    for password in ["", megabyte.as_str(), "correct horse battery staple\0", "CORRECT HORSE BATTERY STAPLE"] {
        assert_refused(w.here.authenticate(EMAIL, password, None, None).await, REFUSED);
    }
    assert_eq!(w.here.count_users().await.unwrap(), 1);
    w.sign_in(EMAIL).await;
}

/// A new password has 8 to 128 characters, of any script, and is not blank; what breaks that is refused before it is hashed.
pub async fn passwords_have_bounds<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let before = w.hasher.computations();
    let rule = |text: &str| format!("Validation error: Invalid password: {text}");
    let (longest, too_long) = ("\u{1f511}".repeat(128), "p".repeat(129));
    for (password, text) in [
        ("", "Validation error: Missing required field: Password is required".to_owned()),
        (" \t\u{a0}\n \t\u{a0}\n", rule("Password cannot be only whitespace")),
        ("sevenis", rule("Password must be at least 8 characters long")),
        ("\u{e9}\u{e9}\u{e9}\u{e9}", rule("Password must be at least 8 characters long")),
        (&too_long, rule("Password must be no more than 128 characters long")),
        (&"p".repeat(1 << 20), rule("Password must be no more than 128 characters long")),
    ] {
        assert_refused(w.here.register_user(UNKNOWN_EMAIL, password).await, &text);
        assert_refused(w.here.register_user(EMAIL, password).await, &text);
        assert_refused(w.here.password().set_password(&user.id, password).await, &text);
        assert_refused(w.here.password().change_password(&user.id, PASSWORD, password).await, &text);
    }
    assert_eq!(w.hasher.computations(), before);
    assert_eq!(w.here.count_users().await.unwrap(), 1);
    for (number, password) in
        ["eight888", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", &longest].into_iter().enumerate()
    {
        let email = format!("user{number}@example.com");
        w.here.register_user(&email, password).await.unwrap();
        w.here.authenticate(&email, password, None, None).await.unwrap();
    }
}

/// A password can be given, replaced and taken away, and no session ends by it.
pub async fn passwords_are_given_and_taken<P: Provider>(w: &World<P>) {
    let user = w.provider.user().create(NewUser::new(EMAIL.into())).await.unwrap();
    let session = w.here.create_session(&user.id, None, None).await.unwrap();
    assert!(!w.here.password().has_password(&user.id).await.unwrap());
    for password in [PASSWORD, NEW_PASSWORD] {
        w.here.password().set_password(&user.id, password).await.unwrap();
        assert!(w.here.password().has_password(&user.id).await.unwrap());
        w.here.authenticate(EMAIL, password, None, None).await.unwrap();
    }
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_err());
    w.here.password().remove_password(&user.id).await.unwrap();
    assert!(!w.here.password().has_password(&user.id).await.unwrap());
    assert_refused(w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await, REFUSED);
    assert!(is_alive(w, &session).await);
}

/// A stored text that is no hash is nobody's password, and an empty one is no password at all.
pub async fn an_empty_hash_is_no_password<P: Provider>(w: &World<P>) {
    let user = w.provider.user().create(NewUser::new(EMAIL.into())).await.unwrap();
    for hash in ["", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ", "$2b$12$abcdefghijklmnopqrstuv"] {
        w.provider.password().set_password_hash(&user.id, hash).await.unwrap();
        assert_eq!(w.here.password().has_password(&user.id).await.unwrap(), !hash.is_empty(), "{hash:?}");
        for password in ["", hash, PASSWORD] {
            assert!(w.here.authenticate(EMAIL, password, None, None).await.is_err());
        }
        w.here.unlock_account(EMAIL).await.unwrap();
    }
    let changed = w.here.password().change_password(&user.id, "", NEW_PASSWORD).await;
    assert_refused(changed, REFUSED);
}

/// A password from before there were rules still signs in.
pub async fn old_short_passwords_sign_in<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for password in ["hi", "", "\u{1f511}"] {
        let hash = w.hasher.hash(w.tenant(), password).await.unwrap();
        w.provider.password().set_password_hash(&user.id, &hash).await.unwrap();
        assert_eq!(w.here.authenticate(EMAIL, password, None, None).await.unwrap().0.id, user.id);
    }
}

/// A hash with old parameters is replaced when its password signs in, and only then.
pub async fn outdated_hashes_are_replaced<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let hash = async || w.provider.password().get_password_hash(&user.id).await.unwrap().unwrap();
    let old = hash().await;
    let stronger = PasswordHasher::new(HashingConfig::insecure_fast_for_tests().iterations(2)).unwrap();
    let here = w.here_with(|torii| torii.with_password_hasher(stronger));
    assert!(here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    assert_eq!(hash().await, old);
    here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    let new = hash().await;
    assert!(old.contains("t=1,") && new.contains("t=2,"), "{old} became {new}");
    here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    assert_eq!(hash().await, new);
    w.sign_in(EMAIL).await;
    assert_eq!(hash().await, new, "a stronger hash is not replaced by a weaker one");
}

/// A hash is replaced by a newer one of the same password only if nobody changed it meanwhile.
pub async fn a_rehash_gives_way_to_a_change<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let old = w.provider.password().get_password_hash(&user.id).await.unwrap().unwrap();
    w.here.password().set_password(&user.id, NEW_PASSWORD).await.unwrap();
    w.provider.password().upgrade_hash(&user.id, &old, "a hash of the old password").await.unwrap();
    w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.unwrap();
}

/// Changing a password puts the new one in force, and ends every session of the user and nobody else's.
pub async fn changing_a_password_ends_sessions<P: Provider>(w: &World<P>) {
    let (user, first) = register_and_sign_in(w, EMAIL).await;
    let (_, second) = w.sign_in(EMAIL).await;
    let (_, others) = register_and_sign_in(w, OTHER_EMAIL).await;
    w.events.take();
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert!(!is_alive(w, &first).await && !is_alive(w, &second).await && is_alive(w, &others).await);
    assert_refused(w.here.authenticate(EMAIL, PASSWORD, None, None).await, REFUSED);
    w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.unwrap();
    w.sign_in(OTHER_EMAIL).await;
    let events = w.events.take();
    assert!(events.iter().any(|(tenant, event)| {
        tenant == w.tenant() && matches!(event, Event::SessionsCleared(id) if *id == user.id)
    }));
}

/// Changing a password ends the reset tokens that were sent before.
pub async fn changing_a_password_voids_reset_tokens<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let token = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    let token = token.token().unwrap();
    assert!(w.here.password().reset_password_verify_token(token).await.unwrap());
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert!(!w.here.password().reset_password_verify_token(token).await.unwrap());
    assert_refused(w.here.password().reset_password_complete(token, PASSWORD).await, REFUSED);
}

/// A password may be changed to itself.
pub async fn a_password_may_be_changed_to_itself<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.password().change_password(&user.id, PASSWORD, PASSWORD).await.unwrap();
    w.sign_in(EMAIL).await;
}

/// A change that is refused changes nothing: no password, no session, no token.
pub async fn a_refused_change_changes_nothing<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let token = w.here.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    assert_refused(w.here.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await, REFUSED);
    assert_invalid(w.here.password().change_password(&user.id, PASSWORD, "short").await);
    assert_eq!(w.here.get_lockout_status(EMAIL).await.unwrap().failed_attempts, 1, "only the wrong password counts");
    assert!(is_alive(w, &session).await);
    assert!(w.here.password().reset_password_verify_token(token.token().unwrap()).await.unwrap());
    w.sign_in(EMAIL).await;
}

/// Changing the password of a user who does not exist here is refused as that.
pub async fn changing_an_unknown_users_password_is_refused<P: Provider>(w: &World<P>) {
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap().id;
    for id in [stranger, UserId::new_random(), UserId::new("")] {
        let changed = w.here.password().change_password(&id, NEIGHBOUR_PASSWORD, NEW_PASSWORD).await;
        assert_refused(changed, "User not found");
    }
}

/// Wrong old passwords count with those of sign-in, lock the address, and are not looked at while it is locked.
pub async fn guessing_the_old_password_locks<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    for _ in 0..2 {
        assert_refused(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await, REFUSED);
        assert_refused(w.here.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await, REFUSED);
    }
    let fifth = w.here.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await;
    assert_refused(fifth, "Account is temporarily locked. Retry after 900 seconds");
    let looked_at = w.hasher.computations();
    let locked = w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await;
    assert!(is_locked(&locked.unwrap_err()));
    assert!(is_locked(&w.here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err()));
    assert_eq!(w.hasher.computations(), looked_at);
    assert!(is_alive(w, &session).await);
    w.clock.advance(TimeDelta::minutes(15));
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
}

pub(super) fn is_locked(error: &ToriiError) -> bool {
    matches!(cause(error), Some(Error::Auth(AuthError::AccountLocked { .. })))
}

/// A change is made from the hash that was looked at: if somebody was faster it is superseded and writes nothing.
pub async fn a_change_needs_the_hash_it_was_made_for<P: Provider>(w: &World<P>) {
    let (user, _) = register_and_sign_in(w, EMAIL).await;
    let old = w.provider.password().get_password_hash(&user.id).await.unwrap().unwrap();
    let new = w.hasher.hash(w.tenant(), NEW_PASSWORD).await.unwrap();
    let change = async |new: &str| w.provider.password().change_password(&user.id, &old, new, false).await.unwrap();
    assert!(change(&new).await);
    let (_, session) = w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.unwrap();
    assert!(!change("somebody else's hash").await);
    assert!(is_alive(w, &session).await);
    w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.unwrap();
}

/// A user agent and an address of any length sign in; what is kept of them is short and is whole characters.
pub async fn long_user_agents_are_cut<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (agent, address) = ("\u{1f511}é".repeat(20_000), "f".repeat(100_000));
    let (_, session) = w.here.authenticate(EMAIL, PASSWORD, Some(agent.clone()), Some(address.clone())).await.unwrap();
    let created = w.here.create_session(&user.id, Some(agent.clone()), Some(address.clone())).await.unwrap();
    for session in [session, created].into_iter().chain(w.here.list_user_sessions(&user.id).await.unwrap()) {
        let (kept_agent, kept_address) = (session.user_agent.unwrap(), session.ip_address.unwrap());
        assert!(kept_agent.len() > 1000 && kept_agent.len() <= 1024 && agent.starts_with(&kept_agent));
        assert!(kept_address.len() == 64 && address.starts_with(&kept_address));
    }
    assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, Some(agent), Some(address)).await.is_err());
}

/// A new password is a change of the user, and shows in the time of the last change.
pub async fn setting_a_password_is_a_change<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.clock.advance(TimeDelta::minutes(1));
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    let changed = w.here.get_user(&user.id).await.unwrap().unwrap();
    assert_eq!((changed.created_at, changed.updated_at), (user.created_at, w.clock.now()));
}
