use torii_core::{
    Error, NewUser, PageRequest, Registration, TenantId, User, UserId,
    error::{AuthError, StorageError, StorageErrorKind},
    repositories::UserRepository,
};

use crate::world::{EMAIL, Engine, World, kind};

pub(crate) async fn a_user_is_created_found_and_deleted(engine: Engine) {
    for w in World::both(engine).await {
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

pub(crate) async fn find_or_create_creates(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.storage.find_or_create_by_email("new@example.com").await.unwrap();
        assert_eq!(w.storage.find_by_email("new@example.com").await.unwrap(), Some(user));
    }
}

pub(crate) async fn users_are_listed_page_by_page(engine: Engine) {
    for w in World::both(engine).await {
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

pub(crate) async fn tenants_do_not_see_each_other(engine: Engine) {
    let w = World::new(engine).await;
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
