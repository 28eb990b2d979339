//! Registration, sign-in and change of password.

use std::sync::Arc;

use crate::{
    error::{AuthError, Error},
    lockout::{BruteForceProtectionConfig, Credentials, LockoutLimits, ReservedAttempt},
    password::{PasswordHasher, Verification},
    repositories::{
        BruteForceProtectionRepository, PasswordChange, PasswordRepository, RepositoryProvider, SessionRepository,
        UserRepository,
    },
    services::brute_force::lockout_status,
    session::{NewSession, Session},
    user::{NewUser, Registration, User, UserId},
    validation::{validate_email, validate_password, validate_stored_name},
};
use secrecy::ExposeSecret;

/// Registers users with passwords, signs them in, and changes their passwords.
///
/// Whoever asks learns the same, after the same work, whether the address is unknown, its user has no password, or the
/// password is wrong.
#[derive(Debug)]
pub struct PasswordService<R> {
    repositories: Arc<R>,
    hasher: PasswordHasher,
    protection: BruteForceProtectionConfig,
}

/// Where a sign-in comes from, and which session it begins.
#[derive(Clone, Debug, Default)]
pub struct SignInContext {
    /// Where it comes from, for the log of wrong passwords.
    pub ip_address: Option<String>,
    /// The session to store in the database; `None`: sessions are kept elsewhere.
    pub session: Option<NewSession>,
}

impl<R: RepositoryProvider> PasswordService<R> {
    /// Works in the tenant of `repositories`, with the process-wide hashing threads and the default protection.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories, hasher: PasswordHasher::shared(), protection: BruteForceProtectionConfig::default() }
    }

    /// The same with other hashing threads.
    #[must_use]
    pub fn with_hasher(self, hasher: PasswordHasher) -> Self {
        Self { hasher, ..self }
    }

    /// The same with another protection against guessing.
    #[must_use]
    pub fn with_brute_force_protection(self, protection: BruteForceProtectionConfig) -> Self {
        Self { protection, ..self }
    }

    /// Registers a user; returns who owns the address, new or not. See [`PasswordService::register`] to tell them apart.
    ///
    /// # Errors
    /// As [`PasswordService::register`].
    pub async fn register_user(&self, email: &str, password: &str, name: Option<String>) -> Result<User, Error> {
        self.register(email, password, name).await.map(Registration::into_user)
    }

    /// Registers a user with its password in one statement. The same hashing is done whether the address is taken or not.
    ///
    /// # Errors
    /// A validation error for a bad address, password or name; [`AuthError::Busy`].
    pub async fn register(&self, email: &str, password: &str, name: Option<String>) -> Result<Registration, Error> {
        validate_email(email)?;
        validate_password(password)?;
        validate_stored_name(name.as_deref())?;
        let hash = self.hash(password).await?;
        self.repositories.user().register(NewUser { name, ..NewUser::new(email.to_owned()) }, &hash).await
    }

    /// Whose password it is. Counts wrong ones, begins no session.
    ///
    /// # Errors
    /// As [`PasswordService::sign_in`].
    pub async fn authenticate(&self, email: &str, password: &str) -> Result<User, Error> {
        self.sign_in(email, password, SignInContext::default()).await.map(|(user, _)| user)
    }

    /// Signs a user in. The attempt is counted before the password is looked at, so that a burst of guesses never gets past the
    /// limit, and forgotten when the password is right.
    ///
    /// # Errors
    /// [`AuthError::InvalidCredentials`], [`AuthError::AccountLocked`], [`AuthError::Busy`], or a storage error.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        context: SignInContext,
    ) -> Result<(User, Option<Session>), Error> {
        let limits = self.protection.limits();
        let attempt = self.reserve(email, limits).await?;
        let stored = attempt.credentials.as_ref().and_then(|credentials| credentials.password_hash.as_ref());
        let tenant = self.repositories.tenant_id();
        let verified = self.hasher.verify(tenant, password, stored.map(ExposeSecret::expose_secret)).await;
        let verification = match (verified, limits) {
            (Ok(verification), _) => verification,
            (Err(error), limits) => {
                // The password was not looked at, so the attempt does not count.
                if let Some(limits) = limits {
                    self.repositories.brute_force().release_attempt(email, limits).await?;
                }
                return Err(error.into());
            }
        };
        match attempt.credentials.filter(|_| verification.is_right()) {
            Some(credentials) => self.complete(email, password, verification, credentials, context, limits).await,
            None => {
                if limits.is_some() {
                    let ip_address = context.ip_address.as_deref();
                    self.repositories.brute_force().record_failed_attempt(email, ip_address).await?;
                }
                Err(match attempt.locked_until {
                    Some(until) => AuthError::locked(self.repositories.clock().now(), until).into(),
                    None => AuthError::InvalidCredentials.into(),
                })
            }
        }
    }

    /// Counts the attempt and finds who owns the address.
    async fn reserve(&self, email: &str, limits: Option<LockoutLimits>) -> Result<ReservedAttempt, Error> {
        let Some(limits) = limits else {
            let credentials = self.repositories.password().find_credentials(email).await?;
            return Ok(ReservedAttempt { number: 0, locked_until: None, credentials });
        };
        let attempt = self.repositories.brute_force().reserve_attempt(email, limits).await?;
        if attempt.number > limits.max_failed_attempts {
            let now = self.repositories.clock().now();
            return Err(AuthError::locked(now, attempt.locked_until.unwrap_or(now)).into());
        }
        Ok(attempt)
    }

    /// The password is right.
    async fn complete(
        &self,
        email: &str,
        password: &str,
        verification: Verification,
        credentials: Credentials,
        context: SignInContext,
        limits: Option<LockoutLimits>,
    ) -> Result<(User, Option<Session>), Error> {
        let mut user = credentials.user;
        if verification == Verification::RightButOutdated
            && let Some(old) = &credentials.password_hash
        {
            self.rehash(&user, password, old.expose_secret()).await;
        }
        if user.locked_at.is_some() {
            self.repositories.brute_force().set_locked_at(email, None).await?;
            user.locked_at = None;
        }
        let now = self.repositories.clock().now();
        let session = context.session.map(|new| new.begin(self.repositories.tenant_id().clone(), user.id.clone(), now));
        let session = match (session, limits.is_some()) {
            (Some(session), true) => Some(self.repositories.session().create_and_clear_attempts(session, email).await?),
            (Some(session), false) => Some(self.repositories.session().create(session).await?),
            (None, true) => {
                self.repositories.brute_force().clear_attempts(email).await?;
                None
            }
            (None, false) => None,
        };
        Ok((user, session))
    }

    /// Stores the same password under the current parameters. The sign-in does not depend on it.
    async fn rehash(&self, user: &User, password: &str, old: &str) {
        let upgraded = async {
            let new = self.hash(password).await?;
            self.repositories.password().upgrade_hash(&user.id, old, &new).await
        };
        if let Err(error) = upgraded.await {
            tracing::warn!(user_id = %user.id, tenant_id = %self.repositories.tenant_id(), %error,
                "a password hash could not be brought to the current parameters");
        }
    }

    /// Replaces a password, ends all sessions of the user and voids the user's reset tokens. A wrong old password counts as a
    /// wrong password at sign-in does.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`], a validation error for the new password, [`AuthError::InvalidCredentials`] for the old one,
    /// [`AuthError::AccountLocked`], [`AuthError::Busy`].
    pub async fn change_password(
        &self,
        user_id: &UserId,
        old_password: &str,
        new_password: &str,
    ) -> Result<User, Error> {
        let found = self.repositories.password().find_credentials_by_id(user_id).await?;
        let (credentials, locked_until) = found.ok_or(AuthError::UserNotFound)?;
        validate_password(new_password)?;
        let limits = self.protection.limits();
        if limits.is_some()
            && let Some(until) = locked_until
        {
            return Err(AuthError::locked(self.repositories.clock().now(), until).into());
        }
        let user = credentials.user;
        let old_hash = credentials.password_hash.as_ref().map(ExposeSecret::expose_secret);
        let tenant = self.repositories.tenant_id();
        let verification = self.hasher.verify(tenant, old_password, old_hash).await?;
        let Some(old_hash) = old_hash.filter(|_| verification.is_right()) else {
            return Err(self.wrong_old_password(&user.email, limits).await);
        };
        let new_hash = self.hash(new_password).await?;
        match self.repositories.password().change_password(user_id, old_hash, &new_hash).await? {
            PasswordChange::Changed => Ok(user),
            PasswordChange::Superseded => Err(AuthError::InvalidCredentials.into()),
            PasswordChange::Locked { until } if limits.is_some() => {
                Err(AuthError::locked(self.repositories.clock().now(), until).into())
            }
            PasswordChange::Locked { .. } => Err(AuthError::InvalidCredentials.into()),
        }
    }

    async fn wrong_old_password(&self, email: &str, limits: Option<LockoutLimits>) -> Error {
        let Some(limits) = limits else { return AuthError::InvalidCredentials.into() };
        let counted = async {
            let lockout = self.repositories.brute_force().count_failure(email, limits).await?;
            self.repositories.brute_force().record_failed_attempt(email, None).await?;
            Ok::<_, Error>(lockout)
        };
        let now = self.repositories.clock().now();
        match counted
            .await
            .map(|lockout| lockout_status(self.repositories.tenant_id(), email, Some(&lockout), limits, now))
        {
            Ok(status) => match status.locked_until {
                Some(until) => AuthError::locked(now, until).into(),
                None => AuthError::InvalidCredentials.into(),
            },
            Err(error) => error,
        }
    }

    /// Gives a user a password, whatever it was before. Sessions stay.
    ///
    /// # Errors
    /// A validation error for the password; [`AuthError::Busy`].
    pub async fn set_password(&self, user_id: &UserId, password: &str) -> Result<(), Error> {
        validate_password(password)?;
        let hash = self.hash(password).await?;
        self.repositories.password().set_password_hash(user_id, &hash).await
    }

    /// Takes a user's password away.
    ///
    /// # Errors
    /// A storage error.
    pub async fn remove_password(&self, user_id: &UserId) -> Result<(), Error> {
        self.repositories.password().remove_password_hash(user_id).await
    }

    /// Whether a user has a password.
    ///
    /// # Errors
    /// A storage error.
    pub async fn has_password(&self, user_id: &UserId) -> Result<bool, Error> {
        self.repositories.password().get_password_hash(user_id).await.map(|hash| hash.is_some())
    }

    async fn hash(&self, password: &str) -> Result<String, Error> {
        Ok(self.hasher.hash(self.repositories.tenant_id(), password).await?)
    }
}
