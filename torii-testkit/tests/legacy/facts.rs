//! What a fixture's JSON says, asked of the facade.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use torii::{RepositoryProvider, SessionToken, Torii, UserId};
use torii_core::password::{HashingConfig, PasswordHasher};
use torii_testkit::ManualClock;

/// What is in a database.
pub(crate) struct Facts(Value);

/// Just after the older versions had written their fixtures: five wrong passwords are still in force.
pub(crate) fn just_after(locked: &Facts) -> DateTime<Utc> {
    // The fixtures of the later version were written one after the other.
    let text = match locked.text("seed") {
        "c" => "2026-11-23T12:48:30Z",
        "d" | "e" => "2026-11-23T12:48:40Z",
        _ => "2026-11-23T12:48:10Z",
    };
    text.parse().unwrap()
}

impl Facts {
    pub(crate) fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap())
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().unwrap()
    }

    /// Checks everything. It changes the database: sign-ins, used links.
    pub(crate) async fn hold<R: RepositoryProvider>(&self, provider: R, clock: &ManualClock) {
        let hasher = PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).unwrap();
        let torii = Torii::new(Arc::new(provider)).with_password_hasher(hasher);
        clock.set(just_after(self));
        self.lock(&torii, clock).await;
        for user in self.list("users") {
            self.user(&torii, user).await;
        }
        self.accounts(&torii).await;
        self.passkeys(&torii).await;
        self.pkce(&torii).await;
        self.tokens(&torii).await;
        self.nobody_else_sees_them(&torii).await;
    }

    async fn lock<R: RepositoryProvider>(&self, torii: &Torii<R>, clock: &ManualClock) {
        let email = self.text("locked_email");
        let locked = self.0["locked"].as_bool().unwrap();
        let status = torii.get_lockout_status(email).await.unwrap();
        assert_eq!(status.is_locked, locked);
        let user = torii.get_user_by_email(email).await.unwrap().unwrap();
        assert_eq!(user.is_locked(), locked);
        assert_eq!(torii.authenticate(email, self.password_of(email), None, None).await.is_err(), locked);
        if locked {
            assert_eq!(status.failed_attempts, 5);
            // As long as the older version had announced.
            let until = status.locked_until.unwrap();
            assert!(
                until > clock.now_() + TimeDelta::minutes(14) && until < clock.now_() + TimeDelta::minutes(15),
                "{until}"
            );
        }
        clock.advance(TimeDelta::minutes(15));
        assert!(!torii.get_lockout_status(email).await.unwrap().is_locked);
    }

    fn password_of(&self, email: &str) -> &str {
        let owner = self.list("users").iter().find(|user| user["email"] == email).unwrap();
        owner["password"].as_str().unwrap()
    }

    async fn user<R: RepositoryProvider>(&self, torii: &Torii<R>, fact: &Value) {
        let email = fact["email"].as_str().unwrap();
        let id = UserId::new(fact["id"].as_str().unwrap());
        let found = torii.get_user_by_email(email).await.unwrap().unwrap();
        assert_eq!(found.id, id);
        assert_eq!(found.email, email);
        assert_eq!(found.name.as_deref(), fact["name"].as_str());
        assert_eq!(found.is_email_verified(), fact["verified"].as_bool().unwrap(), "{email}");
        assert_eq!(found.created_at.format("%Y-%m-%d").to_string(), "2026-11-23");
        assert_eq!(torii.get_user_by_email(&email.to_uppercase()).await.unwrap().unwrap().id, id);
        if let Some(token) = fact["session"].as_str() {
            let token = SessionToken::new(token);
            let (user, session) = torii.authenticate_session(&token).await.unwrap().expect(email);
            assert_eq!((user.id, &session.user_id), (id.clone(), &id));
            assert_eq!(session.user_agent.as_deref(), fact["user_agent"].as_str());
            assert_eq!(session.ip_address.as_deref(), fact["ip_address"].as_str());
            assert!(torii.list_user_sessions(&id).await.unwrap().iter().any(|listed| listed.user_id == id));
        }
        if let Some(password) = fact["password"].as_str() {
            let (user, _) = torii.authenticate(email, password, None, None).await.unwrap();
            assert_eq!(user.id, id);
            assert!(torii.authenticate(email, "not the password", None, None).await.is_err());
        }
    }

    async fn accounts<R: RepositoryProvider>(&self, torii: &Torii<R>) {
        for fact in self.list("oauth_accounts") {
            let (provider, subject) = (fact["provider"].as_str().unwrap(), fact["subject"].as_str().unwrap());
            let user = torii.oauth().find_user(provider, subject).await.unwrap().expect(subject);
            assert_eq!(user.id.as_str(), fact["user_id"].as_str().unwrap());
            let listed = torii.oauth().list_accounts_for_user(&user.id).await.unwrap();
            assert!(listed.iter().any(|account| account.provider == provider && account.subject == subject));
        }
    }

    async fn passkeys<R: RepositoryProvider>(&self, torii: &Torii<R>) {
        for fact in self.list("passkeys") {
            let bytes = |name: &str| -> Vec<u8> {
                fact[name].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
            };
            let user = UserId::new(fact["user_id"].as_str().unwrap());
            let listed = torii.passkey().get_user_credentials(&user).await.unwrap();
            assert_eq!(listed.len(), 1);
            let [passkey] = &listed[..] else { panic!("{listed:?}") };
            assert_eq!(passkey.credential_id, bytes("credential_id"));
            assert_eq!(passkey.public_key, bytes("public_key"));
            assert_eq!(passkey.name.as_deref(), fact["name"].as_str());
            assert!(torii.passkey().get_credential(&passkey.credential_id).await.unwrap().is_some());
        }
    }

    async fn pkce<R: RepositoryProvider>(&self, torii: &Torii<R>) {
        if let Some(state) = self.0["pkce"]["state"].as_str() {
            let verifier = torii.oauth().get_pkce_verifier(state).await.unwrap();
            assert_eq!(verifier.as_deref(), self.0["pkce"]["verifier"].as_str());
            assert_eq!(torii.oauth().get_pkce_verifier(state).await.unwrap(), None);
        }
    }

    async fn tokens<R: RepositoryProvider>(&self, torii: &Torii<R>) {
        for fact in self.list("tokens") {
            let token = fact["token"].as_str().unwrap();
            let user = fact["user_id"].as_str().unwrap();
            match (fact["purpose"].as_str().unwrap(), fact["used"].as_bool().unwrap()) {
                ("magic_link", true) => {
                    assert!(torii.magic_link().authenticate(token, None, None).await.is_err());
                }
                ("magic_link", false) => {
                    let (owner, _) = torii.magic_link().authenticate(token, None, None).await.unwrap();
                    assert_eq!(owner.id.as_str(), user);
                    assert!(torii.magic_link().authenticate(token, None, None).await.is_err());
                }
                ("email_verification", false) => {
                    let owner = torii.verify_email_token(token).await.unwrap();
                    assert_eq!(owner.id.as_str(), user);
                    assert!(owner.is_email_verified());
                    assert!(torii.verify_email_token(token).await.is_err());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn nobody_else_sees_them<R: RepositoryProvider>(&self, torii: &Torii<R>) {
        let acme = torii.with_tenant("acme");
        for user in self.list("users") {
            let email = user["email"].as_str().unwrap();
            assert!(acme.get_user_by_email(email).await.unwrap().is_none());
            if let Some(token) = user["session"].as_str() {
                assert!(acme.validate_session(&SessionToken::new(token)).await.unwrap().is_none());
            }
            // The same address in another tenant is another person.
            let other = acme.register_user(email, "another person's password").await.unwrap();
            assert_ne!(other.id.as_str(), user["id"].as_str().unwrap());
        }
        // Whoever goes takes everything along.
        for user in self.list("users") {
            let id = UserId::new(user["id"].as_str().unwrap());
            torii.delete_user(&id).await.unwrap();
            assert!(torii.list_user_sessions(&id).await.unwrap().is_empty());
        }
    }
}

/// The clock's time without naming its trait.
trait Now {
    fn now_(&self) -> DateTime<Utc>;
}

impl Now for ManualClock {
    fn now_(&self) -> DateTime<Utc> {
        torii_core::Clock::now(self)
    }
}
