use proptest::prelude::*;

use super::*;

#[test]
fn what_is_wrong_is_said() {
    let problem = |id: &str| match TenantId::new(id).unwrap_err() {
        TenantError::InvalidTenantId { problem, .. } => problem,
        other => panic!("{other}"),
    };
    assert_eq!(problem(""), TenantIdProblem::Empty);
    assert_eq!(problem(&"a".repeat(65)), TenantIdProblem::TooLong { length: 65 });
    assert_eq!(problem("acme\n"), TenantIdProblem::Character { character: '\n', index: 4 });
    assert_eq!(problem("acmé"), TenantIdProblem::Character { character: 'é', index: 3 });
    assert_eq!(problem("ſ"), TenantIdProblem::Character { character: 'ſ', index: 0 });
}

#[test]
fn an_error_does_not_carry_a_megabyte() {
    let error = TenantId::new("ä".repeat(1_000_000)).unwrap_err();
    assert!(error.to_string().len() < 500);
}

#[test]
fn default_is_default() {
    assert!(TenantId::default().is_default());
    assert!(TenantId::new("default").unwrap().is_default());
    assert!(!TenantId::new("Default").unwrap().is_default());
}

#[test]
fn deserialising_validates() {
    assert_eq!(serde_json::from_str::<TenantId>("\"acme\"").unwrap(), "acme");
    assert!(serde_json::from_str::<TenantId>("\"a b\"").is_err());
    assert_eq!(serde_json::to_string(&TenantId::from_static("acme")).unwrap(), "\"acme\"");
}

proptest! {
    #[test]
    fn accepts_exactly_the_alphabet(text in "\\PC{0,70}") {
        let valid = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        prop_assert_eq!(TenantId::new(&text).is_ok(), valid);
    }

    #[test]
    fn valid_ids_round_trip(text in "[A-Za-z0-9_-]{1,64}") {
        let id: TenantId = text.parse().unwrap();
        prop_assert_eq!(id.as_str(), &text);
        prop_assert_eq!(serde_json::from_str::<TenantId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }
}
