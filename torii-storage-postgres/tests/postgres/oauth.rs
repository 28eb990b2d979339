use chrono::TimeDelta;
use torii_core::{
    Error, NewUser, TenantId, User, UserId,
    error::{AuthError, StorageErrorKind},
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, PasskeyRepository, Unlinked, UserRepository},
};

use crate::world::{EMAIL, World, kind};

fn identity(email: &str, email_verified: Option<bool>) -> OAuthIdentity {
    OAuthIdentity {
        provider: "github".into(),
        subject: format!("subject of {email}"),
        email: email.into(),
        email_verified,
        name: Some("Ann".into()),
    }
}

#[tokio::test]
async fn accounts_are_linked_found_and_unlinked() {
    for w in World::both().await {
        let (ann, bob) = (w.register(EMAIL).await, w.register("bob@example.com").await);
        let account = w.storage.create_account("github", "1", &ann.id).await.unwrap();
        assert_eq!(&account.tenant_id, w.storage.tenant_id());
        w.clock.advance(TimeDelta::seconds(1));
        w.storage.link_account(&ann.id, "google", "1").await.unwrap();
        assert_eq!(w.storage.find_account_by_provider("github", "1").await.unwrap(), Some(account));
        assert_eq!(
            w.storage.find_user_by_provider("google", "1").await.unwrap().map(|user| user.id),
            Some(ann.id.clone())
        );
        let accounts = w.storage.find_accounts_by_user_id(&ann.id).await.unwrap();
        assert_eq!(accounts.iter().map(|account| account.provider.as_str()).collect::<Vec<_>>(), ["google", "github"]);

        for id in [&ann.id, &bob.id] {
            let taken = w.storage.link_account(id, "github", "1").await;
            assert!(matches!(taken, Err(Error::Auth(AuthError::AccountAlreadyLinked))));
            let taken = w.storage.create_account("github", "1", id).await;
            assert!(matches!(taken, Err(Error::Auth(AuthError::AccountAlreadyLinked))));
        }
        let nobody = w.storage.link_account(&UserId::new("nobody"), "github", "2").await.unwrap_err();
        assert_eq!(kind(&nobody), Some(StorageErrorKind::ForeignKeyViolation));
        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert!(neighbour.find_user_by_provider("github", "1").await.unwrap().is_none());
        neighbour.unlink_account(&ann.id, "github").await.unwrap();

        w.storage.unlink_account(&ann.id, "github").await.unwrap();
        assert_eq!(w.storage.find_account_by_provider("github", "1").await.unwrap(), None);
        assert_eq!(w.storage.find_accounts_by_user_id(&ann.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn identities_are_resolved() {
    for w in World::both().await {
        let first = identity("new@example.com", None);
        let new_user = NewUser { name: first.name.clone(), ..NewUser::new(first.email.clone()) };
        let OAuthResolution::Created(new) = w.storage.resolve_identity(&first, new_user).await.unwrap() else {
            panic!("created")
        };
        assert_eq!((new.email.as_str(), new.name.as_deref()), ("new@example.com", Some("Ann")));
        let resolve = async |identity: &OAuthIdentity| {
            w.storage.resolve_identity(identity, NewUser::new(identity.email.clone())).await.unwrap()
        };
        assert_eq!(resolve(&first).await, OAuthResolution::Known(new));

        let ann = w.register(EMAIL).await;
        assert_eq!(resolve(&identity(EMAIL, Some(true))).await, OAuthResolution::LinkRequired, "ann has not proven it");
        w.storage.mark_email_verified(&ann.id).await.unwrap();
        assert_eq!(resolve(&identity(EMAIL, Some(false))).await, OAuthResolution::LinkRequired);
        assert_eq!(w.storage.find_accounts_by_user_id(&ann.id).await.unwrap().len(), 0, "nothing was written");
        let ann = w.storage.find_by_id(&ann.id).await.unwrap().unwrap();
        assert_eq!(resolve(&identity("ANN@example.com", None)).await, OAuthResolution::Linked(ann.clone()));
        let known =
            w.storage.resolve_identity(&identity("ANN@example.com", Some(false)), NewUser::new(EMAIL.into())).await;
        assert_eq!(known.unwrap(), OAuthResolution::Known(ann));
    }
}

#[tokio::test]
async fn verifiers_wait_for_their_state() {
    for w in World::both().await {
        let minutes = TimeDelta::minutes(10);
        w.storage.store_pkce_verifier("state", "one", minutes).await.unwrap();
        w.storage.store_pkce_verifier("state", "two", minutes).await.unwrap();
        assert_eq!(w.storage.get_pkce_verifier("state").await.unwrap().as_deref(), Some("two"));
        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert_eq!(neighbour.take_pkce_verifier("state").await.unwrap(), None);
        neighbour.delete_pkce_verifier("state").await.unwrap();
        assert_eq!(w.storage.take_pkce_verifier("state").await.unwrap().as_deref(), Some("two"));
        assert_eq!(w.storage.take_pkce_verifier("state").await.unwrap(), None);
        w.storage.store_pkce_verifier("state", "three", minutes).await.unwrap();
        w.storage.delete_pkce_verifier("state").await.unwrap();
        assert_eq!(w.storage.get_pkce_verifier("state").await.unwrap(), None);
        w.storage.store_pkce_verifier("state", "four", minutes).await.unwrap();
        w.clock.advance(minutes);
        assert_eq!(w.storage.get_pkce_verifier("state").await.unwrap(), None);
        assert_eq!(w.storage.take_pkce_verifier("state").await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_last_way_to_sign_in_stays() {
    for w in World::both().await {
        let user = w.storage.find_or_create_by_email(EMAIL).await.unwrap();
        let unlink = async |user: &User, passwords, passkeys| {
            w.storage.unlink_account_unless_last(&user.id, "github", passwords, passkeys).await.unwrap()
        };
        assert_eq!(unlink(&user, true, true).await, Unlinked::Done, "there was none");
        w.storage.link_account(&user.id, "github", "1").await.unwrap();
        w.storage.link_account(&user.id, "github", "2").await.unwrap();
        assert_eq!(unlink(&user, true, true).await, Unlinked::LastMethod);
        w.storage.add_credential(&user.id, vec![1], vec![2], None).await.unwrap();
        assert_eq!(unlink(&user, true, false).await, Unlinked::LastMethod);
        assert_eq!(unlink(&user, false, true).await, Unlinked::Done);
        assert!(w.storage.find_accounts_by_user_id(&user.id).await.unwrap().is_empty());

        let bob = w.register("bob@example.com").await;
        w.storage.link_account(&bob.id, "github", "1").await.unwrap();
        assert_eq!(unlink(&bob, false, true).await, Unlinked::LastMethod);
        assert_eq!(unlink(&bob, true, false).await, Unlinked::Done);
        w.storage.link_account(&bob.id, "github", "1").await.unwrap();
        w.storage.link_account(&bob.id, "google", "1").await.unwrap();
        assert_eq!(unlink(&bob, false, false).await, Unlinked::Done);
        assert_eq!(w.storage.find_accounts_by_user_id(&bob.id).await.unwrap().len(), 1);
    }
}
