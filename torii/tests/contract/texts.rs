//! The texts that applications match on.

use chrono::Duration;
use torii::{BruteForceProtectionConfig, Session, SessionToken, Torii, ToriiBuilder, ToriiError, User, UserId};
use torii_core::RepositoryProvider;

const EMAIL: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";

const INVALID_CREDENTIALS: &str = "Auth error: Authentication error: Invalid credentials";

async fn torii() -> Torii<impl RepositoryProvider> {
    ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap().apply_migrations(true).build().await.unwrap()
}

fn text<T: std::fmt::Debug>(outcome: Result<T, ToriiError>) -> String {
    outcome.expect_err("it is refused").to_string()
}

async fn signed_in(torii: &Torii<impl RepositoryProvider>) -> (User, Session) {
    torii.password().register(EMAIL, PASSWORD).await.unwrap();
    torii.password().authenticate(EMAIL, PASSWORD, None, None).await.unwrap()
}

#[tokio::test]
async fn wrong_credentials_read_alike() {
    let torii = torii().await;
    torii.password().register(EMAIL, PASSWORD).await.unwrap();
    torii.magic_link().generate_token("no-password@example.com").await.unwrap();
    for (email, password) in [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD), ("no-password@example.com", "x")] {
        assert_eq!(text(torii.password().authenticate(email, password, None, None).await), INVALID_CREDENTIALS);
    }
    assert_eq!(text(torii.password().reset_password_complete("unknown", PASSWORD).await), INVALID_CREDENTIALS);
}

#[tokio::test]
async fn a_lock_says_when_to_retry() {
    let config = BruteForceProtectionConfig {
        max_failed_attempts: 1,
        lockout_period: Duration::days(1),
        ..BruteForceProtectionConfig::default()
    };
    let torii = torii().await.with_brute_force_protection(config);
    for _ in 0..2 {
        let text = text(torii.password().authenticate(EMAIL, "wrong", None, None).await);
        let seconds = text
            .strip_prefix("Auth error: Account is temporarily locked. Retry after ")
            .and_then(|rest| rest.strip_suffix(" seconds"))
            .and_then(|seconds| seconds.parse::<i64>().ok());
        assert!(seconds.is_some_and(|seconds| (86_000..=86_400).contains(&seconds)), "{text}");
    }
}

#[tokio::test]
async fn sessions() {
    let torii = torii().await;
    assert_eq!(text(torii.get_session(&SessionToken::new_random()).await), "Storage error: Session not found");
    assert_eq!(text(torii.get_session(&SessionToken::new("a.b.c")).await), "Storage error: Session not found");
    let torii = torii.with_session_config(torii::SessionConfig::default().expires_in(Duration::seconds(-1)));
    let (_, session) = signed_in(&torii).await;
    assert_eq!(text(torii.get_session(&session.token.unwrap()).await), "Storage error: Session not found");
    let jwt = torii.with_jwt_sessions(torii::JwtConfig::new_hs256(vec![7; 32]).unwrap());
    let text = text(jwt.get_session(&SessionToken::new_random()).await);
    assert_eq!(text, "Storage error: Session error: Invalid token: Not a JWT token");
}

#[tokio::test]
async fn tokens() {
    let torii = torii().await;
    assert_eq!(text(torii.magic_link().authenticate("unknown", None, None).await), "Auth error: Invalid magic token");
    let invalid = "Auth error: Session error: Invalid token: Invalid or expired email verification token";
    assert_eq!(text(torii.verify_email_token("unknown").await), invalid);
    assert!(!torii.check_email_verification_token("unknown").await.unwrap());
    assert!(!torii.password().reset_password_verify_token("unknown").await.unwrap());
    // A token of another purpose is no token.
    let link = torii.magic_link().generate_token(EMAIL).await.unwrap();
    let link = link.token().unwrap();
    assert_eq!(text(torii.verify_email_token(link).await), invalid);
    assert_eq!(text(torii.password().reset_password_complete(link, PASSWORD).await), INVALID_CREDENTIALS);
    torii.magic_link().authenticate(link, None, None).await.unwrap();
}

#[tokio::test]
async fn unknown_users() {
    let torii = torii().await;
    let nobody = UserId::new("usr_nobody");
    let base = "https://app.example/verify";
    assert_eq!(text(torii.send_verification_email(&nobody, base).await), "Auth error: User not found");
    assert_eq!(text(torii.password().change_password(&nobody, PASSWORD, PASSWORD).await), "Auth error: User not found");
    assert!(matches!(torii.create_session(&nobody, None, None).await, Err(ToriiError::StorageError(_))));
    // These do nothing to nobody.
    torii.set_user_email_verified(&nobody).await.unwrap();
    torii.delete_user(&nobody).await.unwrap();
    torii.delete_sessions_for_user(&nobody).await.unwrap();
    torii.delete_session(&SessionToken::new_random()).await.unwrap();
    torii.password().reset_password_initiate("nobody@example.com", base).await.unwrap();
    assert!(torii.oauth().list_accounts_for_user(&nobody).await.unwrap().is_empty());
    assert!(torii.get_user(&nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn oauth_and_passkeys() {
    let torii = torii().await;
    let (user, _) = signed_in(&torii).await;
    torii.oauth().link_account(&user.id, "github", "1").await.unwrap();
    let taken = "Auth error: Authentication error: Account already linked";
    assert_eq!(text(torii.oauth().link_account(&user.id, "github", "1").await), taken);
    let alone = torii.oauth().get_or_create_user("github", "2", "alone@example.com", None).await.unwrap();
    assert_eq!(text(torii.oauth().link_account(&alone.id, "github", "1").await), taken);
    assert_eq!(
        text(torii.oauth().unlink_account(&alone.id, "github").await),
        "Auth error: Cannot remove last authentication method"
    );
    torii.oauth().unlink_account(&user.id, "github").await.unwrap();
    assert!(torii.oauth().get_account("github", "1").await.unwrap().is_none());
    assert_eq!(
        text(torii.passkey().authenticate(b"unknown", None, None).await),
        "Auth error: Invalid passkey credential"
    );
    torii.passkey().delete_credential(b"unknown").await.unwrap();
}

#[tokio::test]
async fn input() {
    let torii = torii().await;
    let register = async |email: &str, password: &str| text(torii.password().register(email, password).await);
    let email = "Auth error: Validation error: Invalid email format: ";
    assert_eq!(register("no address", PASSWORD).await, format!("{email}Invalid email format: no address"));
    let long = format!("{}@example.com", "a".repeat(250));
    assert_eq!(register(&long, PASSWORD).await, format!("{email}Email is too long"));
    assert_eq!(register("", PASSWORD).await, "Auth error: Validation error: Missing required field: Email is required");
    let link = text(torii.magic_link().generate_token("no address").await);
    assert_eq!(link, format!("{email}Invalid email format: no address"));

    let (user, _) = signed_in(&torii).await;
    let password = "Auth error: Validation error: Invalid password: Password";
    for (given, expected) in [
        ("", "Auth error: Validation error: Missing required field: Password is required".to_owned()),
        ("         ", format!("{password} cannot be only whitespace")),
        ("1234567", format!("{password} must be at least 8 characters long")),
        (&"p".repeat(129), format!("{password} must be no more than 128 characters long")),
    ] {
        assert_eq!(register("new@example.com", given).await, expected);
        assert_eq!(text(torii.password().change_password(&user.id, PASSWORD, given).await), expected);
        assert_eq!(text(torii.password().reset_password_complete("unknown", given).await), expected);
    }
    let wrong = text(torii.password().change_password(&user.id, "wrong", "a new password").await);
    assert_eq!(wrong, INVALID_CREDENTIALS);
}

/// Refused by the policy of today, but stored by a version without one.
#[tokio::test]
async fn an_old_short_password_still_signs_in() {
    use torii_core::repositories::{PasswordRepository, PasswordRepositoryProvider};

    let torii = torii().await;
    let user = torii.password().register(EMAIL, PASSWORD).await.unwrap();
    let hasher = torii_core::password::PasswordHasher::shared();
    let hash = hasher.hash(&user.tenant_id, "old").await.unwrap();
    torii.repositories().password().set_password_hash(&user.id, &hash).await.unwrap();
    let (found, _) = torii.password().authenticate(EMAIL, "old", None, None).await.unwrap();
    assert_eq!(found.id, user.id);
}

#[tokio::test]
async fn a_second_registration_finds_the_first_and_changes_nothing() {
    let torii = torii().await;
    let first = torii.password().register_with_name(EMAIL, PASSWORD, Some("John")).await.unwrap();
    let second = torii.password().register_with_name(EMAIL, "another password", Some("Jack")).await.unwrap();
    assert_eq!((second.id, second.name.as_deref()), (first.id, Some("John")));
    torii.password().authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    assert_eq!(text(torii.password().authenticate(EMAIL, "another password", None, None).await), INVALID_CREDENTIALS);
}

#[tokio::test]
async fn a_changed_or_reset_password_ends_every_session() {
    let torii = torii().await;
    let (user, session) = signed_in(&torii).await;
    torii.password().change_password(&user.id, PASSWORD, "the second password").await.unwrap();
    assert!(torii.get_session(&session.token.unwrap()).await.is_err());
    let (_, session) = torii.password().authenticate(EMAIL, "the second password", None, None).await.unwrap();
    let token = torii.password().issue_reset_token(EMAIL).await.unwrap().unwrap();
    torii.password().reset_password_complete(token.token().unwrap(), PASSWORD).await.unwrap();
    assert!(torii.get_session(&session.token.unwrap()).await.is_err());
    torii.password().authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
}
