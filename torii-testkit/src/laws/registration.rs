//! Laws of registration: who becomes a user, and who does not.

use chrono::TimeDelta;
use torii::UserId;
use torii_core::{
    Clock, NewUser,
    repositories::{PasswordRepository, UserRepository},
};

use super::expectation::{NEW_PASSWORD, assert_invalid, assert_refused};
use crate::{
    Provider,
    world::{EMAIL, NAME, OTHER_EMAIL, PASSWORD, World},
};

/// Registering creates one user, whose password works.
pub async fn registering_creates_one_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    assert_eq!((user.email.as_str(), &user.tenant_id, &user.name), (EMAIL, w.tenant(), &None));
    assert_eq!((user.email_verified_at, user.locked_at), (None, None));
    assert_eq!((user.created_at, user.updated_at), (w.clock.now(), w.clock.now()));
    assert!(user.id.is_valid());
    assert_eq!(w.here.count_users().await.unwrap(), 1);
    assert_eq!(w.here.get_user(&user.id).await.unwrap().as_ref(), Some(&user));
    let (signed_in, session) = w.sign_in(EMAIL).await;
    assert_eq!(signed_in, user);
    assert_eq!(session.user_id, user.id);
}

/// A name is kept as it was typed.
pub async fn registering_keeps_the_name<P: Provider>(w: &World<P>) {
    let name = " Zoë d'Ångström-李 \u{1f511} ";
    let user = w.here.password().register_with_name(EMAIL, PASSWORD, Some(name)).await.unwrap();
    assert_eq!(user.name.as_deref(), Some(name));
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), Some(user));
    for bad in ["a\0b", "a\nb", &"n".repeat(256)] {
        assert_invalid(w.here.password().register_with_name(OTHER_EMAIL, PASSWORD, Some(bad)).await);
    }
    assert_eq!(w.here.count_users().await.unwrap(), 1);
}

/// Registering an address that is taken returns its owner, changes nothing, mails nothing and signs nobody in.
pub async fn registering_a_taken_address_changes_nothing<P: Provider>(w: &World<P>) {
    let user = w.here.password().register_with_name(EMAIL, PASSWORD, Some(NAME)).await.unwrap();
    let _ = w.mails().await;
    w.events.take();
    w.clock.advance(TimeDelta::minutes(1));
    for typed in [EMAIL, "JOHN@example.com", "John@Example.COM"] {
        let again = w.here.password().try_register(typed, NEW_PASSWORD, Some("Mallory")).await.unwrap();
        assert!(!again.is_created(), "{typed} is taken");
        assert_eq!(again.into_user(), user);
        assert_eq!(w.here.register_user(typed, NEW_PASSWORD).await.unwrap(), user);
    }
    assert_eq!(w.here.list_users().await.unwrap(), std::slice::from_ref(&user));
    assert_eq!(w.mails().await.len(), 0);
    assert_eq!(w.events.take().len(), 0);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert!(w.here.authenticate(EMAIL, NEW_PASSWORD, None, None).await.is_err());
    w.sign_in(EMAIL).await;
}

/// Registering costs as many password hashes for a taken address as for a new one.
pub async fn registering_hashes_once_either_way<P: Provider>(w: &World<P>) {
    let before = w.hasher.computations();
    w.register(EMAIL).await;
    assert_eq!(w.hasher.computations() - before, 1);
    w.here.register_user(EMAIL, NEW_PASSWORD).await.unwrap();
    assert_eq!(w.hasher.computations() - before, 2);
}

/// What is no e-mail address is refused before anything is hashed or written.
pub async fn bad_addresses_are_refused<P: Provider>(w: &World<P>) {
    let before = w.hasher.computations();
    let long = format!("{}@example.com", "a".repeat(243));
    let bad = [
        "john",
        "john@",
        "@example.com",
        "john@localhost",
        "john@example.c",
        "john@example.123",
        "john doe@example.com",
        " john@example.com",
        "john@example.com ",
        "john@example.com\n",
        "john@exam\0ple.com",
        "john\r\nBcc: x@example.com",
        "jöhn@example.com",
        "john@exämple.com",
        "john@@example.com",
        "\"john\"@example.com",
        "john@[127.0.0.1]",
        "' OR 1=1 --@example.com",
        "\u{202e}john@example.com",
        long.as_str(),
    ];
    for email in bad {
        assert_invalid(w.here.register_user(email, PASSWORD).await);
    }
    assert_refused(
        w.here.register_user("john@localhost", PASSWORD).await,
        "Validation error: Invalid email format: Invalid email format: john@localhost",
    );
    assert_refused(
        w.here.register_user(&long, PASSWORD).await,
        "Validation error: Invalid email format: Email is too long",
    );
    assert_refused(
        w.here.register_user("", PASSWORD).await,
        "Validation error: Missing required field: Email is required",
    );
    assert_eq!(w.hasher.computations(), before);
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}

/// An address of 254 bytes can be registered and signs in.
pub async fn the_longest_address_works<P: Provider>(w: &World<P>) {
    let email = format!("{}@example.com", "a".repeat(242));
    assert_eq!(email.len(), 254);
    let user = w.register(&email).await;
    assert_eq!(w.sign_in(&email.to_uppercase()).await.0, user);
}

/// Finding or creating by address creates one user without a password, once.
pub async fn finding_or_creating_creates_once<P: Provider>(w: &World<P>) {
    let user = w.provider.user().find_or_create_by_email(EMAIL).await.unwrap();
    assert_eq!(w.provider.user().find_or_create_by_email("JOHN@example.com").await.unwrap(), user);
    assert_eq!(w.provider.password().get_password_hash(&user.id).await.unwrap(), None);
    assert_eq!(w.here.count_users().await.unwrap(), 1);
}

/// The id of a new user is kept as it was given, and an id or address that exists is not given out twice.
pub async fn a_given_id_is_kept<P: Provider>(w: &World<P>) {
    let new = NewUser { name: Some(NAME.into()), ..NewUser::with_id(UserId::new("Customer-1"), EMAIL.into()) };
    let user = w.provider.user().create(new).await.unwrap();
    assert_eq!((user.id.as_str(), user.name.as_deref()), ("Customer-1", Some(NAME)));
    assert_eq!(w.provider.user().find_by_id(&"Customer-1".into()).await.unwrap(), Some(user.clone()));
    assert_eq!(w.provider.user().find_by_id(&"customer-1".into()).await.unwrap(), None);
    let same_id = w.provider.user().create(NewUser::with_id(user.id.clone(), OTHER_EMAIL.into())).await;
    assert!(same_id.is_err());
    assert_eq!(w.provider.user().find_by_email(OTHER_EMAIL).await.unwrap(), None);
    assert_eq!(w.here.count_users().await.unwrap(), 1);
}
