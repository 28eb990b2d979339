//! Laws of users: registering, finding, changing, listing and deleting them.

use chrono::TimeDelta;
use torii::{PageRequest, ToriiError, User, UserId};
use torii_core::{
    Clock, NewUser,
    error::{AuthError, Error, StorageError},
    events::Event,
    repositories::UserRepository,
};

use super::expectation::{NEW_PASSWORD, assert_failed, assert_invalid, cause, is_alive};
use crate::{
    Provider,
    world::{EMAIL, NAME, NEIGHBOUR_PASSWORD, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL, WRONG_PASSWORD, World},
};

/// An address is one person however it is typed, and is kept as it was typed first.
pub async fn an_address_is_one_person<P: Provider>(w: &World<P>) {
    let user = w.register("John@Example.com").await;
    assert_eq!(user.email, "John@Example.com");
    for typed in ["john@example.com", "JOHN@EXAMPLE.COM", "  John@example.com\n"] {
        assert_eq!(w.here.get_user_by_email(typed).await.unwrap().as_ref(), Some(&user), "{typed:?}");
        assert_eq!(w.sign_in(typed).await.0, user, "{typed:?}");
    }
    let punycode = w.register("john@xn--bcher-kva.example").await;
    for typed in ["john@bücher.example", "JOHN@BU\u{308}CHER.EXAMPLE", "john@XN--BCHER-KVA.example"] {
        assert_eq!(w.here.get_user_by_email(typed).await.unwrap().as_ref(), Some(&punycode), "{typed:?}");
    }
}

/// Accounts that were adopted with addresses which differ only in spelling stay apart: an exact spelling finds its own account,
/// and any other the oldest.
pub async fn adopted_spellings_stay_apart<P: Provider>(w: &World<P>) {
    const ADOPT: &str = "UPDATE users SET email = 'John@Example.com', email_key = '=John@Example.com' \
         WHERE tenant_id <> 'neighbour' AND email_key = 'jane@example.com'";
    let oldest = w.register(EMAIL).await;
    let adopted = w.here.register_user(OTHER_EMAIL, NEW_PASSWORD).await.unwrap();
    assert_eq!(w.execute(ADOPT).await.unwrap(), 1);
    let adopted = User { email: "John@Example.com".into(), ..adopted };
    for (typed, owner, password) in [
        (EMAIL, &oldest, PASSWORD),
        ("JOHN@example.com", &oldest, PASSWORD),
        ("John@Example.com", &adopted, NEW_PASSWORD),
    ] {
        assert_eq!(w.here.get_user_by_email(typed).await.unwrap().as_ref(), Some(owner), "{typed}");
        assert_eq!(&w.here.register_user(typed, PASSWORD).await.unwrap(), owner, "{typed}");
        assert_eq!(&w.here.authenticate(typed, password, None, None).await.unwrap().0, owner, "{typed}");
    }
    for _ in 0..5 {
        assert!(w.here.authenticate("John@Example.com", WRONG_PASSWORD, None, None).await.is_err());
    }
    assert!(w.here.get_lockout_status("John@Example.com").await.unwrap().is_locked);
    assert!(!w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    w.sign_in(EMAIL).await;
    let named = w.here.update_user(&User { name: Some(NAME.into()), ..adopted }).await.unwrap();
    assert_eq!(w.here.get_user_by_email("John@Example.com").await.unwrap().unwrap().id, named.id);
    assert_eq!(w.here.get_user_by_email(EMAIL).await.unwrap(), Some(oldest));
}

/// Whom nobody registered here is not found, whatever is asked for.
pub async fn unknown_users_are_not_found<P: Provider>(w: &World<P>) {
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap();
    for email in [EMAIL, OTHER_EMAIL, UNKNOWN_EMAIL, "", "%", "' OR 1=1 --", &"a".repeat(100_000), "jöhn@exämple.com"]
    {
        assert_eq!(w.here.get_user_by_email(email).await.unwrap(), None);
    }
    let long = "x".repeat(100_000);
    for id in [stranger.id.as_str(), "", " ", "usr_", "%", "' OR 1=1 --", "usr_\u{1f511}", long.as_str()] {
        let id = UserId::new(id);
        assert_eq!(w.here.get_user(&id).await.unwrap(), None);
        assert!(!w.here.password().has_password(&id).await.unwrap());
        assert!(w.here.list_user_sessions(&id).await.unwrap().is_empty());
    }
    // PostgreSQL knows no text with a NUL, and may say so.
    assert!(!matches!(w.here.get_user(&UserId::new("usr_\0")).await, Ok(Some(_))));
    assert!(!matches!(w.here.get_user_by_email("john\0@example.com").await, Ok(Some(_))));
    assert_eq!(w.here.count_users().await.unwrap(), 0);
}

/// Deleting, verifying or taking the password of a user who does not exist here is no error and changes nothing.
pub async fn changes_to_unknown_users_do_nothing<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap().id;
    for id in [stranger, UserId::new_random(), UserId::new(""), UserId::new("' OR 1=1 --")] {
        w.here.delete_user(&id).await.unwrap();
        w.here.set_user_email_verified(&id).await.unwrap();
        w.here.delete_sessions_for_user(&id).await.unwrap();
        w.here.password().set_password(&id, NEW_PASSWORD).await.unwrap();
        w.here.password().remove_password(&id).await.unwrap();
    }
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
    w.sign_in(EMAIL).await;
}

/// Verifying sets the time of each time it is done.
pub async fn verifying_sets_the_time<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for _ in 0..2 {
        w.clock.advance(TimeDelta::seconds(1));
        w.here.set_user_email_verified(&user.id).await.unwrap();
        let now = w.clock.now();
        let expected = User { email_verified_at: Some(now), updated_at: now, ..user.clone() };
        assert_eq!(w.here.get_user(&user.id).await.unwrap(), Some(expected));
    }
}

/// Updating writes name and address, says what is stored, and moves only the time of the last change.
pub async fn updating_writes_name_and_address<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.clock.advance(TimeDelta::hours(1));
    let wanted = User {
        name: Some("Jonathan".into()),
        email: "jonathan@example.com".into(),
        created_at: w.clock.now(),
        locked_at: Some(w.clock.now()),
        ..user.clone()
    };
    let updated = w.here.update_user(&wanted).await.unwrap();
    let expected = User { created_at: user.created_at, updated_at: w.clock.now(), locked_at: None, ..wanted };
    assert_eq!(updated, expected);
    assert_eq!(w.here.get_user(&user.id).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(w.here.get_user_by_email(EMAIL).await.unwrap(), None);
    assert_eq!(w.sign_in("JONATHAN@example.com").await.0, expected);
    let unnamed = w.here.update_user(&User { name: None, ..updated }).await.unwrap();
    assert_eq!(unnamed.name, None);
}

/// A new address is not verified, whatever the caller says; another spelling of the same one still is.
pub async fn a_new_address_is_not_verified<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.set_user_email_verified(&user.id).await.unwrap();
    let verified = w.here.get_user(&user.id).await.unwrap().unwrap();
    let respelled = w.here.update_user(&User { email: "John@Example.com".into(), ..verified }).await.unwrap();
    assert_eq!(respelled.email, "John@Example.com");
    assert!(respelled.is_email_verified());
    let moved = w.here.update_user(&User { email: UNKNOWN_EMAIL.into(), ..respelled }).await.unwrap();
    assert_eq!(moved.email_verified_at, None);
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), Some(moved));
}

/// Moving to an address that is taken, however typed, is refused and changes nothing.
pub async fn a_taken_address_stays_its_owners<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    for taken in [OTHER_EMAIL, "Jane@Example.com"] {
        let moved = w.here.update_user(&User { email: taken.into(), ..user.clone() }).await;
        let refusal = moved.unwrap_err();
        assert!(matches!(cause(&refusal), Some(Error::Auth(AuthError::UserAlreadyExists))), "{refusal:?}");
        assert!(matches!(refusal, ToriiError::AuthError(_)));
    }
    let created = w.provider.user().create(NewUser::new("Jane@Example.com".into())).await;
    assert!(matches!(created, Err(Error::Auth(AuthError::UserAlreadyExists))), "{created:?}");
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), Some(user));
    assert_eq!(w.here.get_user(&other.id).await.unwrap(), Some(other));
}

/// Updating a user who does not exist here is an error, and updating to what is no address is refused.
pub async fn updates_that_cannot_be_are_refused<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let stranger = w.neighbour.get_user_by_email(OTHER_EMAIL).await.unwrap().unwrap();
    let unknown = User { id: UserId::new_random(), email: UNKNOWN_EMAIL.into(), ..user.clone() };
    for nobody in [stranger, unknown] {
        let error = w.here.update_user(&nobody).await.unwrap_err();
        assert!(matches!(cause(&error), Some(Error::Storage(StorageError::NotFound))), "{error:?}");
        assert_failed::<()>(Err(error), "Storage error: Record not found");
    }
    for email in ["", "john", "john\n@example.com", "jöhn@example.com"] {
        assert_invalid(w.here.update_user(&User { email: email.into(), ..user.clone() }).await);
    }
    assert_invalid(w.here.update_user(&User { name: Some("a\0b".into()), ..user.clone() }).await);
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
}

/// A list of users has each of them once, by id, in pages of any size, and none of another tenant's.
pub async fn lists_have_everybody_once<P: Provider>(w: &World<P>) {
    let mut expected = Vec::new();
    for number in 0..250 {
        let user = NewUser::new(format!("user{number}@example.com"));
        expected.push(w.provider.user().create(user).await.unwrap());
    }
    expected.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    assert_eq!(w.here.count_users().await.unwrap(), 250);
    assert_eq!(w.here.list_users().await.unwrap(), expected);
    for (size, pages) in [(100, vec![100, 100, 50]), (125, vec![125, 125]), (250, vec![250]), (1000, vec![250])] {
        let (mut sizes, mut found, mut request) = (Vec::new(), Vec::new(), PageRequest::first(size));
        loop {
            let page = w.here.users_page(request.clone()).await.unwrap();
            sizes.push(page.items.len());
            found.extend(page.items);
            match page.next {
                Some(next) if sizes.len() < 10 => request = request.after(next),
                _ => break,
            }
        }
        assert_eq!(sizes, pages);
        assert_eq!(found, expected);
    }
}

/// Users who come and go between two pages neither repeat nor hide others.
pub async fn pages_survive_changes<P: Provider>(w: &World<P>) {
    for id in ["b", "d", "f", "h"] {
        w.provider.user().create(NewUser::with_id(id.into(), format!("{id}@example.com"))).await.unwrap();
    }
    let first = w.here.users_page(PageRequest::first(2)).await.unwrap();
    assert_eq!(ids(&first.items), ["b", "d"]);
    w.here.delete_user(&"b".into()).await.unwrap();
    w.here.delete_user(&"d".into()).await.unwrap();
    for id in ["a", "e"] {
        w.provider.user().create(NewUser::with_id(id.into(), format!("{id}@example.com"))).await.unwrap();
    }
    let second = w.here.users_page(PageRequest::first(10).after(first.next.unwrap())).await.unwrap();
    assert_eq!((ids(&second.items), second.next), (vec!["e", "f", "h"], None));
}

fn ids(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.id.as_str()).collect()
}

/// An empty tenant has an empty list.
pub async fn an_empty_tenant_has_nobody<P: Provider>(w: &World<P>) {
    assert_eq!(w.here.count_users().await.unwrap(), 0);
    assert!(w.here.list_users().await.unwrap().is_empty());
    let page = w.here.users_page(PageRequest::default()).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
}

/// A deleted user is gone, and the address is free for somebody else.
pub async fn deleting_frees_the_address<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (_, session) = w.sign_in(EMAIL).await;
    w.here.delete_user(&user.id).await.unwrap();
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), None);
    assert_eq!(w.here.get_user_by_email(EMAIL).await.unwrap(), None);
    assert!(w.here.authenticate(EMAIL, PASSWORD, None, None).await.is_err());
    let successor = w.register(EMAIL).await;
    assert_ne!(successor.id, user.id);
    assert!(!is_alive(w, &session).await);
    assert_eq!(w.sign_in(EMAIL).await.0, successor);
}

/// What happens to users is told to whoever listens, with the tenant.
pub async fn changes_of_users_are_events<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.update_user(&User { name: Some(NAME.into()), ..user.clone() }).await.unwrap();
    w.here.delete_user(&user.id).await.unwrap();
    let events = w.events.take();
    assert!(events.iter().all(|(tenant, _)| tenant == w.tenant()));
    match events.iter().map(|(_, event)| event).collect::<Vec<_>>()[..] {
        [Event::UserCreated(created), Event::UserUpdated(updated), Event::UserDeleted(deleted)] => {
            assert_eq!((created, updated.name.as_deref(), deleted), (&user, Some(NAME), &user.id));
        }
        ref other => panic!("expected three events, got {other:?}"),
    }
}

/// The same address in the next tenant is another person, with another password.
pub async fn the_neighbours_namesake_is_somebody_else<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let namesake = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap();
    assert_ne!(user.id, namesake.id);
    assert!(w.here.authenticate(EMAIL, NEIGHBOUR_PASSWORD, None, None).await.is_err());
    w.sign_in(EMAIL).await;
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.neighbour.get_user_by_email(EMAIL).await.unwrap(), Some(namesake));
}
