//! Every path that an application can name.

#![allow(unused_imports, reason = "that they resolve is the test")]

mod facade {
    #[cfg(feature = "magic-link")]
    use torii::MagicLinkAuth;
    #[cfg(feature = "oauth")]
    use torii::OAuthAuth;
    #[cfg(feature = "passkey")]
    use torii::PasskeyAuth;
    #[cfg(feature = "password")]
    use torii::PasswordAuth;
    #[cfg(any(feature = "password", feature = "magic-link"))]
    use torii::PasswordResetService;
    use torii::{
        BruteForceProtectionConfig, JwtAlgorithm, JwtClaims, JwtConfig, JwtMetadata, LockoutStatus, NoStorage,
        SecureToken, Session, SessionConfig, SessionProviderType, SessionToken, TokenPurpose, Torii, ToriiBuilder,
        ToriiBuilderError, ToriiError, User, UserId, WithStorage,
        sqlite::{SqliteRepositoryProvider, SqliteStorage},
    };
    #[cfg(feature = "mailer")]
    use torii::{MailerConfig, TemplateContext};
}

mod core {
    use torii_core::{
        AttemptStats, BruteForceProtectionConfig, BruteForceProtectionService, EmailVerificationService, Error,
        FailedLoginAttempt, JwtAlgorithm, JwtClaims, JwtConfig, JwtMetadata, JwtSessionProvider, LockoutStatus,
        MagicLinkService, NewUser, OAuthAccount, OAuthService, OpaqueSessionProvider, PasskeyService,
        PasswordResetService, PasswordService, RepositoryProvider, SecureToken, Session, SessionProvider,
        SessionService, SessionToken, TokenPurpose, UnlockReason, User, UserId, UserManager, UserService, crypto,
        error::{
            AuthError, CryptoError, Error as _, EventError, SessionError, StorageError, ValidationError,
            utilities::{self, DatabaseResultExt, RequiredFieldExt},
        },
        events::{Event, EventBus, EventError as _, EventHandler, UnlockReason as _},
        id::{extract_prefix, generate_prefixed_id, generate_prefixed_id_with_bytes, validate_prefixed_id},
        map_storage_err, map_storage_err_with_context,
        repositories::{
            BruteForceProtectionRepository, BruteForceRepositoryProvider, OAuthRepository, OAuthRepositoryProvider,
            PasskeyCredential, PasskeyRepository, PasskeyRepositoryProvider, PasswordRepository,
            PasswordRepositoryProvider, RepositoryProvider as _, SessionRepository, SessionRepositoryProvider,
            TokenRepository, TokenRepositoryProvider, UserRepository, UserRepositoryProvider, brute_force, oauth,
            passkey, password, session as _, token, user,
        },
        services::{
            self, BruteForceProtectionService as _, brute_force as _, email_verification, magic_link, oauth as _,
            passkey as _, password as _, password_reset, session as _, user as _,
        },
        session::{
            self, JwtSessionProvider as _, OpaqueSessionProvider as _, SessionProvider as _, jwt, opaque, provider,
        },
        storage::{self, NewUser as _, SecureToken as _, TokenPurpose as _},
        user::{User as _, UserId as _, UserManager as _},
        validation::{
            validate_email, validate_name, validate_oauth_provider, validate_password, validate_user_id_string,
        },
    };
    #[cfg(feature = "mailer")]
    use torii_core::{
        MailerService, ToriiMailerService,
        services::{MailerService as _, ToriiMailerService as _, mailer},
    };
}
