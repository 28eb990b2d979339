use proptest::prelude::*;

use super::*;

#[test]
fn spellings_of_one_address_have_one_key() {
    let key = EmailKey::new("user@example.com");
    for typed in ["USER@example.com", " user@EXAMPLE.com\t", "uSeR@Example.Com"] {
        assert_eq!(EmailKey::new(typed), key, "{typed}");
    }
    assert_eq!(EmailKey::new("a@bücher.example"), EmailKey::new("a@xn--bcher-kva.example"));
    // é as one character and as e with an accent.
    assert_eq!(EmailKey::new("jos\u{e9}@x.co"), EmailKey::new("jose\u{301}@x.co"));
    assert_ne!(EmailKey::new("user+tag@example.com"), key);
    assert_ne!(EmailKey::new("us.er@example.com"), key);
}

#[test]
fn exact_keys_never_meet_plain_ones() {
    assert_eq!(EmailKey::exact("User@example.com").as_str(), "=User@example.com");
    assert_ne!(EmailKey::exact("User@example.com"), EmailKey::exact("user@example.com"));
}

#[test]
fn long_text_is_replaced_by_its_digest() {
    let long = format!("{}@example.com", "a".repeat(1_000_000));
    assert_eq!(EmailKey::new(&long).as_str().len(), 65);
    assert_ne!(EmailKey::new(&long), EmailKey::new(&format!("b{long}")));
    assert_eq!(EmailKey::new("not an address").as_str(), "not an address");
    assert_eq!(EmailKey::new("").as_str(), "");
}

proptest! {
    #[test]
    fn keys_are_short_and_stable(text in "\\PC{0,400}|[a-zA-Z.@ -]{0,300}") {
        let key = EmailKey::new(&text);
        prop_assert!(key.as_str().len() <= EMAIL_MAX_BYTES);
        prop_assert_eq!(EmailKey::new(&text), key.clone());
        if !key.as_str().starts_with('#') {
            prop_assert_eq!(EmailKey::new(key.as_str()), key);
        }
    }
}
