//! Every method of the facade with its signature, as an application may write it out.

use std::{future::Future, sync::Arc};

use chrono::Duration;
use torii::{
    BruteForceProtectionConfig, JwtConfig, LockoutStatus, NoStorage, SecureToken, Session, SessionConfig,
    SessionProviderType, SessionToken, Torii, ToriiBuilder, ToriiBuilderError, ToriiError, User, UserId, WithStorage,
    sqlite::SqliteRepositoryProvider,
};
use torii_core::RepositoryProvider;

type Db = SqliteRepositoryProvider;

/// Checks that an asynchronous method takes and returns these types.
macro_rules! signature {
    ($($method:expr, ($($argument:ty),*) -> $answer:ty;)*) => {
        $({
            fn check(_: impl AsyncFn($($argument),*) -> $answer) {}
            check($method);
        })*
    };
}

#[test]
fn configuration() {
    let _: fn(Arc<Db>) -> Torii<Db> = Torii::new;
    let _: fn(Torii<Db>, SessionConfig) -> Torii<Db> = Torii::with_session_config;
    let _: fn(Torii<Db>, JwtConfig) -> Torii<Db> = Torii::with_jwt_sessions;
    let _: fn(Torii<Db>, BruteForceProtectionConfig) -> Torii<Db> = Torii::with_brute_force_protection;
    let _: fn(&Torii<Db>) -> &Arc<Db> = Torii::repositories;
    #[cfg(feature = "mailer")]
    {
        let _: fn(Torii<Db>, torii::MailerConfig) -> Result<Torii<Db>, ToriiError> = Torii::with_mailer;
        let _: fn(Torii<Db>) -> Result<Torii<Db>, ToriiError> = Torii::with_mailer_from_env;
    }
    #[cfg(feature = "password")]
    let _: fn(&Torii<Db>) -> torii::PasswordAuth<'_, Db> = Torii::password;
    #[cfg(feature = "magic-link")]
    let _: fn(&Torii<Db>) -> torii::MagicLinkAuth<'_, Db> = Torii::magic_link;
    #[cfg(feature = "oauth")]
    let _: fn(&Torii<Db>) -> torii::OAuthAuth<'_, Db> = Torii::oauth;
    #[cfg(feature = "passkey")]
    let _: fn(&Torii<Db>) -> torii::PasskeyAuth<'_, Db> = Torii::passkey;
}

#[test]
fn session_configuration() {
    let _: fn() -> SessionConfig = SessionConfig::default;
    let _: fn(SessionConfig, JwtConfig) -> SessionConfig = SessionConfig::with_jwt;
    let _: fn(SessionConfig, Duration) -> SessionConfig = SessionConfig::expires_in;
    let SessionConfig { expires_in, provider_type } = SessionConfig::default();
    assert_eq!(expires_in, Duration::days(30));
    match provider_type {
        SessionProviderType::Opaque => {}
        SessionProviderType::Jwt(config) => panic!("{config:?}"),
    }
}

#[test]
fn builder() {
    type Empty = ToriiBuilder<NoStorage>;
    type Full = ToriiBuilder<WithStorage<Db>>;
    let _: fn() -> Empty = ToriiBuilder::new;
    let _: fn() -> Empty = ToriiBuilder::default;
    let _: NoStorage = NoStorage;
    signature! {
        Empty::with_sqlite, (Empty, &str) -> Result<Full, ToriiBuilderError>;
        Full::build, (Full) -> Result<Torii<Db>, ToriiBuilderError>;
    }
    let _: fn(Empty, sqlx::SqlitePool) -> Full = Empty::with_sqlite_pool;
    let _: fn(Full, Duration) -> Full = Full::with_session_expiry;
    let _: fn(Full, JwtConfig) -> Full = Full::with_jwt_sessions;
    let _: fn(Full, BruteForceProtectionConfig) -> Full = Full::with_brute_force_protection;
    let _: fn(Full, bool) -> Full = Full::apply_migrations;
    #[cfg(feature = "mailer")]
    {
        let _: fn(Full, torii::MailerConfig) -> Full = Full::with_mailer;
        let _: fn(Full) -> Result<Full, ToriiBuilderError> = Full::with_mailer_from_env;
    }
}

#[test]
fn users_and_sessions() {
    type T = Torii<Db>;
    type Text = Option<String>;
    signature! {
        T::migrate, (&T) -> Result<(), ToriiError>;
        T::health_check, (&T) -> Result<(), ToriiError>;
        T::get_user, (&T, &UserId) -> Result<Option<User>, ToriiError>;
        T::create_session, (&T, &UserId, Text, Text) -> Result<Session, ToriiError>;
        T::get_session, (&T, &SessionToken) -> Result<Session, ToriiError>;
        T::delete_session, (&T, &SessionToken) -> Result<(), ToriiError>;
        T::delete_sessions_for_user, (&T, &UserId) -> Result<(), ToriiError>;
        T::set_user_email_verified, (&T, &UserId) -> Result<(), ToriiError>;
        T::delete_user, (&T, &UserId) -> Result<(), ToriiError>;
        T::get_lockout_status, (&T, &str) -> Result<LockoutStatus, ToriiError>;
        T::send_verification_email, (&T, &UserId, &str) -> Result<SecureToken, ToriiError>;
        T::verify_email_token, (&T, &str) -> Result<User, ToriiError>;
        T::check_email_verification_token, (&T, &str) -> Result<bool, ToriiError>;
    }
}

#[cfg(feature = "password")]
#[test]
fn passwords() {
    type P = torii::PasswordAuth<'static, Db>;
    type Text = Option<String>;
    signature! {
        P::register, (&P, &str, &str) -> Result<User, ToriiError>;
        P::register_with_name, (&P, &str, &str, Option<&str>) -> Result<User, ToriiError>;
        P::authenticate, (&P, &str, &str, Text, Text) -> Result<(User, Session), ToriiError>;
        P::change_password, (&P, &UserId, &str, &str) -> Result<(), ToriiError>;
        P::reset_password_initiate, (&P, &str, &str) -> Result<(), ToriiError>;
        P::reset_password_initiate_with_expiration, (&P, &str, &str, Duration) -> Result<(), ToriiError>;
        P::reset_password_verify_token, (&P, &str) -> Result<bool, ToriiError>;
        P::reset_password_complete, (&P, &str, &str) -> Result<User, ToriiError>;
    }
}

#[cfg(feature = "magic-link")]
#[test]
fn magic_links() {
    type M = torii::MagicLinkAuth<'static, Db>;
    type Text = Option<String>;
    signature! {
        M::generate_token, (&M, &str) -> Result<SecureToken, ToriiError>;
        M::send_link, (&M, &str, &str) -> Result<SecureToken, ToriiError>;
        M::authenticate, (&M, &str, Text, Text) -> Result<(User, Session), ToriiError>;
    }
}

#[cfg(feature = "oauth")]
#[test]
fn oauth() {
    use torii_core::OAuthAccount;

    type O = torii::OAuthAuth<'static, Db>;
    type Text = Option<String>;
    signature! {
        O::get_or_create_user, (&O, &str, &str, &str, Text) -> Result<User, ToriiError>;
        O::link_account, (&O, &UserId, &str, &str) -> Result<(), ToriiError>;
        O::get_account, (&O, &str, &str) -> Result<Option<OAuthAccount>, ToriiError>;
        O::list_accounts_for_user, (&O, &UserId) -> Result<Vec<OAuthAccount>, ToriiError>;
        O::unlink_account, (&O, &UserId, &str) -> Result<(), ToriiError>;
        O::store_pkce_verifier, (&O, &str, &str, Duration) -> Result<(), ToriiError>;
        O::get_pkce_verifier, (&O, &str) -> Result<Option<String>, ToriiError>;
        O::authenticate, (&O, &str, &str, &str, Text, Text, Text) -> Result<(User, Session), ToriiError>;
    }
}

#[cfg(feature = "passkey")]
#[test]
fn passkeys() {
    use torii_core::repositories::PasskeyCredential;

    type P = torii::PasskeyAuth<'static, Db>;
    type Text = Option<String>;
    type Bytes = Vec<u8>;
    signature! {
        P::register_credential, (&P, &UserId, Bytes, Bytes, Text) -> Result<PasskeyCredential, ToriiError>;
        P::get_user_credentials, (&P, &UserId) -> Result<Vec<PasskeyCredential>, ToriiError>;
        P::get_credential, (&P, &[u8]) -> Result<Option<PasskeyCredential>, ToriiError>;
        P::authenticate, (&P, &[u8], Text, Text) -> Result<(User, Session), ToriiError>;
        P::delete_credential, (&P, &[u8]) -> Result<(), ToriiError>;
        P::delete_user_credentials, (&P, &UserId) -> Result<(), ToriiError>;
    }
}

/// Existing code is generic over the provider, without a word on scopes.
fn takes<R: RepositoryProvider>(_: &Torii<R>) {}

async fn asks(torii: &Torii<impl RepositoryProvider>) -> Result<Option<User>, ToriiError> {
    torii.get_user(&UserId::new("nobody")).await
}

struct State<R: RepositoryProvider> {
    torii: Arc<Torii<R>>,
}

impl<R: RepositoryProvider> Clone for State<R> {
    fn clone(&self) -> Self {
        Self { torii: Arc::clone(&self.torii) }
    }
}

fn crosses_threads<T: Send + Sync + 'static>(_: &T) {}

fn can_be_spawned<F: Future + Send + 'static>(_: F) {}

#[tokio::test]
async fn generic_code_and_shared_state() {
    let builder = ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap();
    let torii = Arc::new(builder.apply_migrations(true).build().await.unwrap());
    takes(&torii);
    assert!(asks(&torii).await.unwrap().is_none());
    crosses_threads(&torii);
    let state = State { torii: Arc::clone(&torii) };
    crosses_threads(&state.clone());
    can_be_spawned({
        let torii = Arc::clone(&torii);
        async move { torii.get_session(&SessionToken::new("unknown")).await }
    });
    #[cfg(feature = "password")]
    can_be_spawned({
        let torii = Arc::clone(&torii);
        async move { torii.password().authenticate("john@example.com", "password", None, None).await }
    });
    #[cfg(feature = "magic-link")]
    can_be_spawned({
        let torii = Arc::clone(&torii);
        async move { torii.magic_link().generate_token("john@example.com").await }
    });
    #[cfg(feature = "oauth")]
    can_be_spawned({
        let torii = Arc::clone(&torii);
        async move { torii.oauth().authenticate("github", "1", "john@example.com", None, None, None).await }
    });
    #[cfg(feature = "passkey")]
    can_be_spawned(async move { torii.passkey().authenticate(b"unknown", None, None).await });
}
