//! The tenant next door: it has everything that laws are about to make, under the same names.

use chrono::TimeDelta;
use secrecy::SecretString;
use torii::{Session, SessionToken, TenantId, TokenPurpose, User};
use torii_core::{
    lockout::LockoutLimits,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, PasswordRepository, SessionRepository,
        TokenRepository, UserRepository,
    },
    token::NewToken,
};

use super::{
    CHALLENGE_ID, CREDENTIAL_ID, EMAIL, MAGIC_LINK, METADATA, NAME, NEIGHBOUR_CHALLENGE, NEIGHBOUR_PASSWORD,
    NEIGHBOUR_PKCE_VERIFIER, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, OTHER_EMAIL, RESET_TOKEN, SESSION_TOKEN,
    VERIFICATION_TOKEN, World,
};
use crate::Provider;

/// However far a law moves the clock, what the neighbour has is not over.
const CENTURY: TimeDelta = TimeDelta::days(36_525);

const PURPOSES: [TokenPurpose; 3] =
    [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification];

fn token_of(purpose: TokenPurpose) -> &'static str {
    match purpose {
        TokenPurpose::MagicLink => MAGIC_LINK,
        TokenPurpose::PasswordReset => RESET_TOKEN,
        TokenPurpose::EmailVerification => VERIFICATION_TOKEN,
    }
}

impl<P: Provider> World<P> {
    pub(crate) async fn move_in_neighbour(&self) {
        let neighbour = self.neighbour_provider();
        neighbour.register_tenant(Some("The neighbour")).await.expect("a tenant can be registered");
        let mut users = Vec::new();
        for email in [EMAIL, OTHER_EMAIL] {
            let registered = self.neighbour.password().register_with_name(email, NEIGHBOUR_PASSWORD, Some(NAME)).await;
            users.push(registered.expect("the neighbour can register"));
        }
        self.seed(&neighbour, &users[0]).await.expect("the neighbour can move in");
        self.neighbour.flush_mail().await;
        let _ = self.outbox.take();
        self.events.take();
        self.expect_neighbour_as_it_is_now().await;
    }

    async fn seed(&self, neighbour: &P, user: &User) -> Result<(), torii_core::Error> {
        let now = neighbour.clock().now();
        let session = Session::builder()
            .token(SessionToken::new(SESSION_TOKEN))
            .tenant_id(neighbour.tenant_id().clone())
            .user_id(user.id.clone())
            .created_at(now)
            .updated_at(now)
            .expires_at(now + CENTURY)
            .build()?;
        neighbour.session().create(session).await?;
        neighbour.user().set_metadata(&user.id, &METADATA.parse()?).await?;
        neighbour.oauth().create_account(OAUTH_PROVIDER, OAUTH_SUBJECT, &user.id).await?;
        neighbour.oauth().store_pkce_verifier(OAUTH_STATE, NEIGHBOUR_PKCE_VERIFIER, CENTURY).await?;
        let public_key = b"the neighbour's public key".to_vec();
        neighbour.passkey().add_credential(&user.id, CREDENTIAL_ID.to_vec(), public_key, Some(NAME.to_owned())).await?;
        neighbour.passkey().set_challenge(CHALLENGE_ID, NEIGHBOUR_CHALLENGE, CENTURY).await?;
        for purpose in PURPOSES {
            let token = NewToken { token: SecretString::from(token_of(purpose)), purpose, expires_at: now + CENTURY };
            neighbour.token().issue_for_user(&user.id, &token).await?;
        }
        let locks_at_once = LockoutLimits { max_failed_attempts: 1, lockout_period: CENTURY };
        neighbour.brute_force().count_failure(OTHER_EMAIL, locks_at_once).await?;
        neighbour.brute_force().record_failed_attempt(OTHER_EMAIL, None).await?;
        Ok(())
    }

    /// Everything that the neighbour has, a line each. No call here changes anything.
    pub async fn fingerprint_of_neighbour(&self) -> Vec<String> {
        self.describe(&self.neighbour_provider()).await.expect("the neighbour can be looked at")
    }

    async fn describe(&self, neighbour: &P) -> Result<Vec<String>, torii_core::Error> {
        let tenant: &TenantId = neighbour.tenant_id();
        let mut lines = vec![format!("{tenant}: {:?}", neighbour.find_tenant().await?)];
        let users = neighbour.user().page(&torii::PageRequest::first(1000)).await?.items;
        lines.push(format!("{} users", users.len()));
        for user in &users {
            let (id, email) = (&user.id, &user.email);
            lines.push(format!("{user:?}"));
            lines.push(format!("metadata {:?}", neighbour.user().metadata(id).await?));
            lines.push(format!("hash {:?}", neighbour.password().get_password_hash(id).await?));
            lines.push(format!("sessions {:?}", neighbour.session().find_by_user_id(id).await?));
            lines.push(format!("accounts {:?}", neighbour.oauth().find_accounts_by_user_id(id).await?));
            lines.push(format!("passkeys {:?}", neighbour.passkey().get_credentials_for_user(id).await?));
            lines.push(format!("lockout {:?}", neighbour.brute_force().find_lockout(email).await?));
        }
        lines.push(format!("verifier {:?}", neighbour.oauth().get_pkce_verifier(OAUTH_STATE).await?));
        lines.push(format!("challenge {:?}", neighbour.passkey().get_challenge(CHALLENGE_ID).await?));
        for purpose in PURPOSES {
            lines.push(format!("{purpose:?} {}", neighbour.token().check_token(token_of(purpose), purpose).await?));
        }
        Ok(lines)
    }
}
