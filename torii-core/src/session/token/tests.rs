use proptest::prelude::*;

use super::*;

#[test]
fn random_tokens_are_long_and_differ() {
    let token = SessionToken::new_random();
    assert_eq!(token.expose_secret().len(), 43);
    assert!(token.is_opaque());
    assert_ne!(token, SessionToken::new_random());
}

#[test]
fn two_dots_make_a_jwt() {
    assert!(SessionToken::new("a.b.c").is_jwt());
    for text in ["", "abc", "a.b", "a.b.c.d"] {
        assert!(SessionToken::new(text).is_opaque(), "{text}");
    }
}

#[test]
fn neither_debug_nor_display_shows_it() {
    for text in ["opaque-secret", "jwt.secret.part"] {
        let token = SessionToken::new(text);
        assert!(!format!("{token:?} {token}").contains("secret"));
        assert_eq!(serde_json::to_string(&token).unwrap(), format!("\"{text}\""));
    }
}

proptest! {
    #[test]
    fn any_text_is_kept(text in "\\PC{0,100}") {
        let token = SessionToken::new(&text);
        prop_assert_eq!(token.expose_secret(), &text);
        let read: SessionToken = serde_json::from_str(&serde_json::to_string(&token).unwrap()).unwrap();
        prop_assert!(token.verify_hash(&read.token_hash()));
        prop_assert_eq!(read, token);
    }
}
