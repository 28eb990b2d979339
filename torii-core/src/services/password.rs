//! Registration, sign-in and change of password.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use crate::{
    error::{AuthError, Error},
    lockout::{BruteForceProtectionConfig, Credentials, LockoutLimits, ReservedAttempt},
    password::{PasswordHasher, Verification},
    repositories::{
        BruteForceProtectionRepository, PasswordRepository, RepositoryProvider, SessionRepository, UserRepository,
    },
    session::{NewSession, Session},
    user::{NewUser, Registration, User, UserId},
    validation::{validate_email, validate_password, validate_stored_name},
};

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

/// A sign-in that failed, and what it counted for.
#[derive(Debug)]
pub struct SignInFailure {
    /// Why it failed.
    pub error: Error,
    /// The address that the attempt counts for; `None` if it does not count.
    pub email: Option<String>,
    /// How many attempts count against the address at present; 0 if this one does not count.
    pub failed_attempts: u32,
    /// When the lock ends that this attempt set, if it set one.
    pub locked_until: Option<DateTime<Utc>>,
}

impl From<Error> for SignInFailure {
    /// An attempt that does not count.
    fn from(error: Error) -> Self {
        Self { error, email: None, failed_attempts: 0, locked_until: None }
    }
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
        let signed_in = self.sign_in(email, password, SignInContext::default()).await;
        signed_in.map(|(user, _)| user).map_err(|failure| failure.error)
    }

    /// Signs a user in. The attempt is counted before the password is looked at, so that a burst of guesses never gets past the
    /// limit, and forgotten when the password is right.
    ///
    /// # Errors
    /// [`AuthError::InvalidCredentials`], [`AuthError::AccountLocked`], [`AuthError::Busy`], or a storage error, with what the
    /// attempt counted for.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        context: SignInContext,
    ) -> Result<(User, Option<Session>), SignInFailure> {
        let limits = self.protection.limits();
        let attempt = self.reserve(email, limits, context.ip_address.as_deref()).await?;
        let logged = attempt.logged;
        let stored = attempt.credentials.as_ref().and_then(|credentials| credentials.password_hash.as_ref());
        let tenant = self.repositories.tenant_id();
        let verified = self.hasher.verify(tenant, password, stored.map(ExposeSecret::expose_secret)).await;
        let verification = match (verified, limits) {
            (Ok(verification), _) => verification,
            (Err(error), limits) => {
                // The password was not looked at, so the attempt does not count.
                if let Some(limits) = limits {
                    self.repositories.brute_force().release_logged_attempt(email, limits, logged).await?;
                }
                return Err(Error::from(error).into());
            }
        };
        if let Some(credentials) = attempt.credentials.filter(|_| verification.is_right()) {
            let completed = self.complete(email, password, verification, credentials, context, limits).await;
            if let (Err(_), Some(limits)) = (&completed, limits) {
                // The password was right, so the attempt does not count. Where storage fails this may fail too.
                let _ = self.repositories.brute_force().release_logged_attempt(email, limits, logged).await;
            }
            return Ok(completed?);
        }
        if limits.is_some() && logged.is_none() {
            let ip_address = context.ip_address.as_deref();
            self.repositories.brute_force().record_failed_attempt(email, ip_address).await?;
        }
        Err(self.wrong_password(email.to_owned(), attempt.number, attempt.locked_until))
    }

    /// Counts the attempt and finds who owns the address.
    async fn reserve(
        &self,
        email: &str,
        limits: Option<LockoutLimits>,
        ip_address: Option<&str>,
    ) -> Result<ReservedAttempt, SignInFailure> {
        let Some(limits) = limits else {
            let credentials = self.repositories.password().find_credentials(email).await?;
            return Ok(ReservedAttempt { number: 0, locked_until: None, credentials, logged: None });
        };
        let attempt = self.repositories.brute_force().reserve_and_log_attempt(email, limits, ip_address).await?;
        self.admit(attempt, email.to_owned(), limits)
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

    /// Replaces a password, ends all sessions of the user and voids the user's reset tokens. The attempt is counted before the old
    /// password is looked at, as at sign-in.
    ///
    /// A change that succeeds stays counted as one attempt until the next sign-in clears it, unless others count too: then all are
    /// cleared with the change.
    ///
    /// # Errors
    /// A validation error for the new password, [`AuthError::UserNotFound`], [`AuthError::InvalidCredentials`] for the old one,
    /// [`AuthError::AccountLocked`], [`AuthError::Busy`], with what the attempt counted for.
    pub async fn change_password(
        &self,
        user_id: &UserId,
        old_password: &str,
        new_password: &str,
    ) -> Result<User, SignInFailure> {
        validate_password(new_password).map_err(Error::from)?;
        let limits = self.protection.limits();
        let attempt = self.reserve_for_user(user_id, limits).await?;
        let credentials = attempt.credentials.ok_or(Error::from(AuthError::UserNotFound))?;
        let (user, old_hash) = (credentials.user, credentials.password_hash);
        let old_hash = old_hash.as_ref().map(ExposeSecret::expose_secret);
        let replaced = async {
            let tenant = self.repositories.tenant_id();
            let verification = self.hasher.verify(tenant, old_password, old_hash).await?;
            let Some(old_hash) = old_hash.filter(|_| verification.is_right()) else { return Ok(false) };
            let new_hash = self.hash(new_password).await?;
            // The attempt itself is the first.
            let others_count = attempt.number > 1;
            self.repositories.password().change_password(user_id, old_hash, &new_hash, others_count).await
        };
        match (replaced.await, limits) {
            (Ok(true), _) => Ok(user),
            (Ok(false), limits) => {
                if limits.is_some() {
                    self.repositories.brute_force().record_failed_attempt(&user.email, None).await?;
                }
                Err(self.wrong_password(user.email, attempt.number, attempt.locked_until))
            }
            (Err(error), limits) => {
                // Either the password was not looked at, or it was right: the attempt does not count. Where storage fails this may
                // fail too.
                if let Some(limits) = limits {
                    let _ = self.repositories.brute_force().release_attempt(&user.email, limits).await;
                }
                Err(Error::into(error))
            }
        }
    }

    /// Counts the attempt on the address of a user.
    async fn reserve_for_user(
        &self,
        user_id: &UserId,
        limits: Option<LockoutLimits>,
    ) -> Result<ReservedAttempt, SignInFailure> {
        let Some(limits) = limits else {
            let credentials = self.repositories.password().find_credentials_by_id(user_id).await?;
            return Ok(ReservedAttempt { number: 0, locked_until: None, credentials, logged: None });
        };
        let attempt = self.repositories.brute_force().reserve_attempt_for_user(user_id, limits).await?;
        let attempt = attempt.ok_or(Error::from(AuthError::UserNotFound))?;
        let email = attempt.credentials.as_ref().map(|credentials| credentials.user.email.clone());
        self.admit(attempt, email.unwrap_or_default(), limits)
    }

    /// Refuses an attempt beyond the limit.
    fn admit(
        &self,
        attempt: ReservedAttempt,
        email: String,
        limits: LockoutLimits,
    ) -> Result<ReservedAttempt, SignInFailure> {
        if attempt.number <= limits.max_failed_attempts {
            return Ok(attempt);
        }
        let now = self.repositories.clock().now();
        let error = AuthError::locked(now, attempt.locked_until.unwrap_or(now)).into();
        let failed_attempts = limits.max_failed_attempts;
        Err(SignInFailure { error, email: Some(email), failed_attempts, locked_until: None })
    }

    /// The refusal of a password that was looked at.
    fn wrong_password(&self, email: String, number: u32, locked_until: Option<DateTime<Utc>>) -> SignInFailure {
        let error = match locked_until {
            Some(until) => AuthError::locked(self.repositories.clock().now(), until).into(),
            None => AuthError::InvalidCredentials.into(),
        };
        SignInFailure { error, email: Some(email), failed_attempts: number, locked_until }
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
