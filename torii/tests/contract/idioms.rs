//! How applications use the library, in the words of their own code.

use std::sync::Arc;

use chrono::Duration;
use sqlx::SqlitePool;
use torii::{
    BruteForceProtectionConfig, JwtAlgorithm, JwtConfig, LockoutStatus, SessionConfig, SessionProviderType,
    SessionToken, Torii, ToriiBuilder, ToriiBuilderError, ToriiError, UserId,
    sqlite::{SqliteRepositoryProvider, SqliteStorage},
};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(feature = "password")]
const EMAIL: &str = "john@example.com";
#[cfg(feature = "password")]
const PASSWORD: &str = "correct horse battery staple";

async fn in_memory() -> Torii<SqliteRepositoryProvider> {
    ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap().apply_migrations(true).build().await.unwrap()
}

#[cfg(feature = "password")]
#[tokio::test]
async fn a_session_token_goes_to_the_browser_and_back() -> Result<(), AnyError> {
    let torii = ToriiBuilder::new().with_sqlite("sqlite::memory:").await?.apply_migrations(true).build().await?;
    let registered = torii.password().register(EMAIL, PASSWORD).await?;
    let (user, session) = torii.password().authenticate(EMAIL, PASSWORD, None, None).await?;
    assert_eq!(user.id, registered.id);
    let secret: &str = session.token.as_ref().expect("fresh").expose_secret();
    let again = torii.get_session(&SessionToken::new(secret)).await?;
    assert_eq!(again.user_id, user.id);
    assert_eq!(again.token.as_ref().map(SessionToken::expose_secret), Some(secret));
    if let Some(token) = again.token {
        torii.delete_session(&token).await?;
    }
    assert!(torii.get_session(&secret.into()).await.is_err());
    Ok(())
}

#[cfg(feature = "password")]
#[tokio::test]
async fn lockouts_are_configured_and_read() -> Result<(), AnyError> {
    let cfg = BruteForceProtectionConfig { max_failed_attempts: 3, ..Default::default() };
    let torii = in_memory().await.with_brute_force_protection(cfg);
    torii.password().register(EMAIL, PASSWORD).await?;
    for _ in 0..2 {
        let err = torii.password().authenticate(EMAIL, "wrong", None, None).await.unwrap_err();
        assert!(matches!(err, ToriiError::AuthError(ref s) if s.contains("Invalid credentials")));
    }
    let err = torii.password().authenticate(EMAIL, "wrong", None, None).await.unwrap_err();
    assert!(matches!(err, ToriiError::AuthError(ref s) if s.contains("temporarily locked")));
    let err = torii.password().authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err();
    match err {
        ToriiError::AuthError(msg) if msg.contains("temporarily locked") => {
            let seconds = msg.split_whitespace().filter_map(|word| word.parse::<i64>().ok()).next_back();
            assert!(seconds.is_some_and(|seconds| (0..=15 * 60).contains(&seconds)), "{msg}");
        }
        ToriiError::AuthError(msg) | ToriiError::StorageError(msg) => panic!("{msg}"),
        _ => panic!(),
    }

    let status: LockoutStatus = torii.get_lockout_status(EMAIL).await?;
    assert!(status.is_locked && status.failed_attempts == 3 && status.locked_until.is_some());
    assert!(status.retry_after_seconds().is_some_and(|seconds| seconds > 0));
    let status = torii.get_lockout_status("stranger@example.com").await?;
    assert_eq!((status.failed_attempts, status.is_locked, status.locked_until), (0, false, None));

    let off = in_memory().await.with_brute_force_protection(BruteForceProtectionConfig::disabled());
    for _ in 0..8 {
        let err = off.password().authenticate(EMAIL, "wrong", None, None).await.unwrap_err();
        assert_eq!(err.to_string(), "Auth error: Authentication error: Invalid credentials");
    }
    assert_eq!(off.get_lockout_status(EMAIL).await?.failed_attempts, 0);
    Ok(())
}

#[test]
fn lockout_defaults() {
    let BruteForceProtectionConfig { enabled, max_failed_attempts, lockout_period, retention_period } =
        BruteForceProtectionConfig::default();
    assert!(enabled);
    assert_eq!((max_failed_attempts, lockout_period, retention_period), (5, Duration::minutes(15), Duration::days(7)));
    assert!(!BruteForceProtectionConfig::disabled().enabled);
}

#[tokio::test]
async fn jwt_sessions_are_configured() -> Result<(), AnyError> {
    let jwt = JwtConfig::new_hs256(vec![7; 32])?.with_issuer("me").with_metadata(true);
    let torii = Torii::new(Arc::clone(in_memory().await.repositories()))
        .with_session_config(SessionConfig::default().with_jwt(jwt).expires_in(Duration::hours(1)));
    let (agent, address) = (Some("browser".to_owned()), Some("192.0.2.7".to_owned()));
    let session = torii.create_session(&UserId::new("usr_1"), agent.clone(), address).await?;
    let token = session.token.expect("fresh");
    assert!(token.is_jwt() && !token.is_opaque());
    let read = torii.get_session(&token).await?;
    assert_eq!((read.user_id.as_str(), read.user_agent), ("usr_1", agent));
    assert_eq!(read.expires_at - read.created_at, Duration::hours(1));

    let short = JwtConfig::new_hs256(vec![7; 31]).unwrap_err();
    let text = "Validation error: Invalid field: HS256 secret key must be at least 32 bytes (256 bits), got 31 bytes";
    assert_eq!(short.to_string(), text);
    assert_eq!(JwtConfig::HS256_MIN_KEY_LENGTH, 32);
    Ok(())
}

#[test]
fn literals() {
    let jwt = JwtConfig {
        algorithm: JwtAlgorithm::HS256 { secret_key: vec![7; 32] },
        issuer: Some("me".into()),
        include_metadata: false,
    };
    let _ = SessionConfig { expires_in: Duration::hours(1), provider_type: SessionProviderType::Jwt(jwt.clone()) };
    let _ = SessionConfig { provider_type: SessionProviderType::Opaque, ..SessionConfig::default() };
    if let JwtAlgorithm::HS256 { secret_key } = jwt.algorithm {
        assert_eq!(secret_key.len(), 32);
    }
    let _ = JwtAlgorithm::RS256 { private_key: Vec::new(), public_key: Vec::new() };
}

#[cfg(feature = "magic-link")]
#[tokio::test]
async fn a_magic_link_is_sent_by_the_application() -> Result<(), AnyError> {
    let torii = in_memory().await;
    let mail = "ann@example.com";
    let token = torii.magic_link().generate_token(mail).await?;
    let text = token.token().unwrap().to_owned();
    assert!(token.verify(&text) && !token.used());
    assert!(matches!(token.purpose, torii::TokenPurpose::MagicLink));
    let (user, session) = torii.magic_link().authenticate(&text, None, None).await?;
    assert_eq!((user.email.as_str(), session.user_id), (mail, user.id));
    let err = torii.magic_link().authenticate(&text, None, None).await.unwrap_err();
    assert!(matches!(err, ToriiError::AuthError(ref s) if s.as_str() == "Invalid magic token"));
    Ok(())
}

#[tokio::test]
async fn a_pool_and_a_provider_of_the_applications_own() -> Result<(), AnyError> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let repositories = SqliteRepositoryProvider::new(pool.clone());
    repositories.migrate().await?;
    let torii = Torii::new(Arc::new(repositories));
    torii.health_check().await?;
    torii.migrate().await?;

    let torii = Torii::new(Arc::new(SqliteRepositoryProvider::new(pool.clone())))
        .with_session_config(SessionConfig::default().expires_in(Duration::hours(1)));
    assert!(torii.get_user(&UserId::new("nobody")).await?.is_none());

    let torii = ToriiBuilder::new().with_sqlite_pool(pool).with_session_expiry(Duration::hours(1)).build().await?;
    torii.health_check().await?;
    Ok(())
}

#[tokio::test]
async fn storage_first_then_the_provider() -> Result<(), AnyError> {
    let storage = SqliteStorage::connect("sqlite::memory:").await?;
    storage.migrate().await?;
    let torii = Torii::new(Arc::new(storage.into_repository_provider()));
    torii.health_check().await?;
    Ok(())
}

#[tokio::test]
async fn repositories_are_within_reach() -> Result<(), AnyError> {
    use torii_core::{
        NewUser,
        repositories::{SessionRepository, UserRepository},
    };

    let torii = in_memory().await;
    let user = torii.repositories().user().create(NewUser::new("ann@example.com".into())).await?;
    assert_eq!(torii.get_user(&user.id).await?.map(|user| user.email), Some("ann@example.com".to_owned()));
    let session = torii.create_session(&user.id, None, None).await?;
    let found = torii.repositories().session().find_by_token(session.token.as_ref().unwrap()).await?;
    assert_eq!(found.map(|found| found.token_hash), Some(session.token_hash));
    generic(&torii, &user).await?;
    Ok(())
}

/// Where the provider is a type parameter, the traits are all in scope.
async fn generic<R: torii_core::RepositoryProvider>(torii: &Torii<R>, user: &torii::User) -> Result<(), AnyError> {
    use torii_core::repositories::{SessionRepository, UserRepository};

    let session = torii.create_session(&user.id, None, None).await?;
    torii.repositories().session().delete(session.token.as_ref().unwrap()).await?;
    torii.repositories().user().delete(&user.id).await?;
    assert!(torii.repositories().user().find_by_email(&user.email).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn two_databases_in_memory_are_two() -> Result<(), AnyError> {
    use torii_core::{NewUser, repositories::UserRepository};

    let (one, other) = (in_memory().await, in_memory().await);
    let user = one.repositories().user().create(NewUser::new("ann@example.com".into())).await?;
    assert!(one.get_user(&user.id).await?.is_some());
    assert!(other.get_user(&user.id).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_database_that_cannot_be_opened() {
    let Err(error) = ToriiBuilder::new().with_sqlite("sqlite:///no/such/directory/app.db").await else {
        panic!("it was opened")
    };
    assert!(matches!(error, ToriiBuilderError::StorageConnection(_)));
    assert!(
        error.to_string().starts_with("Storage connection failed: Database error: Failed to connect to"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_that_holds_something_else() -> Result<(), AnyError> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, nickname TEXT)").execute(&pool).await?;
    let built = ToriiBuilder::new().with_sqlite_pool(pool.clone()).apply_migrations(true).build().await;
    let Err(ToriiBuilderError::Migration(msg)) = built else { panic!("it was migrated") };
    assert!(msg.starts_with("Storage error: Migration error: Failed to run migrations"), "{msg}");
    let torii = ToriiBuilder::new().with_sqlite_pool(pool).build().await?;
    let Err(ToriiError::StorageError(msg)) = torii.migrate().await else { panic!("it was migrated") };
    assert!(msg.starts_with("Storage error: Migration error: Failed to run migrations"), "{msg}");
    Ok(())
}

#[test]
fn builder_errors_read_as_they_did() {
    let text = |error: ToriiBuilderError| error.to_string();
    assert_eq!(text(ToriiBuilderError::StorageConnection("x".into())), "Storage connection failed: x");
    assert_eq!(text(ToriiBuilderError::Migration("x".into())), "Migration failed: x");
    assert_eq!(text(ToriiBuilderError::InvalidConfiguration("x".into())), "Invalid configuration: x");
    #[cfg(feature = "mailer")]
    assert_eq!(text(ToriiBuilderError::MailerConfiguration("x".into())), "Mailer configuration failed: x");
}

/// As an HTTP layer does it: by the text.
fn status(error: &ToriiError) -> u16 {
    match error {
        ToriiError::AuthError(msg) if msg.contains("locked") => 429,
        ToriiError::AuthError(msg) if msg.to_lowercase().contains("invalid") => 401,
        ToriiError::AuthError(_) => 400,
        ToriiError::StorageError(msg) if msg == "Session not found" => 401,
        ToriiError::StorageError(_) => 500,
        _ => 500,
    }
}

#[tokio::test]
async fn errors_are_matched_and_made_by_text() {
    let made = ToriiError::AuthError("Account is temporarily locked. Retry after 3 seconds".to_string().into());
    assert_eq!(status(&made), 429);
    assert_eq!(status(&ToriiError::StorageError("disk".into())), 500);
    assert_eq!(made.to_string(), "Auth error: Account is temporarily locked. Retry after 3 seconds");
    let error = in_memory().await.get_session(&SessionToken::new_random()).await.unwrap_err();
    assert_eq!(status(&error), 401);
    let ToriiError::StorageError(msg) = error else { panic!() };
    let (text, length): (&str, usize) = (&msg, msg.len());
    assert_eq!((text, length), ("Session not found", 17));
    let owned: String = format!("{msg}");
    assert_eq!(owned, msg.to_string());
}

#[test]
fn entities_are_built() -> Result<(), AnyError> {
    use torii::{Session, User};
    use torii_core::{NewUser, OAuthAccount};

    let user = User::builder().email("ann@example.com".into()).name(Some("Ann".into())).build()?;
    assert!(user.id.is_valid() && !user.is_email_verified() && !user.is_locked());
    let id: UserId = user.id.as_str().parse()?;
    assert_eq!(id.to_string(), user.id.into_inner());
    let session = Session::builder().user_id(id.clone()).build()?;
    assert!(!session.is_expired() && session.token.is_some());
    let account = OAuthAccount::builder().user_id(id.clone()).provider("github".into()).subject("1".into()).build()?;
    assert_eq!(account.provider, "github");
    let new = NewUser::builder().email("ann@example.com".into()).name("Ann".into()).build()?;
    assert_eq!(NewUser::with_id(id, new.email).name, None);
    // Stored or cached by a version without tenants.
    let json = r#"{"id":"usr_1","name":null,"email":"a@b.co","email_verified_at":null,"created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-01T00:00:00Z"}"#;
    let user: User = serde_json::from_str(json)?;
    assert!(user.tenant_id.is_default() && user.locked_at.is_none());
    let json = r#"{"token":"abc","user_id":"usr_1","user_agent":null,"ip_address":null,"created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-01T00:00:00Z","expires_at":"2025-02-01T00:00:00Z"}"#;
    let session: Session = serde_json::from_str(json)?;
    assert!(session.token_hash.is_empty() && session.tenant_id.is_default());
    assert_eq!(serde_json::to_value(&session)?["token"], "abc");
    Ok(())
}

#[test]
fn tokens_do_what_they_did() {
    let opaque = SessionToken::new("abc");
    let jwt = SessionToken::new("a.b.c");
    assert!(opaque.is_opaque() && jwt.is_jwt());
    assert_eq!(SessionToken::from("abc"), opaque);
    assert_eq!(SessionToken::from(String::from("abc")), opaque);
    assert_eq!(SessionToken::new_random().expose_secret().len(), 43);
    assert_eq!(SessionToken::default().expose_secret().len(), 43);
    assert_eq!(opaque.token_hash(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(opaque.verify_hash(&opaque.token_hash()) && !opaque.verify_hash(&jwt.token_hash()));
    assert_eq!(opaque.to_string(), "[REDACTED]");
    assert_eq!(format!("{opaque:?} {jwt:?}"), "SessionToken::Opaque([REDACTED]) SessionToken::Jwt([REDACTED])");
    #[expect(deprecated, reason = "they still work")]
    let (text, owned) = (opaque.as_str().to_owned(), opaque.clone().into_inner());
    assert_eq!((text.as_str(), owned.as_str()), ("abc", "abc"));
    match opaque {
        SessionToken::Opaque(_) => {}
        SessionToken::Jwt(_) => panic!(),
    }
}

#[test]
fn helpers_of_core_do_what_they_did() {
    use torii_core::{
        crypto, error::utilities::*, id::*, map_storage_err, map_storage_err_with_context, validation::*,
    };

    assert!(validate_email("a@b.co").is_ok() && validate_name(Some("Ann")).is_ok());
    assert!(validate_password("12345678").is_ok() && validate_oauth_provider("github").is_ok());
    assert!(validate_user_id_string("ann_1").is_ok());
    assert!(validate_prefixed_id(&generate_prefixed_id("usr"), "usr"));
    assert!(validate_prefixed_id(&generate_prefixed_id_with_bytes("usr", 20), "usr"));
    assert_eq!(extract_prefix("usr_1"), Some("usr"));
    assert!(crypto::verify_token_hash("abc", &crypto::hash_token("abc")));
    assert!(crypto::constant_time_compare(b"a", b"a"));
    let failed: Result<(), &str> = Err("disk");
    let text = "Storage error: Database error: disk";
    assert_eq!(failed.map_db_err().unwrap_err().to_string(), text);
    assert_eq!(map_storage_err!(failed).unwrap_err().to_string(), text);
    let text = "Storage error: Database error: reading: disk";
    assert_eq!(failed.map_db_err_with_context("reading").unwrap_err().to_string(), text);
    assert_eq!(map_storage_err_with_context!(failed, "reading").unwrap_err().to_string(), text);
    assert_eq!(None::<()>.require_field("Name").unwrap_err().to_string(), "Missing required field: Name is required");
}

#[cfg(feature = "mailer")]
#[tokio::test]
async fn a_mailer_is_configured() -> Result<(), AnyError> {
    let directory = tempfile::tempdir()?;
    let output_dir = directory.path().join("mails").join("deeper");
    let config = torii::MailerConfig {
        transport: torii_mailer::config::TransportConfig::File { output_dir: output_dir.clone() },
        app_name: "App".into(),
        ..Default::default()
    };
    let torii = in_memory().await.with_mailer(config.clone())?;
    assert!(output_dir.is_dir());
    torii.health_check().await?;

    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let built = ToriiBuilder::new().with_sqlite_pool(pool).with_mailer(config).apply_migrations(true).build().await?;
    built.health_check().await?;

    std::fs::write(directory.path().join("file"), "in the way")?;
    let transport =
        torii_mailer::config::TransportConfig::File { output_dir: directory.path().join("file").join("mails") };
    let config = torii::MailerConfig { transport, ..Default::default() };
    let Err(ToriiError::StorageError(msg)) = in_memory().await.with_mailer(config) else { panic!("it was made") };
    assert!(msg.starts_with("Failed to configure mailer: Storage error: Connection error: IO error: "), "{msg}");
    Ok(())
}
