//! What an application keeps with its users.

use chrono::TimeDelta;
use serde_json::{Value, json};
use torii::{Clock, MetadataPatch, PageRequest, ToriiError, User, UserId, UserMetadata};
use torii_core::{
    NewUser,
    error::{Error, StorageError, ValidationError},
    events::Event,
    repositories::UserRepository,
    user::MetadataError,
};

use self::documents::Documents;
use super::{
    expectation::cause,
    races::{CALLERS, ROUNDS, race},
};
use crate::{
    Provider,
    world::{EMAIL, METADATA, OTHER_EMAIL, World},
};

mod documents;

fn metadata(value: Value) -> UserMetadata {
    UserMetadata::new(value).expect("it is metadata")
}

fn patch(value: Value) -> MetadataPatch {
    MetadataPatch::new(value).expect("it is a patch")
}

/// The metadata of a user who exists.
async fn kept<P: Provider>(w: &World<P>, id: &UserId) -> UserMetadata {
    w.here.user_metadata(id).await.unwrap().expect("the user exists")
}

/// Creates a user with metadata.
async fn user_with<P: Provider>(w: &World<P>, number: usize, metadata: &UserMetadata) -> UserId {
    let user = w.provider.user().create(NewUser::new(format!("user{number}@example.com"))).await.unwrap();
    w.here.set_user_metadata(&user.id, metadata).await.unwrap();
    user.id
}

/// Everybody whose metadata contain `filter`, read in pages of `size`.
async fn found<P: Provider>(w: &World<P>, filter: &UserMetadata, size: u32) -> Vec<User> {
    let (mut users, mut request) = (Vec::new(), PageRequest::first(size));
    loop {
        let page = w.here.find_users_by_metadata(filter, request.clone()).await.unwrap();
        assert!(page.items.len() <= size as usize);
        // A page that is not full is the last one, and only the last one may be empty if there is none before it.
        assert!(page.next.is_none() || page.items.len() == size as usize);
        users.extend(page.items);
        match page.next {
            Some(next) => request = request.after(next),
            None => return users,
        }
    }
}

/// Metadata are empty at first, and then what was set last, whole; setting them is a change of the user.
pub async fn metadata_are_what_was_set_last<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let other = w.register(OTHER_EMAIL).await;
    assert_eq!(kept(w, &user.id).await, UserMetadata::default());
    w.events.take();
    w.clock.advance(TimeDelta::minutes(1));
    for value in [json!({"plan": "pro", "seats": 5}), json!({"theme": {"dark": true}}), json!({}), json!({"a": null})] {
        let set = metadata(value);
        w.here.set_user_metadata(&user.id, &set).await.unwrap();
        assert_eq!(kept(w, &user.id).await, set);
        match &w.events.take()[..] {
            [(tenant, Event::UserMetadataUpdated(id))] => assert_eq!((tenant, id), (w.tenant(), &user.id)),
            events => panic!("expected one event, got {events:?}"),
        }
    }
    let changed = w.here.get_user(&user.id).await.unwrap().unwrap();
    assert_eq!(changed, User { updated_at: w.clock.now(), ..user });
    assert_eq!(kept(w, &other.id).await, UserMetadata::default());
    assert_eq!(w.here.get_user(&other.id).await.unwrap(), Some(other));
}

/// Other changes of a user leave the metadata, and a deleted user takes them along.
pub async fn metadata_go_with_their_user<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let set = metadata(json!({"plan": "pro"}));
    w.here.set_user_metadata(&user.id, &set).await.unwrap();
    w.here
        .update_user(&User { name: Some("John".into()), email: "jack@example.com".into(), ..user.clone() })
        .await
        .unwrap();
    w.here.set_user_email_verified(&user.id).await.unwrap();
    assert_eq!(kept(w, &user.id).await, set);
    assert_eq!(found(w, &set, 10).await.len(), 1);
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.here.user_metadata(&user.id).await.unwrap(), None);
    assert!(found(w, &set, 10).await.is_empty());
    let successor = w.register(EMAIL).await;
    assert_eq!(kept(w, &successor.id).await, UserMetadata::default());
}

/// Whatever is within the bounds comes back as it was set: the largest, the deepest, every kind of text and of number.
pub async fn metadata_come_back_unchanged<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let numbers = json!({"n": [
        0, -0.0, 1.0, -1, 0.1, -2.5, 1e15, 1e16, 1e19, 1e21, 1e-7, 1.0e300, i64::MIN, i64::MAX, u64::MAX, 9_007_199_254_740_993_u64,
        f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::EPSILON, 123_456_789.123_456_79, 1.7976931348623155e308,
        18_446_744_073_709_551_616.0, 0.1 + 0.2,
    ]});
    let texts = json!({
        "": "", " ": " \t\r\n", "\u{1}": "\u{1}\u{1f}\u{7f}\u{85}", "\"'\\": "\"'\\/ \\u0000 \\0 $1 ?1 %s -- ';",
        "caf\u{e9} cafe\u{301}": "\u{feff}\u{202e}\u{2028}\u{fffd}\u{ffff}\u{1f469}\u{200d}\u{1f680}\u{10ffff}",
        "A": 1, "a": 2, "null": null, "true": [true, false, null, [], {}, ""],
    });
    let deepest = json!({"1": [{"3": [{"5": [{"7": ["eight"]}]}]}]});
    let largest = json!({"a": "x".repeat(UserMetadata::MAX_BYTES - 8)});
    let widest = json!({"n": vec![1e308; 2339]});
    for value in [numbers, texts, deepest, largest, widest] {
        let set = metadata(value);
        w.here.set_user_metadata(&user.id, &set).await.unwrap();
        assert_eq!(kept(w, &user.id).await, set);
        assert_eq!(found(w, &set, 10).await.len(), 1, "it contains itself");
        let merged = w.here.merge_user_metadata(&user.id, &MetadataPatch::default()).await.unwrap();
        assert_eq!(merged, set);
        assert_eq!(kept(w, &user.id).await, set);
    }
    let mut documents = Documents::new(1);
    for _ in 0..50 {
        let set = documents.document();
        w.here.set_user_metadata(&user.id, &set).await.unwrap();
        assert_eq!(kept(w, &user.id).await, set);
    }
}

/// Merging changes what the patch names, removes what it says is null, leaves the rest, and answers the result.
pub async fn merging_changes_what_the_patch_names<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.events.take();
    let steps = [
        (
            json!({"plan": "free", "limits": {"seats": 1, "space": 10}}),
            json!({"plan": "free", "limits": {"seats": 1, "space": 10}}),
        ),
        (json!({"plan": "pro", "limits": {"seats": 5, "space": null}}), json!({"plan": "pro", "limits": {"seats": 5}})),
        (
            json!({"tags": [null, {"a": null}], "absent": null}),
            json!({"plan": "pro", "limits": {"seats": 5}, "tags": [null, {"a": null}]}),
        ),
        (json!({"limits": null, "tags": ["b"]}), json!({"plan": "pro", "tags": ["b"]})),
        (json!({"plan": {"name": {"x": null}}}), json!({"plan": {"name": {}}, "tags": ["b"]})),
        (json!({}), json!({"plan": {"name": {}}, "tags": ["b"]})),
        (json!({"plan": null, "tags": null}), json!({})),
    ];
    for (change, expected) in steps {
        w.clock.advance(TimeDelta::minutes(1));
        let merged = w.here.merge_user_metadata(&user.id, &patch(change)).await.unwrap();
        assert_eq!(merged, metadata(expected));
        assert_eq!(kept(w, &user.id).await, merged);
        let events = w.events.take();
        assert!(matches!(&events[..], [(_, Event::UserMetadataUpdated(id))] if *id == user.id), "{events:?}");
        assert_eq!(w.here.get_user(&user.id).await.unwrap().unwrap().updated_at, w.clock.now());
    }
}

/// A merge whose result is too large is refused, and changes nothing.
pub async fn a_merge_beyond_the_bounds_changes_nothing<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let half = "x".repeat(UserMetadata::MAX_BYTES / 2);
    let set = metadata(json!({ "a": half }));
    w.here.set_user_metadata(&user.id, &set).await.unwrap();
    let before = w.here.get_user(&user.id).await.unwrap();
    w.events.take();
    w.clock.advance(TimeDelta::minutes(1));
    let refusal = w.here.merge_user_metadata(&user.id, &patch(json!({ "b": half }))).await.unwrap_err();
    let too_large = ValidationError::InvalidMetadata(MetadataError::TooLarge);
    assert!(matches!(cause(&refusal), Some(Error::Validation(error)) if *error == too_large), "{refusal:?}");
    assert!(matches!(refusal, ToriiError::AuthError(_)));
    assert_eq!(kept(w, &user.id).await, set);
    assert_eq!(w.here.get_user(&user.id).await.unwrap(), before);
    assert!(w.events.take().is_empty());
    // The row is not left locked.
    w.here.merge_user_metadata(&user.id, &patch(json!({"a": null, "b": half}))).await.unwrap();
    assert_eq!(kept(w, &user.id).await, metadata(json!({ "b": half })));
}

/// Nobody has no metadata: reading finds none, writing says that there is no such user, and registers no tenant.
pub async fn nobody_has_no_metadata<P: Provider>(w: &World<P>) {
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap();
    let set = metadata(json!({"plan": "free"}));
    let refused = async |id: &UserId| {
        assert_eq!(w.here.user_metadata(id).await.unwrap(), None);
        let answers = [
            w.here.set_user_metadata(id, &set).await,
            w.here.merge_user_metadata(id, &patch(json!({"plan": null}))).await.map(drop),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert!(matches!(cause(&error), Some(Error::Storage(StorageError::NotFound))), "{error:?}");
            assert!(matches!(error, ToriiError::StorageError(_)));
        }
    };
    for id in [&stranger.id, &UserId::new_random(), &UserId::new("")] {
        refused(id).await;
    }
    assert!(found(w, &set, 10).await.is_empty());
    assert_eq!(w.torii.find_tenant(w.tenant()).await.unwrap().is_some(), w.tenant().is_default());
    w.register(EMAIL).await;
    refused(&stranger.id).await;
    assert!(w.events.take().iter().all(|(_, event)| !matches!(event, Event::UserMetadataUpdated(_))));
}

/// Of many who merge different names at once nobody's is lost.
pub async fn merging_at_once_loses_nothing<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (mut all, mut counters) = (json!({}), json!({}));
    for round in 0..ROUNDS {
        race(|caller| {
            let (here, id) = (w.here.clone(), user.id.clone());
            let change = patch(json!({format!("{round}-{caller}"): caller, "shared": {format!("{caller}"): round}}));
            async move { here.merge_user_metadata(&id, &change).await.unwrap() }
        })
        .await;
        for caller in 0..CALLERS {
            all[format!("{round}-{caller}")] = json!(caller);
            counters[format!("{caller}")] = json!(round);
        }
        all["shared"] = counters.clone();
        assert_eq!(kept(w, &user.id).await, metadata(all.clone()));
    }
}

/// Looking for metadata finds exactly those that contain the filter, as [`UserMetadata::contains`] says.
pub async fn finding_is_containment<P: Provider>(w: &World<P>) {
    let mut documents = Documents::new(2);
    let mut users = Vec::new();
    for number in 0..60 {
        // A few have nothing.
        let set = if number % 10 == 0 { UserMetadata::default() } else { documents.document() };
        users.push((user_with(w, number, &set).await, set));
    }
    users.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    let by_hand = [
        json!({}),
        json!({"a": {}}),
        json!({"a": []}),
        json!({"a": null}),
        json!({"a": 1}),
        json!({"a": 1.0}),
        json!({"a": [1]}),
        json!({"a": [[]]}),
        json!({"a": [{}]}),
        json!({"b": "1"}),
        json!({"b": true}),
        json!({"absent": null}),
    ];
    let (mut hits, mut misses) = (0, 0);
    let by_chance: Vec<_> = (0..120).map(|index| documents.filter(&users[index % users.len()].1)).collect();
    for filter in by_hand.map(metadata).into_iter().chain(by_chance) {
        let expected: Vec<_> =
            users.iter().filter(|(_, metadata)| metadata.contains(&filter)).map(|(id, _)| id.as_str()).collect();
        let found = found(w, &filter, 1000).await;
        let ids: Vec<_> = found.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(ids, expected, "{filter}");
        hits += usize::from(!expected.is_empty());
        misses += usize::from(expected.is_empty());
    }
    assert!(hits > 30 && misses > 10, "{hits} filters are contained somewhere, {misses} nowhere");
}

/// Those who are found come by id, each once, in pages of any size, however many others are between them.
pub async fn pages_by_metadata_have_everybody_once<P: Provider>(w: &World<P>) {
    let (pro, free) = (metadata(json!({"plan": "pro"})), metadata(json!({"plan": "free"})));
    let mut expected = Vec::new();
    for number in 0..600 {
        let is_pro = number % 20 == 7;
        let set = if is_pro { metadata(json!({"plan": "pro", "number": number})) } else { free.clone() };
        let id = UserId::new(&format!("{}-{number:03}", w.tenant()));
        let email = format!("user{number}@example.com");
        w.provider.user().create(NewUser::with_id(id.clone(), email)).await.unwrap();
        w.provider.user().set_metadata(&id, &set).await.unwrap();
        if is_pro {
            expected.push(id);
        }
    }
    for size in [1, 7, 29, 30, 31, 1000] {
        let found: Vec<_> = found(w, &pro, size).await.into_iter().map(|user| user.id).collect();
        assert_eq!(found, expected, "in pages of {size}");
    }
    assert_eq!(found(w, &free, 100).await.len(), 570);
    assert_eq!(found(w, &UserMetadata::default(), 100).await.len(), 600);
    let last = w.here.find_users_by_metadata(&pro, PageRequest::first(30)).await.unwrap();
    assert_eq!((last.items.len(), last.next), (30, None));
    let beyond = w.here.find_users_by_metadata(&pro, PageRequest::first(1).after("~")).await.unwrap();
    assert_eq!((beyond.items.len(), beyond.next), (0, None));
}

/// The metadata next door are never read, changed or found, though the same user has the same there.
pub async fn metadata_next_door_are_never_found<P: Provider>(w: &World<P>) {
    let filter: UserMetadata = METADATA.parse().unwrap();
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap();
    let there = w.neighbour.find_users_by_metadata(&filter, PageRequest::default()).await.unwrap();
    assert_eq!(there.items, [stranger]);
    assert!(found(w, &filter, 10).await.is_empty());
    assert!(found(w, &UserMetadata::default(), 10).await.is_empty());
    let user = w.register(EMAIL).await;
    assert!(found(w, &filter, 10).await.is_empty());
    w.here.set_user_metadata(&user.id, &filter).await.unwrap();
    let user = w.here.get_user(&user.id).await.unwrap().unwrap();
    assert_eq!(found(w, &filter, 10).await, std::slice::from_ref(&user));
    assert_eq!(found(w, &UserMetadata::default(), 1).await, [user]);
}
