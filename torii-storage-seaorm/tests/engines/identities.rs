use chrono::TimeDelta;
use torii_core::{
    Error, NewUser, TenantError, TenantId, TenantStatus, UserId,
    error::{AuthError, StorageErrorKind},
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{
        OAuthRepository, PasskeyRepository, PasswordRepository, TenantRepository, Unlinked, UserRepository,
    },
};

use crate::world::{EMAIL, Engine, World, kind};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Ann, as a provider knows her.
pub(crate) fn ann(email_verified: Option<bool>) -> OAuthIdentity {
    OAuthIdentity {
        provider: "github".into(),
        subject: "1".into(),
        email: "Ann@Example.com".into(),
        email_verified,
        name: None,
    }
}

pub(crate) async fn an_identity_is_resolved(engine: Engine) {
    for w in World::both(engine).await {
        let resolve =
            async |identity: &OAuthIdentity| w.storage.resolve_identity(identity, NewUser::new("x".into())).await;
        let OAuthResolution::Created(user) = resolve(&ann(None)).await.unwrap() else { panic!("she is new") };
        assert_eq!(user.email, "Ann@Example.com");
        assert_eq!(resolve(&ann(None)).await.unwrap(), OAuthResolution::Known(user.clone()));
        assert_eq!(w.storage.find_user_by_provider("github", "1").await.unwrap().as_ref(), Some(&user));
        let account = w.storage.find_account_by_provider("github", "1").await.unwrap().unwrap();
        assert_eq!((&account.user_id, account.created_at), (&user.id, w.now()));
        assert_eq!(w.storage.find_accounts_by_user_id(&user.id).await.unwrap(), [account]);
        for (provider, subject) in [("github", "1 "), ("GitHub", "1"), ("gitlab", "1")] {
            assert_eq!(w.storage.find_user_by_provider(provider, subject).await.unwrap(), None);
        }

        let other = |email_verified| OAuthIdentity { subject: "2".into(), ..ann(email_verified) };
        assert_eq!(resolve(&other(Some(true))).await.unwrap(), OAuthResolution::LinkRequired);
        w.storage.mark_email_verified(&user.id).await.unwrap();
        assert_eq!(resolve(&other(Some(false))).await.unwrap(), OAuthResolution::LinkRequired);
        let OAuthResolution::Linked(linked) = resolve(&other(Some(true))).await.unwrap() else { panic!("proven") };
        assert_eq!(linked.id, user.id);

        let stranger = w.register("bob@example.com").await;
        for taken in [
            w.storage.link_account(&stranger.id, "github", "2").await,
            w.storage.create_account("github", "2", &stranger.id).await.map(drop),
        ] {
            assert!(matches!(taken, Err(Error::Auth(AuthError::AccountAlreadyLinked))), "{taken:?}");
        }
        let nobody = w.storage.link_account(&UserId::new("usr_none"), "github", "3").await.unwrap_err();
        assert_eq!(kind(&nobody), Some(StorageErrorKind::ForeignKeyViolation));
        // An id that somebody has is refused, not tried for ever.
        let same_id = NewUser { id: user.id.clone(), ..NewUser::new("x".into()) };
        let fresh = OAuthIdentity { subject: "4".into(), email: "new@example.com".into(), ..ann(None) };
        let refused = w.storage.resolve_identity(&fresh, same_id).await.unwrap_err();
        assert_eq!(kind(&refused), Some(StorageErrorKind::UniqueViolation));
    }
}

pub(crate) async fn the_last_way_to_sign_in_stays(engine: Engine) {
    for w in World::both(engine).await {
        let id = w.register(EMAIL).await.id;
        w.storage.link_account(&id, "github", "1").await.unwrap();
        w.storage.link_account(&id, "github", "2").await.unwrap();
        let unlink = async |provider: &str, passwords, passkeys| {
            w.storage.unlink_account_unless_last(&id, provider, passwords, passkeys).await.unwrap()
        };
        assert_eq!(unlink("github", false, true).await, Unlinked::LastMethod);
        assert_eq!(unlink("gitlab", false, false).await, Unlinked::Done);
        assert_eq!(w.storage.find_accounts_by_user_id(&id).await.unwrap().len(), 2);
        assert_eq!(unlink("github", true, false).await, Unlinked::Done);
        assert_eq!(w.storage.find_accounts_by_user_id(&id).await.unwrap(), []);
        assert_eq!(unlink("github", true, false).await, Unlinked::Done);

        w.storage.remove_password_hash(&id).await.unwrap();
        w.storage.link_account(&id, "github", "1").await.unwrap();
        assert_eq!(unlink("github", true, true).await, Unlinked::LastMethod);
        w.storage.link_account(&id, "gitlab", "1").await.unwrap();
        assert_eq!(unlink("github", true, true).await, Unlinked::Done);
        w.storage.add_credential(&id, vec![1], vec![2], None).await.unwrap();
        assert_eq!(unlink("gitlab", true, false).await, Unlinked::LastMethod);
        assert_eq!(unlink("gitlab", false, true).await, Unlinked::Done);
        w.storage.link_account(&id, "github", "1").await.unwrap();
        w.storage.unlink_account(&id, "github").await.unwrap();
        assert_eq!(w.storage.find_accounts_by_user_id(&id).await.unwrap(), []);
    }
}

pub(crate) async fn states_and_challenges_work_once(engine: Engine) {
    for w in World::both(engine).await {
        let s = &w.storage;
        for text in ["old", "new", "new"] {
            s.store_pkce_verifier("state", text, HOUR).await.unwrap();
            s.set_challenge("id", text, HOUR).await.unwrap();
        }
        let elsewhere = s.for_tenant(TenantId::from_static("beta"));
        assert_eq!(elsewhere.take_pkce_verifier("state").await.unwrap(), None);
        assert_eq!(elsewhere.take_challenge("id").await.unwrap(), None);
        let new = Some("new".to_owned());
        assert_eq!(
            (s.get_pkce_verifier("state").await.unwrap(), s.get_challenge("id").await.unwrap()),
            (new.clone(), new.clone())
        );
        assert_eq!(
            (s.take_pkce_verifier("state").await.unwrap(), s.take_challenge("id").await.unwrap()),
            (new.clone(), new)
        );
        assert_eq!((s.get_pkce_verifier("state").await.unwrap(), s.get_challenge("id").await.unwrap()), (None, None));
        assert_eq!((s.take_pkce_verifier("state").await.unwrap(), s.take_challenge("id").await.unwrap()), (None, None));
        s.store_pkce_verifier("gone", "new", HOUR).await.unwrap();
        s.delete_pkce_verifier("gone").await.unwrap();
        assert_eq!(s.get_pkce_verifier("gone").await.unwrap(), None);
        // At its end it is over.
        s.store_pkce_verifier("state", "new", HOUR).await.unwrap();
        s.set_challenge("id", "new", HOUR).await.unwrap();
        w.clock.advance(HOUR);
        assert_eq!((s.get_pkce_verifier("state").await.unwrap(), s.get_challenge("id").await.unwrap()), (None, None));
        assert_eq!((s.take_pkce_verifier("state").await.unwrap(), s.take_challenge("id").await.unwrap()), (None, None));
    }
}

pub(crate) async fn passkeys_count_their_uses(engine: Engine) {
    for w in World::both(engine).await {
        let s = &w.storage;
        let user = w.register(EMAIL).await;
        let added = s.add_credential(&user.id, vec![0, 255], vec![1, 2], Some("Key".into())).await.unwrap();
        assert_eq!(s.get_credential(&[0, 255]).await.unwrap(), Some(added.clone()));
        let again = s.add_credential(&user.id, vec![0, 255], vec![1], None).await.unwrap_err();
        assert_eq!(kind(&again), Some(StorageErrorKind::UniqueViolation));
        w.clock.advance(TimeDelta::microseconds(1));
        let newer = s.add_credential(&user.id, vec![7], vec![1], None).await.unwrap();
        assert_eq!(s.get_credentials_for_user(&user.id).await.unwrap(), [newer, added]);

        let used = async |count| s.record_use(&[0, 255], count).await.unwrap();
        for (count, works) in
            [(Some(0), true), (None, true), (Some(3), true), (Some(3), false), (Some(0), false), (Some(u32::MAX), true)]
        {
            assert_eq!(used(count).await, works.then(|| user.clone()), "{count:?}");
        }
        let key = s.get_credential(&[0, 255]).await.unwrap().unwrap();
        assert_eq!((key.sign_count, key.last_used_at), (u32::MAX, Some(w.now())));
        s.update_last_used(&[7]).await.unwrap();
        assert_eq!(s.get_credential(&[7]).await.unwrap().unwrap().last_used_at, Some(w.now()));
        assert_eq!(s.record_use(&[8], None).await.unwrap(), None);
        assert_eq!(s.for_tenant(TenantId::from_static("beta")).record_use(&[7], None).await.unwrap(), None);
        s.delete_credential(&[7]).await.unwrap();
        assert_eq!(s.get_credential(&[7]).await.unwrap(), None);
        s.delete_all_for_user(&user.id).await.unwrap();
        assert_eq!(s.get_credentials_for_user(&user.id).await.unwrap(), []);
    }
}

pub(crate) async fn a_suspended_tenant_takes_no_identity(engine: Engine) {
    for w in World::both(engine).await {
        let s = &w.storage;
        let user = w.register(EMAIL).await;
        s.link_account(&user.id, "github", "1").await.unwrap();
        s.add_credential(&user.id, vec![1], vec![2], None).await.unwrap();
        s.store_pkce_verifier("state", "verifier", HOUR).await.unwrap();
        s.set_challenge("id", "challenge", HOUR).await.unwrap();
        s.set_tenant_status(TenantStatus::Suspended).await.unwrap();
        for refused in [
            s.resolve_identity(&ann(None), NewUser::new("x".into())).await.map(drop),
            s.link_account(&user.id, "github", "2").await,
            s.store_pkce_verifier("state", "verifier", HOUR).await,
            s.take_pkce_verifier("state").await.map(drop),
            s.add_credential(&user.id, vec![2], vec![2], None).await.map(drop),
            s.record_use(&[1], None).await.map(drop),
            s.set_challenge("id", "challenge", HOUR).await,
            s.take_challenge("id").await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::Tenant(TenantError::Suspended { .. }))), "{refused:?}");
        }
        assert_eq!((s.get_pkce_verifier("state").await.unwrap(), s.get_challenge("id").await.unwrap()), (None, None));
        assert_eq!(s.find_user_by_provider("github", "1").await.unwrap(), None);
        s.set_tenant_status(TenantStatus::Active).await.unwrap();
        assert_eq!(s.take_pkce_verifier("state").await.unwrap().as_deref(), Some("verifier"));
        assert_eq!(s.take_challenge("id").await.unwrap().as_deref(), Some("challenge"));
    }
}
