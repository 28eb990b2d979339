use super::{PasskeyError, TenantId, UserHandle, UserId};

fn handle(tenant: &'static str, user: &str) -> UserHandle {
    UserHandle::for_user(&TenantId::from_static(tenant), &UserId::new(user))
}

#[test]
fn the_handle_is_stable_and_does_not_tell_the_user_id() {
    // A changed handle would orphan every passkey: this value never changes.
    let bytes = handle("acme", "usr_john");
    assert_eq!(format!("{bytes:?}"), "UserHandle(\"Akgn29ND6o_fhlpSLPUIu--e4l2qgrlW_lPxmuKB1fs\")");
    assert_eq!(bytes, handle("acme", "usr_john"));
    assert_eq!(bytes.as_bytes().len(), 32);
    assert!(!bytes.as_bytes().windows(4).any(|window| window == b"john"));
}

#[test]
fn the_same_user_id_has_another_handle_in_another_tenant() {
    assert_ne!(handle("acme", "usr_john"), handle("globex", "usr_john"));
    assert_ne!(handle("acme", "usr_john"), handle("acme", "usr_jane"));
    // Without the lengths these two would be the same text.
    assert_ne!(handle("acme", "eusr"), handle("acmee", "usr"));
}

#[test]
fn handles_of_other_origin_have_1_to_64_bytes() {
    assert!(UserHandle::from_bytes([7; 1]).is_ok());
    assert!(UserHandle::from_bytes([7; 64]).is_ok());
    for length in [0, 65] {
        let refused = UserHandle::from_bytes(vec![7; length]);
        assert!(matches!(refused, Err(PasskeyError::InvalidUserHandle { length: l }) if l == length));
    }
}
