use super::*;

fn session() -> SessionBuilder {
    Session::builder().user_id(UserId::new("u"))
}

#[test]
fn a_token_decides_the_digest() {
    let session = session().token(SessionToken::new("abc")).token_hash("other".into()).build().unwrap();
    assert_eq!(session.token_hash, SessionToken::new("abc").token_hash());
}

#[test]
fn a_digest_alone_brings_no_token() {
    let session = session().token_hash("hash".into()).build().unwrap();
    assert_eq!((session.token, session.token_hash.as_str()), (None, "hash"));
}

#[test]
fn digests_differ_by_tenant() {
    let acme = TenantId::from_static("acme");
    let here = session().token(SessionToken::new("abc")).tenant_id(acme).build().unwrap();
    assert_ne!(here.token_hash, SessionToken::new("abc").token_hash());
}

#[test]
fn a_user_is_required() {
    assert_eq!(
        Session::builder().build().unwrap_err().to_string(),
        "Validation error: Missing required field: User ID is required"
    );
}

#[test]
fn long_user_agents_are_cut_at_a_character() {
    let agent = "ü".repeat(50_000);
    let session = session().user_agent(Some(agent)).ip_address(Some("1".repeat(100_000))).build().unwrap();
    assert_eq!(session.user_agent.unwrap().len(), 1024);
    assert_eq!(session.ip_address.unwrap().len(), 64);
}

#[test]
fn ends_after_its_last_moment() {
    let session = session().build().unwrap();
    assert!(!session.is_expired());
    assert!(!session.is_expired_at(session.expires_at));
    assert!(session.is_expired_at(session.expires_at + TimeDelta::microseconds(1)));
}

#[test]
fn absurd_lifetimes_do_not_panic() {
    let new = NewSession { user_agent: None, ip_address: None, lifetime: TimeDelta::MAX };
    let session = new.begin(TenantId::default(), UserId::new("u"), SystemClock.now());
    assert!(!session.is_expired());
}

#[test]
fn debug_shows_neither_token_nor_digest() {
    let session = session().token(SessionToken::new("abc")).build().unwrap();
    let text = format!("{session:?}");
    assert!(!text.contains("abc") && !text.contains(&session.token_hash), "{text}");
}

#[test]
fn json_of_older_versions_reads() {
    let session: Session = serde_json::from_str(
        r#"{"token":"abc","user_id":"u","user_agent":null,"ip_address":null,"created_at":"2026-01-01T00:00:00Z",
            "updated_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z"}"#,
    )
    .unwrap();
    assert_eq!(session.token, Some(SessionToken::new("abc")));
    assert!(session.token_hash.is_empty());
}
