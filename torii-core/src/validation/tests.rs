use proptest::prelude::*;

use super::*;

#[test]
fn addresses_that_pass() {
    for email in ["user@example.com", "a..b@x.co", ".a@x.co", "a@x..co", "a@-b-.co", "A%b+c_d@sub.example.ORG"] {
        assert_eq!(validate_email(email), Ok(()), "{email}");
    }
    assert_eq!(validate_email(&format!("{}@example.com", "a".repeat(242))), Ok(()));
}

#[test]
fn addresses_that_do_not() {
    for email in [
        "a@localhost",
        "@x.co",
        "a@.co",
        "a@x.c",
        "a@x.c0",
        "a@[127.0.0.1]",
        "a b@x.co",
        "a@x.co\n",
        "a@x.co\0",
        "\"a\"@x.co",
        "ä@x.co",
        "a@ä.co",
        "a@@x.co",
        "a@b@x.co",
        "no-at.example.com",
    ] {
        assert!(matches!(validate_email(email), Err(ValidationError::InvalidEmail(_))), "{email:?}");
    }
    assert_eq!(validate_email(""), Err(ValidationError::MissingField("Email is required".into())));
    assert_eq!(
        validate_email(&format!("{}@example.com", "a".repeat(243))),
        Err(ValidationError::InvalidEmail("Email is too long".into()))
    );
}

#[test]
fn passwords_are_counted_in_characters() {
    assert!(validate_password("pässwört").is_ok());
    assert!(validate_password("öööö").is_err(), "four characters, eight bytes");
    assert!(validate_password(&"字".repeat(128)).is_ok());
    assert!(validate_password(&"字".repeat(129)).is_err());
    assert!(validate_password(&"a".repeat(129)).is_err());
    assert!(validate_password(&"a".repeat(10_000_000)).is_err());
    assert!(validate_password("       \u{2003}  ").is_err());
    assert_eq!(validate_password(""), Err(ValidationError::MissingField("Password is required".into())));
}

#[test]
fn other_fields() {
    assert!(validate_name(None).is_ok());
    assert!(validate_name(Some(" ")).is_err());
    assert!(validate_name(Some(&"a".repeat(101))).is_err());
    assert!(validate_oauth_provider("github").is_ok());
    assert!(validate_oauth_provider("GitHub").is_err());
    assert!(validate_oauth_identity("GitHub", "10769150350006150715113082367").is_ok());
    assert!(validate_oauth_identity("", "1").is_err());
    assert!(validate_oauth_identity("github", "a\0b").is_err());
    assert!(validate_oauth_identity("github", &"a".repeat(256)).is_err());
    assert!(validate_stored_name(Some("")).is_ok());
    assert!(validate_stored_name(Some("a\r\nBcc: x@y.co")).is_err());
    assert!(validate_user_id_string("my-user_1").is_ok());
    assert!(validate_user_id_string("My").is_err());
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,300}|[\\x00-\\x7f]{0,300}") {
        let _ = validate_email(&text);
        let _ = validate_password(&text);
        let _ = validate_name(Some(&text));
        let _ = validate_oauth_provider(&text);
        let _ = validate_oauth_identity(&text, &text);
        let _ = validate_stored_name(Some(&text));
        let _ = validate_user_id_string(&text);
    }
}
