use chrono::TimeDelta;
use torii_core::{
    Error, NewUser, PageRequest, TenantError, TenantId, TenantStatus,
    error::StorageErrorKind,
    repositories::{SessionRepository, TenantRepository, UserRepository},
};

use crate::world::{EMAIL, Engine, World, kind};

pub(crate) async fn tenants_are_registered_named_listed_and_purged(engine: Engine) {
    let w = World::new(engine).await;
    let acme = w.storage.for_tenant(TenantId::from_static("acme"));
    assert_eq!(acme.find_tenant().await.unwrap(), None);
    let registered = acme.register_tenant(None).await.unwrap();
    assert_eq!((registered.created_at, registered.updated_at, registered.name.as_deref()), (w.now(), w.now(), None));
    let before = w.now();
    w.clock.advance(TimeDelta::seconds(1));
    assert_eq!(acme.register_tenant(None).await.unwrap(), registered);
    let named = acme.register_tenant(Some("Acme")).await.unwrap();
    assert_eq!((named.created_at, named.updated_at, named.name.as_deref()), (before, w.now(), Some("Acme")));
    assert_eq!(acme.register_tenant(None).await.unwrap(), named);
    assert_eq!(acme.register_tenant(Some("Acme")).await.unwrap(), named);
    assert_eq!(acme.find_tenant().await.unwrap(), Some(named));

    w.storage.for_tenant(TenantId::from_static("beta")).register_tenant(None).await.unwrap();
    let page = w.storage.page_tenants(&PageRequest::first(2)).await.unwrap();
    assert_eq!(page.items.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["acme", "beta"]);
    let next = PageRequest::first(2).after(page.next.unwrap());
    assert_eq!(w.storage.page_tenants(&next).await.unwrap().items.len(), 1);
    let ids = async |after: &str| {
        let page = w.storage.page_tenants(&PageRequest::first(9).after(after)).await.unwrap();
        page.items.into_iter().map(|tenant| tenant.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids("acm\u{e9}").await, ["beta", "default"]);
    assert_eq!(ids("acm\u{1}").await, ["acme", "beta", "default"]);

    let user = UserRepository::create(&acme, NewUser::new(EMAIL.to_owned())).await.unwrap();
    assert!(acme.purge_tenant().await.unwrap());
    assert!(!acme.purge_tenant().await.unwrap());
    assert_eq!(acme.find_by_id(&user.id).await.unwrap(), None);
    // Somebody else purged it: this provider knows no better.
    let other = World::new(engine).await;
    let acme = other.storage.for_tenant(TenantId::from_static("acme"));
    UserRepository::create(&acme, NewUser::new(EMAIL.to_owned())).await.unwrap();
    other.execute("DELETE FROM tenants WHERE id = 'acme'").await;
    UserRepository::create(&acme, NewUser::new(EMAIL.to_owned())).await.unwrap();
    other.register(EMAIL).await;
    assert!(other.storage.purge_tenant().await.unwrap());
    assert_eq!((other.storage.count().await.unwrap(), acme.count().await.unwrap()), (0, 1));
}

pub(crate) async fn a_suspended_tenant_looks_empty_and_takes_nothing(engine: Engine) {
    for mut w in World::both(engine).await {
        let mut user = w.register(EMAIL).await;
        let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        let token = session.token.unwrap();
        let suspended = w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        assert_eq!((suspended.status, suspended.suspended_at), (TenantStatus::Suspended, Some(w.now())));
        let since = w.now();
        w.clock.advance(TimeDelta::microseconds(1));
        let again = w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        assert_eq!((again.suspended_at, again.updated_at), (Some(since), w.now()));
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), None);
        assert_eq!(w.storage.find_by_email(EMAIL).await.unwrap(), None);
        assert_eq!(w.storage.count().await.unwrap(), 0);
        assert!(w.storage.find_with_user(&token).await.unwrap().is_none());
        assert!(w.storage.find_by_token(&token).await.unwrap().is_none());
        for fresh in [false, true] {
            if fresh {
                // As in a process that has not met the tenant.
                w.storage = w.reconnect().await;
            }
            let id = w.storage.tenant_id().clone();
            user.name = Some("Ann".to_owned());
            for refused in [
                UserRepository::create(&w.storage, NewUser::new("bob@example.com".to_owned())).await.unwrap_err(),
                UserRepository::create(&w.storage, NewUser::new(EMAIL.to_owned())).await.unwrap_err(),
                w.storage.update(&user).await.unwrap_err(),
                w.storage.mark_email_verified(&user.id).await.unwrap_err(),
                SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap_err(),
                w.storage.create_and_clear_attempts(w.session_for(&user.id), EMAIL).await.unwrap_err(),
                w.storage.refresh(&token, TimeDelta::days(1)).await.unwrap_err(),
            ] {
                assert!(
                    matches!(&refused, Error::Tenant(TenantError::Suspended { id: whose }) if *whose == id),
                    "{refused}"
                );
            }
        }
        let active = w.storage.set_tenant_status(TenantStatus::Active).await.unwrap();
        assert_eq!((active.status, active.suspended_at), (TenantStatus::Active, None));
        assert_eq!(w.storage.count().await.unwrap(), 1);
    }
}

pub(crate) async fn an_id_belongs_to_one_user(engine: Engine) {
    for w in World::both(engine).await {
        let mut twin = NewUser::new("twin@example.com".to_owned());
        twin.id = w.register(EMAIL).await.id;
        let refused = UserRepository::create(&w.storage, twin).await.unwrap_err();
        assert_eq!(kind(&refused), Some(StorageErrorKind::UniqueViolation));
    }
}
