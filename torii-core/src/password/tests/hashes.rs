use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use proptest::prelude::*;

use super::{A, fast};
use crate::password::{
    HashingConfig, PasswordHasher, Verification,
    recipe::{Memory, Recipe},
    stored::{self, StoredHash},
};

/// As a release before tenants stored it.
const LEGACY_PASSWORD: &str = "correct horse 0 battery a";
const LEGACY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$BnZhzty+PzgLkE4WkOj8rg$nKIIIYwk0+oTQFI2Q5Ar2mmk2KtRooomCzQ9dHKNtKY";

const BCRYPT_HASH: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
const SCRYPT_HASH: &str = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

fn params(memory_kib: u32, iterations: u32, parallelism: u32, tag_length: usize) -> Params {
    Params::new(memory_kib, iterations, parallelism, Some(tag_length)).unwrap()
}

/// A hash of "password" as another program could have stored it: 64 KiB, 2 passes, but for the `change`.
fn hash_with(change: impl FnOnce(&mut Recipe)) -> String {
    let mut recipe = Recipe::current(params(64, 2, 1, 32), vec![7; 16]);
    change(&mut recipe);
    let tag = recipe.compute(b"password", &mut Memory::default()).unwrap();
    stored::encode(&recipe, &tag)
}

#[tokio::test]
async fn a_new_hash_is_a_97_character_phc_string_with_a_fresh_salt() {
    let hasher = PasswordHasher::shared();
    let hash = hasher.hash(&A, "Tr0ub4dor&3").await.unwrap();
    assert_eq!(hash.len(), 97);
    let fields: Vec<&str> = hash.split('$').collect();
    assert_eq!(fields[..4], ["", "argon2id", "v=19", "m=19456,t=2,p=1"]);
    assert_eq!((fields[4].len(), fields[5].len(), fields.len()), (22, 43, 6));
    assert_ne!(hasher.hash(&A, "Tr0ub4dor&3").await.unwrap(), hash);
    // Another implementation of the format reads it.
    Argon2::default().verify_password(b"Tr0ub4dor&3", hash.as_str()).unwrap();
}

#[tokio::test]
async fn a_hash_verifies_with_its_password_and_no_other() {
    let hasher = PasswordHasher::new(fast()).unwrap();
    for password in ["", "password", "pässwörd 東京", &"x".repeat(4095)] {
        let hash = hasher.hash(&A, password).await.unwrap();
        assert_eq!(hasher.verify(&A, password, Some(&hash)).await.unwrap(), Verification::Right);
        let other = format!("{password} ");
        assert_eq!(hasher.verify(&A, &other, Some(&hash)).await.unwrap(), Verification::Wrong);
    }
}

#[tokio::test]
async fn of_a_huge_password_nothing_is_looked_at() {
    let hasher = PasswordHasher::new(fast()).unwrap();
    let huge = "x".repeat(4097);
    for stored in [hasher.hash(&A, &huge).await.unwrap(), hasher.hash(&A, "").await.unwrap()] {
        let before = hasher.computations();
        assert_eq!(hasher.verify(&A, &huge, Some(&stored)).await.unwrap(), Verification::Wrong);
        assert_eq!(hasher.computations(), before + 1, "the work is the same");
    }
}

#[tokio::test]
async fn hashes_of_earlier_releases_still_verify() {
    let hasher = PasswordHasher::shared();
    assert_eq!(hasher.verify(&A, LEGACY_PASSWORD, Some(LEGACY_HASH)).await.unwrap(), Verification::Right);
    assert_eq!(hasher.verify(&A, "correct horse 1 battery a", Some(LEGACY_HASH)).await.unwrap(), Verification::Wrong);
}

#[tokio::test]
async fn what_cannot_be_checked_costs_one_current_computation_and_is_wrong() {
    let config = fast().memory_kib(64).iterations(2);
    let tagless = LEGACY_HASH.rsplit_once('$').unwrap().0;
    let unusable = [
        None,
        Some(""),
        Some("password"),
        Some("$"),
        Some("$argon2id$"),
        Some(tagless),
        Some("$argon2id$v=99$m=64,t=2,p=1$BnZhzty+PzgLkE4WkOj8rg$nKIIIYwk0+oTQFI2Q5Ar2mmk2KtRooomCzQ9dHKNtKY"),
        Some(BCRYPT_HASH),
        Some(SCRYPT_HASH),
    ];
    let hasher = PasswordHasher::new(config).unwrap();
    let genuine = hasher.hash(&A, "password").await.unwrap();
    assert_eq!(hasher.computations(), 1);
    assert_eq!(hasher.verify(&A, "wrong", Some(&genuine)).await.unwrap(), Verification::Wrong);
    assert_eq!(hasher.computations(), 2);
    for (index, stored) in unusable.into_iter().enumerate() {
        assert_eq!(hasher.verify(&A, "password", stored).await.unwrap(), Verification::Wrong, "{stored:?}");
        assert_eq!(hasher.computations(), 3 + index as u64, "{stored:?}");
    }
}

#[tokio::test]
async fn the_dummy_computation_has_the_current_parameters() {
    let hasher = PasswordHasher::paused(fast().memory_kib(64).iterations(3));
    for stored in [
        None,
        Some(""),
        Some(BCRYPT_HASH),
        Some("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let waiting = super::begin(hasher.verify(&A, "password", stored));
        let (_, job) = hasher.pool().shared().try_next().unwrap();
        let recipe = job.recipe;
        assert_eq!((recipe.algorithm, recipe.version), (Algorithm::Argon2id, Version::V0x13));
        assert_eq!((recipe.params.m_cost(), recipe.params.t_cost(), recipe.params.p_cost()), (64, 3, 1));
        assert_eq!((recipe.salt.len(), recipe.tag_length()), (16, 32));
        drop(waiting);
    }
}

#[tokio::test]
async fn unaffordable_parameters_are_wrong_even_with_the_right_password() {
    let hasher = PasswordHasher::new(fast()).unwrap();
    let tail = "BnZhzty+PzgLkE4WkOj8rg$nKIIIYwk0+oTQFI2Q5Ar2mmk2KtRooomCzQ9dHKNtKY";
    for cost in [
        "m=4294967295,t=1,p=1",
        "m=1048577,t=1,p=1",
        "m=8,t=4294967295,p=1",
        "m=1048576,t=5,p=1",
        "m=8,t=0,p=1",
        "m=8,t=1,p=2",
        "m=99999999999,t=1,p=1",
    ] {
        let stored = format!("$argon2id$v=19${cost}${tail}");
        assert!(StoredHash::parse(&stored).is_none(), "{cost}");
        assert_eq!(hasher.verify(&A, "password", Some(&stored)).await.unwrap(), Verification::Wrong, "{cost}");
    }
    assert_eq!(hasher.computations(), 7);
    assert!(StoredHash::parse(&format!("$argon2id$v=19$m=1048576,t=4,p=4${tail}")).is_some());
}

#[tokio::test]
async fn weaker_or_foreign_hashes_verify_and_are_outdated() {
    let hasher = PasswordHasher::new(fast().memory_kib(64).iterations(2)).unwrap();
    for stored in [
        hash_with(|recipe| recipe.params = params(63, 2, 1, 32)),
        hash_with(|recipe| recipe.params = params(64, 1, 1, 32)),
        hash_with(|recipe| recipe.params = params(128, 1, 1, 32)),
        hash_with(|recipe| recipe.params = params(32, 4, 2, 32)),
        hash_with(|recipe| recipe.params = params(64, 2, 1, 16)),
        hash_with(|recipe| recipe.salt.truncate(8)),
        hash_with(|recipe| recipe.algorithm = Algorithm::Argon2i),
        hash_with(|recipe| recipe.algorithm = Algorithm::Argon2d),
        hash_with(|recipe| recipe.version = Version::V0x10),
        hash_with(|recipe| recipe.version = Version::V0x10).replace("$v=16", ""),
    ] {
        let answer = hasher.verify(&A, "password", Some(&stored)).await.unwrap();
        assert_eq!(answer, Verification::RightButOutdated, "{stored}");
        assert!(answer.is_right());
        let answer = hasher.verify(&A, "passwort", Some(&stored)).await.unwrap();
        assert_eq!(answer, Verification::Wrong, "{stored}");
        assert!(!answer.is_right());
    }
}

#[tokio::test]
async fn equal_or_stronger_hashes_stay() {
    let hasher = PasswordHasher::new(fast().memory_kib(64).iterations(2)).unwrap();
    for costs in [params(64, 2, 1, 32), params(65, 2, 1, 32), params(64, 3, 1, 64), params(256, 4, 4, 32)] {
        let stored = hash_with(|recipe| recipe.params = costs);
        assert_eq!(hasher.verify(&A, "password", Some(&stored)).await.unwrap(), Verification::Right, "{stored}");
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let hasher = PasswordHasher::paused(fast());
    let _waiting = super::begin(hasher.verify(&A, "hunter2hunter2", Some(LEGACY_HASH)));
    let printed = format!("{hasher:?}");
    assert!(printed.contains("queue_len: 1"), "{printed}");
    for secret in ["hunter2", "BnZhzty", "nKIII"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(format!("{:?}", HashingConfig::default()).contains("memory_kib: 19456"));
}

#[test]
fn memory_is_reused_wiped_and_given_back() {
    let mut memory = Memory::default();
    let small = Recipe::current(params(8, 1, 1, 32), vec![1; 16]);
    let large = Recipe::current(params(64, 1, 1, 32), vec![1; 16]);
    let tag = small.compute(b"password", &mut memory).unwrap();
    assert_eq!(memory.len(), 8);
    assert!(!memory.is_clean());
    // What an earlier computation left behind does not change the next one.
    large.compute(b"other", &mut memory).unwrap();
    assert_eq!(memory.len(), 64);
    assert_eq!(*small.compute(b"password", &mut memory).unwrap(), *tag);
    assert_eq!(memory.len(), 64);
    memory.wipe();
    assert!(memory.is_clean());
    memory.shrink_to(8);
    assert_eq!(memory.len(), 0);
}

/// Text of the right shape with parts of any length and value.
const HASH_SHAPE: &str = concat!(
    r"\$argon2(id|i|d)(\$v=(16|19))?",
    r"\$m=[0-9]{1,8},t=[0-9]{1,3},p=[0-9]{1,3}(,(keyid|data)=[a-zA-Z0-9+/]{0,50})?",
    r"\$[A-Za-z0-9+/]{0,70}\$[A-Za-z0-9+/]{0,90}",
);

proptest! {
    #[test]
    fn any_stored_text_is_read_or_refused(text in ".*", shaped in HASH_SHAPE) {
        // An unreadable hash is an answer, never a panic.
        prop_assert!(StoredHash::parse(&text).is_none());
        if let Some(hash) = StoredHash::parse(&shaped) {
            prop_assert!(stored::is_affordable(&hash.recipe.params));
            prop_assert_eq!(hash.recipe.tag_length(), hash.tag.len());
        }
    }

    #[test]
    fn a_damaged_hash_is_read_or_refused(at in 0..97_usize, other in any::<char>()) {
        let (head, tail) = (&LEGACY_HASH[..at], &LEGACY_HASH[at + 1..]);
        for text in [head, tail, &format!("{head}{tail}"), &format!("{head}{other}{tail}")] {
            if let Some(hash) = StoredHash::parse(text) {
                prop_assert!(stored::is_affordable(&hash.recipe.params));
            }
        }
    }
}
