//! What an application keeps with its users.

use serde_json::{Value, json};
use torii_core::{
    Error, MetadataPatch, PageRequest, TenantError, TenantId, TenantStatus, UserId, UserMetadata,
    error::StorageError,
    repositories::{TenantRepository, UserRepository},
};

use crate::{
    token_races::at_once,
    world::{EMAIL, Engine, World},
};

const CALLERS: usize = 8;
const ROUNDS: usize = 5;

fn metadata(value: Value) -> UserMetadata {
    UserMetadata::new(value).unwrap()
}

fn patch(value: Value) -> MetadataPatch {
    MetadataPatch::new(value).unwrap()
}

/// Also where the database's own function says otherwise, such as `JSON_CONTAINS` of arrays.
pub(crate) async fn metadata_are_found_by_what_they_contain(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let set = json!({"a": [1, [2, {"b": 3, "c": 1.50}]], "d": {"e": {}}, "n": null, "A": true});
        w.storage.set_metadata(&user.id, &metadata(set)).await.unwrap();
        for (filter, contained) in [
            (json!({"a": []}), true),
            (json!({"a": [[]]}), true),
            (json!({"a": [[2], 1, 1]}), true),
            (json!({"a": [[{"c": 1.5}]]}), true),
            (json!({"d": {}}), true),
            (json!({"n": null, "A": true}), true),
            // The elements of an element.
            (json!({"a": [2]}), false),
            (json!({"a": [{"b": 3}]}), false),
            // An element for an array.
            (json!({"a": 1}), false),
            (json!({"a": [[{"b": 3.5}]]}), false),
            (json!({"d": []}), false),
            (json!({"d": null}), false),
            (json!({"absent": null}), false),
            (json!({"A": 1}), false),
            (json!({"N": null}), false),
        ] {
            let found = w.storage.page_by_metadata(&metadata(filter.clone()), &PageRequest::first(1)).await.unwrap();
            assert_eq!((found.items.len() == 1, found.next), (contained, None), "{filter}");
        }
    }
}

/// Callers of two processes.
pub(crate) async fn metadata_merged_at_once_are_all_there(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let neighbour = w.reconnect().await;
        let mut expected = json!({"shared": {}});
        for round in 0..ROUNDS {
            at_once(&w.storage, CALLERS, |storage, caller| {
                let storage = if caller % 2 == 0 { storage } else { neighbour.clone() };
                let id = user.id.clone();
                let change =
                    patch(json!({"shared": {format!("{caller}"): {"round": round, format!("{}", round): null}}}));
                async move { storage.merge_metadata(&id, &change).await.unwrap() }
            })
            .await;
            for caller in 0..CALLERS {
                expected["shared"][format!("{caller}")] = json!({ "round": round });
            }
            assert_eq!(w.storage.metadata(&user.id).await.unwrap(), Some(metadata(expected.clone())));
        }
    }
}

pub(crate) async fn a_suspended_tenant_shows_and_takes_no_metadata(engine: Engine) {
    let mut w = World::new(engine).await;
    w.storage = w.storage.for_tenant(TenantId::from_static("acme"));
    let user = w.register(EMAIL).await;
    let set = metadata(json!({"plan": "pro"}));
    w.storage.set_metadata(&user.id, &set).await.unwrap();
    w.storage.set_tenant_status(TenantStatus::Suspended).await.unwrap();
    assert_eq!(w.storage.metadata(&user.id).await.unwrap(), None);
    assert!(w.storage.page_by_metadata(&set, &PageRequest::default()).await.unwrap().items.is_empty());
    let refusals = [
        w.storage.set_metadata(&user.id, &UserMetadata::default()).await,
        w.storage.merge_metadata(&user.id, &MetadataPatch::default()).await.map(drop),
        w.storage.merge_metadata(&UserId::new("nobody"), &MetadataPatch::default()).await.map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::Tenant(TenantError::Suspended { .. }))), "{refusal:?}");
    }
    w.storage.set_tenant_status(TenantStatus::Active).await.unwrap();
    assert_eq!(w.storage.metadata(&user.id).await.unwrap(), Some(set));
    let nobody = w.storage.merge_metadata(&UserId::new("nobody"), &MetadataPatch::default()).await;
    assert!(matches!(nobody, Err(Error::Storage(StorageError::NotFound))), "{nobody:?}");
}
