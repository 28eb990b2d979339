use super::*;

#[test]
fn ids_parse_only_when_generated() {
    let id = UserId::new_random();
    assert!(id.is_valid());
    assert_eq!(id.as_str().parse::<UserId>().unwrap(), id);
    let error = "somebody".parse::<UserId>().unwrap_err().to_string();
    assert_eq!(
        error,
        "Validation error: Invalid user ID: Invalid user ID format: expected 'usr_' prefix with valid base58 data, got 'somebody'"
    );
}

#[test]
fn builders_say_what_is_missing() {
    assert_eq!(User::builder().build().unwrap_err().to_string(), "Validation error: Invalid field: Email is required");
    assert_eq!(
        NewUser::builder().build().unwrap_err().to_string(),
        "Validation error: Missing required field: Email is required"
    );
}

#[test]
fn json_of_older_versions_reads() {
    let user: User = serde_json::from_str(
        r#"{"id":"usr_1","name":null,"email":"a@b.co","email_verified_at":null,
            "created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#,
    )
    .unwrap();
    assert!(user.tenant_id.is_default());
    assert!(!user.is_locked());
    let json = serde_json::to_value(&user).unwrap();
    assert_eq!(json["id"], "usr_1");
    assert!(json["locked_at"].is_null());
}
