//! What is looked for.

use std::{collections::BTreeSet, error::Error as StdError, fmt::Debug};

use base64::{Engine, prelude::BASE64_STANDARD};
use torii::{SessionToken, TenantId, TokenPurpose};
use torii_core::crypto::{TokenDigest, TokenUse};

/// What must not be seen, in every form in which it might be.
#[derive(Default)]
pub(super) struct Secrets(pub(super) BTreeSet<(String, String)>);

impl Secrets {
    /// A text, its bytes and their Base64.
    pub(super) fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 8, "{what} is too short to be looked for");
        self.0.insert((what.to_owned(), secret.to_owned()));
        self.add_bytes(what, secret.as_bytes());
    }

    pub(super) fn add_bytes(&mut self, what: &str, secret: &[u8]) {
        let list = format!("{secret:?}");
        self.0.insert((format!("{what}, as a list"), list.trim_matches(['[', ']']).to_owned()));
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert((format!("{what}, in hex"), hex));
        let base64 = BASE64_STANDARD.encode(secret);
        self.0.insert((format!("{what}, in Base64"), base64.trim_end_matches('=').to_owned()));
    }

    /// A token, and what is stored of it, whatever it is for.
    pub(super) fn add_token(&mut self, what: &str, token: &str) {
        self.add(what, token);
        let uses = [
            TokenUse::Session,
            TokenUse::Mail(TokenPurpose::MagicLink),
            TokenUse::Mail(TokenPurpose::PasswordReset),
            TokenUse::Mail(TokenPurpose::EmailVerification),
            TokenUse::OAuthState,
            TokenUse::PasskeyChallenge,
        ];
        for token_use in uses {
            for tenant in [TenantId::default_tenant(), TenantId::from_static("acme")] {
                let digest = TokenDigest::new(token_use, &tenant, token);
                self.add_bytes(&format!("{what}, as a digest for {token_use:?} in {tenant}"), digest.as_bytes());
            }
        }
    }

    /// What of it is in `text`.
    pub(super) fn seen_in(&self, text: &str) -> Vec<&str> {
        let lower = text.to_lowercase();
        let seen = |secret: &str| text.contains(secret) || (secret.len() == 64 && lower.contains(secret));
        self.0.iter().filter(|(_, secret)| seen(secret)).map(|(what, _)| what.as_str()).collect()
    }

    pub(super) fn assert_hidden_in(&self, place: &str, text: &str) {
        let seen = self.seen_in(text);
        assert!(seen.is_empty(), "{place} shows {seen:?}: {}", text.chars().take(2000).collect::<String>());
    }

    pub(super) fn assert_hidden_in_debug(&self, place: &str, value: &dyn Debug) {
        self.assert_hidden_in(place, &format!("{value:?}\n{value:#?}"));
    }

    /// Looks at an error and all its causes, as people and as programs print them.
    pub(super) fn assert_hidden_in_error(&self, place: &str, error: &dyn StdError) {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.assert_hidden_in(place, &format!("{error}\n{error:#}\n{error:?}\n{error:#?}"));
            cause = error.source();
        }
    }
}

#[test]
fn what_is_looked_for_would_be_found() {
    let mut secrets = Secrets::default();
    secrets.add_token("the token", "abcdefgh");
    for leak in ["x abcdefgh y", "[97, 98, 99, 100, 101, 102, 103, 104]", "YWJjZGVmZ2g=", "6162636465666768"] {
        assert_eq!(secrets.seen_in(leak).len(), 1, "{leak}");
    }
    let digest = SessionToken::new("abcdefgh").token_hash();
    // In the default tenant it is the same for every use.
    assert_eq!(secrets.seen_in(&digest).len(), 6);
    assert_eq!(secrets.seen_in(&digest.to_uppercase()).len(), 6);
    assert!(secrets.seen_in("abcdefg").is_empty());
}
