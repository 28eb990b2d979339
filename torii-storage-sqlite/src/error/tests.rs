use super::*;

#[test]
fn result_codes_have_kinds() {
    for (code, kind) in [
        (5, StorageErrorKind::Locked),
        // SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED_SHAREDCACHE
        (517, StorageErrorKind::Locked),
        (262, StorageErrorKind::Locked),
        (8, StorageErrorKind::ReadOnly),
        (1032, StorageErrorKind::ReadOnly),
        (13, StorageErrorKind::Full),
        (4874, StorageErrorKind::Full),
        (14, StorageErrorKind::Unavailable),
        (778, StorageErrorKind::Unavailable),
        (11, StorageErrorKind::Corrupt),
        (26, StorageErrorKind::Corrupt),
        // SQLITE_CONSTRAINT_DATATYPE: a STRICT table refused the type.
        (3091, StorageErrorKind::ConstraintViolation),
        (21, StorageErrorKind::Other),
    ] {
        assert_eq!(kind_of_code(code, ""), kind, "code {code}");
    }
}

#[test]
fn a_missing_schema_is_told_by_its_message() {
    for message in
        ["no such table: users", "no such column: users.locked_at", "table users has no column named email_key"]
    {
        assert_eq!(kind_of_code(1, message), StorageErrorKind::SchemaMissing, "{message}");
    }
    assert_eq!(kind_of_code(1, "near \"SELEC\": syntax error"), StorageErrorKind::Other);
}
