//! Every call of the facade, and something to call it on.

use crate::common::{
    Db, EMAIL, LINK, NEW_PASSWORD, ORIGIN, PASSWORD, SoftAuthenticator, WRONG_PASSWORD, storage_kind, token_of,
};

use chrono::TimeDelta;
use torii::{
    MetadataPatch, OAuthIdentity, PageRequest, RelyingParty, SessionToken, TenantScope, Torii, ToriiError, User,
    UserMetadata,
};
use torii_core::error::StorageErrorKind;

/// What every call works on.
pub(super) struct Known {
    pub(super) user: User,
    pub(super) token: SessionToken,
    pub(super) link: String,
    pub(super) reset: String,
    pub(super) verification: String,
    app: RelyingParty,
    authenticator: SoftAuthenticator,
    registration: torii::PasskeyCeremony,
    authentication: torii::PasskeyCeremony,
}

pub(super) fn app() -> RelyingParty {
    RelyingParty::new("app.example", [ORIGIN], "App").unwrap()
}

impl Known {
    pub(super) async fn new(acme: &TenantScope<Db>) -> Self {
        acme.register_user(EMAIL, PASSWORD).await.unwrap();
        let (user, session) = acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
        let (app, mut authenticator) = (app(), SoftAuthenticator::default());
        let start = acme.passkey().start_registration(&app, &user.id).await.unwrap();
        let answer = authenticator.register(&start.options, ORIGIN);
        acme.passkey().finish_registration(&app, &user.id, &start.ceremony_id, &answer, None).await.unwrap();
        acme.oauth().link_account(&user.id, "github", "42").await.unwrap();
        acme.oauth().store_pkce_verifier("state", "verifier", TimeDelta::days(1)).await.unwrap();
        Self {
            token: token_of(&session),
            link: acme.magic_link().generate_token(EMAIL).await.unwrap().token().unwrap().to_owned(),
            reset: acme.password().issue_reset_token(EMAIL).await.unwrap().unwrap().token().unwrap().to_owned(),
            verification: acme.send_verification_email(&user.id, LINK).await.unwrap().token().unwrap().to_owned(),
            registration: acme.passkey().start_registration(&app, &user.id).await.unwrap(),
            authentication: acme.passkey().start_authentication(&app).await.unwrap(),
            user,
            app,
            authenticator,
        }
    }

    /// What there is to know where there is no database.
    pub(super) fn nothing() -> Self {
        let ceremony = || torii::PasskeyCeremony { ceremony_id: "unknown".into(), options: serde_json::Value::Null };
        Self {
            user: User::builder().email(EMAIL.into()).build().unwrap(),
            token: SessionToken::new_random(),
            link: "link".into(),
            reset: "reset".into(),
            verification: "verification".into(),
            app: app(),
            authenticator: SoftAuthenticator::default(),
            registration: ceremony(),
            authentication: ceremony(),
        }
    }
}

pub(super) type Outcome = (&'static str, Result<(), ToriiError>);

/// Calls that only read.
pub(super) async fn every_read<S>(torii: &Torii<Db, S>, known: &Known) -> Vec<Outcome> {
    let (user, token) = (&known.user.id, &known.token);
    let metadata = r#"{"plan":"pro"}"#.parse().unwrap();
    vec![
        ("get_user", torii.get_user(user).await.map(drop)),
        ("get_user_by_email", torii.get_user_by_email(EMAIL).await.map(drop)),
        ("list_users", torii.list_users().await.map(drop)),
        ("users_page", torii.users_page(PageRequest::first(1)).await.map(drop)),
        ("count_users", torii.count_users().await.map(drop)),
        ("user_metadata", torii.user_metadata(user).await.map(drop)),
        ("find_users_by_metadata", torii.find_users_by_metadata(&metadata, PageRequest::first(1)).await.map(drop)),
        ("get_session", torii.get_session(token).await.map(drop)),
        ("validate_session", torii.validate_session(token).await.map(drop)),
        ("authenticate_session", torii.authenticate_session(token).await.map(drop)),
        ("list_user_sessions", torii.list_user_sessions(user).await.map(drop)),
        ("get_lockout_status", torii.get_lockout_status(EMAIL).await.map(drop)),
        ("check_email_verification_token", torii.check_email_verification_token(&known.verification).await.map(drop)),
        ("has_password", torii.password().has_password(user).await.map(drop)),
        ("reset_password_verify_token", torii.password().reset_password_verify_token(&known.reset).await.map(drop)),
        ("oauth find_user", torii.oauth().find_user("github", "42").await.map(drop)),
        ("oauth get_account", torii.oauth().get_account("github", "42").await.map(drop)),
        ("oauth list_accounts_for_user", torii.oauth().list_accounts_for_user(user).await.map(drop)),
        ("passkey get_user_credentials", torii.passkey().get_user_credentials(user).await.map(drop)),
        ("passkey get_credential", torii.passkey().get_credential(b"unknown").await.map(drop)),
    ]
}

/// Calls that write.
pub(super) async fn every_write<S>(torii: &Torii<Db, S>, known: &mut Known) -> Vec<Outcome> {
    let (user, token) = (known.user.id.clone(), known.token.clone());
    let passwords = torii.password();
    let (oauth, passkeys) = (torii.oauth(), torii.passkey());
    let identity = OAuthIdentity {
        provider: "gitlab".into(),
        subject: "1".into(),
        email: "new@example.com".into(),
        email_verified: Some(true),
        name: None,
    };
    let (registered, signed) = match &known.registration.options {
        serde_json::Value::Null => (String::new(), String::new()),
        _ => (
            known.authenticator.register(&known.registration.options, ORIGIN),
            known.authenticator.authenticate(&known.authentication.options, ORIGIN),
        ),
    };
    let register = passkeys.finish_registration(&known.app, &user, &known.registration.ceremony_id, &registered, None);
    let sign_in = passkeys.finish_authentication(&known.app, &known.authentication.ceremony_id, &signed, None, None);
    vec![
        ("register_user", torii.register_user("new@example.com", PASSWORD).await.map(drop)),
        ("register_user, known", torii.register_user(EMAIL, PASSWORD).await.map(drop)),
        ("authenticate", torii.authenticate(EMAIL, PASSWORD, None, None).await.map(drop)),
        ("authenticate, wrong", torii.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.map(drop)),
        ("change_password", passwords.change_password(&user, PASSWORD, NEW_PASSWORD).await),
        ("change_password, wrong", passwords.change_password(&user, WRONG_PASSWORD, NEW_PASSWORD).await),
        ("set_password", passwords.set_password(&user, NEW_PASSWORD).await),
        ("remove_password", passwords.remove_password(&user).await),
        ("reset_password_initiate", passwords.reset_password_initiate(EMAIL, LINK).await),
        ("issue_reset_token", passwords.issue_reset_token(EMAIL).await.map(drop)),
        ("reset_password_complete", passwords.reset_password_complete(&known.reset, NEW_PASSWORD).await.map(drop)),
        ("magic_link generate_token", torii.magic_link().generate_token(EMAIL).await.map(drop)),
        ("magic_link send_link", torii.magic_link().send_link("new@example.com", LINK).await.map(drop)),
        ("magic_link authenticate", torii.magic_link().authenticate(&known.link, None, None).await.map(drop)),
        ("send_verification_email", torii.send_verification_email(&user, LINK).await.map(drop)),
        ("verify_email_token", torii.verify_email_token(&known.verification).await.map(drop)),
        ("set_user_email_verified", torii.set_user_email_verified(&user).await),
        ("update_user", torii.update_user(&User { name: Some("John".into()), ..known.user.clone() }).await.map(drop)),
        ("set_user_metadata", torii.set_user_metadata(&user, &UserMetadata::default()).await),
        ("merge_user_metadata", torii.merge_user_metadata(&user, &MetadataPatch::default()).await.map(drop)),
        ("create_session", torii.create_session(&user, None, None).await.map(drop)),
        ("refresh_session", torii.refresh_session(&token).await.map(drop)),
        ("delete_session", torii.delete_session(&token).await),
        ("delete_sessions_for_user", torii.delete_sessions_for_user(&user).await),
        ("unlock_account", torii.unlock_account(EMAIL).await.map(drop)),
        ("oauth get_or_create_user_with", oauth.get_or_create_user_with(&identity).await.map(drop)),
        ("oauth authenticate_with", oauth.authenticate_with(&identity, None, None).await.map(drop)),
        ("oauth link_account", oauth.link_account(&user, "gitlab", "2").await),
        ("oauth unlink_account", oauth.unlink_account(&user, "github").await),
        ("oauth store_pkce_verifier", oauth.store_pkce_verifier("s", "v", TimeDelta::days(1)).await),
        ("oauth get_pkce_verifier", oauth.get_pkce_verifier("state").await.map(drop)),
        ("passkey start_registration", passkeys.start_registration(&known.app, &user).await.map(drop)),
        ("passkey finish_registration", register.await.map(drop)),
        ("passkey start_authentication", passkeys.start_authentication(&known.app).await.map(drop)),
        ("passkey finish_authentication", sign_in.await.map(drop)),
        ("passkey register_credential", passkeys.register_credential(&user, vec![1], vec![2], None).await.map(drop)),
        ("passkey authenticate", passkeys.authenticate(b"unknown", None, None).await.map(drop)),
        ("passkey delete_credential", passkeys.delete_credential(b"unknown").await),
        ("passkey delete_user_credentials", passkeys.delete_user_credentials(&user).await),
        ("delete_user", torii.delete_user(&user).await),
    ]
}

pub(super) fn all_are(outcomes: Vec<Outcome>, kind: StorageErrorKind) {
    for (call, outcome) in outcomes {
        let Err(error) = outcome else { panic!("{call} worked") };
        assert_eq!(storage_kind(&error), Some(kind), "{call}: {error:?}");
        assert!(error.to_string().contains(&kind.to_string()), "{call}: {error}");
    }
}

pub(super) fn all_work(outcomes: Vec<Outcome>) {
    for (call, outcome) in outcomes {
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
    }
}
