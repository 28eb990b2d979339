use torii_core::{
    Error, NewUser, PageRequest, Registration, TenantId, TokenPurpose, User, UserId,
    error::{AuthError, StorageError, StorageErrorKind},
    repositories::{BruteForceProtectionRepository, TokenRepository, UserRepository},
};
use torii_storage_postgres::PostgresUser;

use crate::world::{EMAIL, LIMITS, World, kind};

#[tokio::test]
async fn a_user_is_created_found_and_deleted() {
    for w in World::both().await {
        let new = NewUser { name: Some("Ann".into()), ..NewUser::new("  Ann@Example.COM".into()) };
        let user = UserRepository::create(&w.storage, new.clone()).await.unwrap();
        assert_eq!(user.id, new.id);
        assert_eq!(user.email, "  Ann@Example.COM");
        assert_eq!(user.name.as_deref(), Some("Ann"));
        assert_eq!(&user.tenant_id, w.storage.tenant_id());
        assert_eq!((user.created_at, user.updated_at), (w.now(), w.now()));
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(user.clone()));
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap(), Some(user.clone()));
        assert_eq!(w.storage.find_or_create_by_email("ANN@example.com").await.unwrap(), user);
        assert_eq!(w.storage.count().await.unwrap(), 1);

        let again = UserRepository::create(&w.storage, NewUser::new(EMAIL.into())).await;
        assert!(matches!(again, Err(Error::Auth(AuthError::UserAlreadyExists))));
        let again = w.storage.register(NewUser::new(EMAIL.into()), "other").await.unwrap();
        assert_eq!(again, Registration::Existing(user.clone()));
        let again = w.storage.register(new.clone(), "other").await.unwrap();
        assert_eq!(again, Registration::Existing(user.clone()), "the same id too");
        let same_id = NewUser::with_id(user.id.clone(), "other@example.com".into());
        let refused = w.storage.register(same_id, "hash").await.unwrap_err();
        assert_eq!(kind(&refused), Some(StorageErrorKind::UniqueViolation));

        UserRepository::delete(&w.storage, &user.id).await.unwrap();
        UserRepository::delete(&w.storage, &user.id).await.unwrap();
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), None);
        assert_eq!(w.storage.count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn find_or_create_creates() {
    for w in World::both().await {
        let user = w.storage.find_or_create_by_email("new@example.com").await.unwrap();
        assert_eq!(w.storage.find_by_email("new@example.com").await.unwrap(), Some(user));
    }
}

#[tokio::test]
async fn update_writes_what_it_says() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        w.register("bob@example.com").await;
        w.storage.mark_email_verified(&user.id).await.unwrap();
        w.storage.create_token(&user.id, TokenPurpose::PasswordReset, chrono::TimeDelta::hours(1)).await.unwrap();
        let user = w.storage.find_by_id(&user.id).await.unwrap().unwrap();
        assert_eq!(user.email_verified_at, Some(w.now()));
        w.clock.advance(chrono::TimeDelta::seconds(1));

        // Another spelling is the same address: verification and tokens stay.
        let change = User { name: Some("A".into()), email: "ANN@example.com".into(), ..user.clone() };
        let change = User { locked_at: Some(w.now()), ..change };
        let spelled = w.storage.update(&change).await.unwrap();
        assert_eq!(spelled, User { locked_at: None, updated_at: w.now(), ..change });
        assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens").await, 1);

        let moved = w.storage.update(&User { email: "new@example.com".into(), ..spelled.clone() }).await.unwrap();
        assert_eq!(moved.email_verified_at, None);
        assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens").await, 0);
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap(), None);
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(moved.clone()));

        let taken = w.storage.update(&User { email: "Bob@example.com".into(), ..moved.clone() }).await;
        assert!(matches!(taken, Err(Error::Auth(AuthError::UserAlreadyExists))));
        let unknown = w.storage.update(&User { id: UserId::new("nobody"), ..moved }).await;
        assert!(matches!(unknown, Err(Error::Storage(StorageError::NotFound))));
        w.storage.mark_email_verified(&UserId::new("nobody")).await.unwrap();
    }
}

#[tokio::test]
async fn users_are_listed_page_by_page() {
    for w in World::both().await {
        for number in 0..5 {
            let id = UserId::new(&format!("u{number}"));
            w.storage.register(NewUser::with_id(id, format!("{number}@example.com")), "").await.unwrap();
        }
        let first = w.storage.page(&PageRequest::first(2)).await.unwrap();
        let ids = |users: &[User]| users.iter().map(|user| user.id.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(&first.items), ["u0", "u1"]);
        let last = w.storage.page(&PageRequest::first(3).after(first.next.unwrap())).await.unwrap();
        assert_eq!(ids(&last.items), ["u2", "u3", "u4"]);
        assert_eq!(last.next, None);
    }
}

#[tokio::test]
async fn a_lockout_in_force_shows_at_the_user() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let began = w.now();
        for _ in 0..5 {
            w.clock.advance(chrono::TimeDelta::seconds(1));
            w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
        }
        let locked = w.storage.find_by_id(&user.id).await.unwrap().unwrap();
        assert_eq!(locked.locked_at, Some(began + chrono::TimeDelta::seconds(1)));
        w.clock.advance(LIMITS.lockout_period);
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap().unwrap().locked_at, None);
        w.storage.set_locked_at(EMAIL, Some(began)).await.unwrap();
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap().unwrap().locked_at, Some(began));
    }
}

/// Accounts of adopted databases that differ in spelling only.
#[tokio::test]
async fn an_exact_match_wins() {
    for w in World::both().await {
        let plain = w.register(EMAIL).await;
        let twin = w.register("twin@example.com").await;
        sqlx::query("UPDATE users SET email = 'Ann@example.com', email_key = '=Ann@example.com' WHERE id = $1")
            .bind(twin.id.as_str())
            .execute(w.storage.pool())
            .await
            .unwrap();
        let find = async |email: &str| w.storage.find_by_email(email).await.unwrap().unwrap().id;
        assert_eq!(find("Ann@example.com").await, twin.id);
        assert_eq!(find("ann@example.com").await, plain.id);
        assert_eq!(find("ANN@example.com").await, plain.id);
        // Each has a counter of its own.
        for _ in 0..5 {
            w.storage.reserve_attempt("Ann@example.com", LIMITS).await.unwrap();
        }
        assert!(w.storage.find_by_id(&twin.id).await.unwrap().unwrap().is_locked());
        assert!(!w.storage.find_by_id(&plain.id).await.unwrap().unwrap().is_locked());
        let attempt = w.storage.reserve_attempt("ann@example.com", LIMITS).await.unwrap();
        assert_eq!((attempt.number, attempt.credentials.unwrap().user.id), (1, plain.id.clone()));
        // An address that is another's by exact match is not to be had.
        let taken = w.storage.update(&User { email: "Ann@example.com".into(), ..plain }).await;
        assert!(matches!(taken, Err(Error::Auth(AuthError::UserAlreadyExists))));
        UserRepository::delete(&w.storage, &w.storage.find_by_email(EMAIL).await.unwrap().unwrap().id).await.unwrap();
        let existing = w.storage.register(NewUser::new("Ann@example.com".into()), "hash").await.unwrap();
        assert_eq!(existing.into_user().id, twin.id);
    }
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let w = World::new().await;
    let here = w.register(EMAIL).await;
    let acme = w.storage.for_tenant(TenantId::from_static("acme"));
    assert_eq!(acme.find_by_id(&here.id).await.unwrap(), None);
    assert_eq!(acme.find_by_email(EMAIL).await.unwrap(), None);
    UserRepository::delete(&acme, &here.id).await.unwrap();
    assert!(matches!(acme.update(&here).await, Err(Error::Storage(StorageError::NotFound))));
    let there = acme.find_or_create_by_email(EMAIL).await.unwrap();
    assert_ne!(there.id, here.id);
    assert_eq!(w.storage.find_by_id(&here.id).await.unwrap(), Some(here));
}

#[tokio::test]
async fn applications_read_users_with_their_own_statements() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let row: PostgresUser = sqlx::query_as("SELECT * FROM users WHERE id = $1")
        .bind(user.id.as_str())
        .fetch_one(w.storage.pool())
        .await
        .unwrap();
    assert_eq!(User::from(row), user);
    assert_eq!(User::from(PostgresUser::from(user.clone())), user);
}

#[tokio::test]
async fn a_time_that_no_calendar_has_is_named() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    for damage in [
        "UPDATE users SET created_at = 'infinity'",
        "UPDATE users SET created_at = '-infinity'",
        "UPDATE users SET created_at = '290000-01-01'",
    ] {
        w.execute(damage).await;
        let error = w.storage.find_by_id(&user.id).await.unwrap_err();
        let Error::Storage(StorageError::Corrupt { table, column, row, .. }) = error else { panic!("{error}") };
        assert_eq!((table, column, row.as_str()), ("users", "created_at", user.id.as_str()));
    }
}

/// PostgreSQL has no text with a NUL.
#[tokio::test]
async fn an_address_with_a_nul_is_nobodys() {
    for w in World::both().await {
        w.register(EMAIL).await;
        let nul = "ann\0@example.com";
        assert_eq!(w.storage.find_by_email(nul).await.unwrap(), None);
        assert!(w.storage.reserve_attempt(nul, LIMITS).await.unwrap().credentials.is_none());
        assert_eq!(w.storage.reserve_attempt(nul, LIMITS).await.unwrap().number, 2);
        let refused = w.storage.find_by_id(&UserId::new("usr\0")).await.unwrap_err();
        assert_eq!(kind(&refused), Some(StorageErrorKind::ConstraintViolation));
    }
}
