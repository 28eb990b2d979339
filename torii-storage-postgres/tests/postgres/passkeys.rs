use chrono::TimeDelta;
use torii_core::{
    TenantId, UserId,
    error::StorageErrorKind,
    repositories::{PasskeyRepository, UserRepository},
};

use crate::world::{EMAIL, World, kind};

#[tokio::test]
async fn credentials_are_added_found_and_removed() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        let id = vec![0, 159, 146, 150];
        let phone = w.storage.add_credential(&user.id, id.clone(), vec![1, 2, 3], Some("Phone".into())).await.unwrap();
        assert_eq!(w.storage.get_credential(&id).await.unwrap(), Some(phone.clone()));
        let twice = w.storage.add_credential(&user.id, id.clone(), vec![], None).await.unwrap_err();
        assert_eq!(kind(&twice), Some(StorageErrorKind::UniqueViolation));
        let nobody = w.storage.add_credential(&UserId::new("nobody"), vec![9], vec![], None).await.unwrap_err();
        assert_eq!(kind(&nobody), Some(StorageErrorKind::ForeignKeyViolation));
        w.clock.advance(TimeDelta::seconds(1));
        let key = w.storage.add_credential(&user.id, vec![7], vec![8], None).await.unwrap();
        assert_eq!(w.storage.get_credentials_for_user(&user.id).await.unwrap(), [key, phone]);
        w.storage.update_last_used(&id).await.unwrap();
        assert_eq!(w.storage.get_credential(&id).await.unwrap().unwrap().last_used_at, Some(w.now()));

        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert_eq!(neighbour.get_credential(&id).await.unwrap(), None);
        neighbour.delete_credential(&id).await.unwrap();
        neighbour.delete_all_for_user(&user.id).await.unwrap();
        w.storage.delete_credential(&id).await.unwrap();
        assert_eq!(w.storage.get_credential(&id).await.unwrap(), None);
        assert_eq!(w.storage.get_credentials_for_user(&user.id).await.unwrap().len(), 1);
        w.storage.delete_all_for_user(&user.id).await.unwrap();
        assert!(w.storage.get_credentials_for_user(&user.id).await.unwrap().is_empty());
        w.storage.update_last_used(&id).await.unwrap();
    }
}

#[tokio::test]
async fn a_counter_must_grow() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        w.storage.add_credential(&user.id, vec![1], vec![2], None).await.unwrap();
        let record = async |count| w.storage.record_use(&[1], count).await.unwrap().is_some();
        assert!(record(Some(0)).await, "both are 0");
        assert!(record(Some(3)).await);
        assert!(!record(Some(3)).await);
        assert!(!record(Some(2)).await);
        assert!(!record(Some(0)).await);
        w.clock.advance(TimeDelta::seconds(1));
        assert!(record(None).await);
        assert!(record(Some(u32::MAX)).await);
        let used = w.storage.get_credential(&[1]).await.unwrap().unwrap();
        assert_eq!((used.sign_count, used.last_used_at), (u32::MAX, Some(w.now())));
        assert_eq!(w.storage.record_use(&[1], None).await.unwrap(), w.storage.find_by_id(&user.id).await.unwrap());
        assert_eq!(w.storage.record_use(&[2], None).await.unwrap(), None);
    }
}

#[tokio::test]
async fn challenges_wait_for_their_ceremony() {
    for w in World::both().await {
        let minutes = TimeDelta::minutes(5);
        w.storage.set_challenge("id", "one", minutes).await.unwrap();
        w.storage.set_challenge("id", "two", minutes).await.unwrap();
        assert_eq!(w.storage.get_challenge("id").await.unwrap().as_deref(), Some("two"));
        let neighbour = w.storage.for_tenant(TenantId::from_static("neighbour"));
        assert_eq!(neighbour.take_challenge("id").await.unwrap(), None);
        assert_eq!(w.storage.take_challenge("id").await.unwrap().as_deref(), Some("two"));
        assert_eq!(w.storage.take_challenge("id").await.unwrap(), None);
        w.storage.set_challenge("id", "three", minutes).await.unwrap();
        w.clock.advance(minutes);
        assert_eq!(w.storage.get_challenge("id").await.unwrap(), None);
        assert_eq!(w.storage.take_challenge("id").await.unwrap(), None);
    }
}
