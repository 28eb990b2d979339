//! Every operation, once.

use chrono::TimeDelta;
use torii::{
    MetadataPatch, OAuthIdentity, PageRequest, RelyingParty, SessionToken, Torii, User, UserId, UserMetadata,
    postgres::PostgresRepositoryProvider,
};
use torii_testkit::{
    authenticator::SoftAuthenticator,
    world::{
        EMAIL, METADATA, OAUTH_PROVIDER, OAUTH_STATE, OAUTH_SUBJECT, OTHER_EMAIL, PASSWORD, UNKNOWN_EMAIL,
        WRONG_PASSWORD,
    },
};

use super::{W, runs::Runs};

const BASE: &str = "https://app.example/follow";
const ORIGIN: &str = "https://example.com";
const NEW_PASSWORD: &str = "a password nobody had before";

/// Runs an operation and ends with its answer.
macro_rules! run {
    ($runs:ident, $operation:ident, $call:expr) => {{
        let done = $runs.w.statements_of($call).await;
        $runs.note(stringify!($operation), done).await
    }};
}

/// Every operation, through the library.
pub(super) async fn run(w: &W) -> Runs<'_> {
    let mut runs = Runs::new(w);
    users(w, &mut runs).await;
    let user = w.here.get_user_by_email(EMAIL).await.unwrap().unwrap();
    sessions(w, &mut runs, &user).await;
    passwords(w, &mut runs, &user.id).await;
    mail_tokens(w, &mut runs, &user).await;
    oauth(w, &mut runs, &user.id).await;
    passkeys(w, &mut runs, &user.id).await;
    metadata(w, &mut runs, &user.id).await;
    run!(runs, delete_user, w.here.delete_user(&user.id)).unwrap();
    operators(w, &mut runs).await;
    runs
}

async fn users(w: &W, runs: &mut Runs<'_>) {
    run!(runs, register_tenant, w.here.register_user(EMAIL, PASSWORD)).unwrap();
    run!(runs, register_new, w.here.register_user(OTHER_EMAIL, PASSWORD)).unwrap();
    run!(runs, register_taken, w.here.register_user(OTHER_EMAIL, PASSWORD)).unwrap();
    let user = run!(runs, read_by_id_or_email, w.here.get_user_by_email(EMAIL)).unwrap().unwrap();
    run!(runs, read_by_id_or_email, w.here.get_user(&user.id)).unwrap().unwrap();
    run!(runs, count_users, w.here.count_users()).unwrap();
    run!(runs, read_by_id_or_email, w.here.list_users()).unwrap();
    let first = run!(runs, read_by_id_or_email, w.here.users_page(PageRequest::first(1))).unwrap();
    let next = PageRequest::first(1).after(first.next.unwrap());
    run!(runs, read_by_id_or_email, w.here.users_page(next)).unwrap();
    run!(runs, update_user, w.here.update_user(&User { name: Some("John".into()), ..user.clone() })).unwrap();
    run!(runs, update_user, w.here.update_user(&User { email: "new@example.com".into(), ..user.clone() })).unwrap();
    run!(runs, update_user, w.here.update_user(&User { email: OTHER_EMAIL.into(), ..user.clone() })).unwrap_err();
    run!(runs, update_user, w.here.update_user(&user)).unwrap();
    run!(runs, verify_user, w.here.set_user_email_verified(&user.id)).unwrap();
    run!(runs, verify_user, w.here.set_user_email_verified(&UserId::new("nobody"))).unwrap();
}

async fn sessions(w: &W, runs: &mut Runs<'_>, user: &User) {
    let session = run!(runs, session_create, w.here.create_session(&user.id, None, None)).unwrap();
    let token = session.token.unwrap();
    run!(runs, session_read, w.here.get_session(&token)).unwrap();
    run!(runs, session_read, w.here.validate_session(&token)).unwrap().unwrap();
    run!(runs, session_with_user, w.here.authenticate_session(&token)).unwrap().unwrap();
    run!(runs, session_list, w.here.list_user_sessions(&user.id)).unwrap();
    let session = run!(runs, session_refresh, w.here.refresh_session(&token)).unwrap();
    let limited = w.here_with(|torii| torii.with_session_max_lifetime(TimeDelta::days(90)));
    let session = run!(runs, session_refresh, limited.refresh_session(session.token.as_ref().unwrap())).unwrap();
    run!(runs, session_refresh, limited.refresh_session(&SessionToken::new("unknown"))).unwrap_err();
    run!(runs, session_revoke, w.here.revoke_session(session.token.as_ref().unwrap())).unwrap();
    run!(runs, session_revoke, w.here.delete_session(&token)).unwrap();
    let digest = w.here.create_session(&user.id, None, None).await.unwrap().token_hash;
    run!(runs, session_revoke_of_user, w.here.revoke_listed_session(&user.id, &digest)).unwrap();
    run!(runs, session_revoke_of_user, w.here.delete_sessions_for_user(&user.id)).unwrap();
}

async fn passwords(w: &W, runs: &mut Runs<'_>, id: &UserId) {
    let password = || w.here.password();
    run!(runs, authenticate_right, w.here.authenticate(EMAIL, PASSWORD, None, None)).unwrap();
    for email in [UNKNOWN_EMAIL, EMAIL] {
        for _ in 0..5 {
            run!(runs, authenticate_wrong, w.here.authenticate(email, WRONG_PASSWORD, None, None)).unwrap_err();
        }
        run!(runs, authenticate_locked, w.here.authenticate(email, WRONG_PASSWORD, None, None)).unwrap_err();
    }
    run!(runs, read_by_id_or_email, w.here.get_lockout_status(EMAIL)).unwrap();
    run!(runs, unlock_account, w.here.unlock_account(EMAIL)).unwrap();
    run!(runs, change_password_wrong, password().change_password(id, WRONG_PASSWORD, NEW_PASSWORD)).unwrap_err();
    run!(runs, change_password, password().change_password(id, PASSWORD, NEW_PASSWORD)).unwrap();
    run!(runs, read_by_id_or_email, password().has_password(id)).unwrap();
    run!(runs, set_password, password().remove_password(id)).unwrap();
    run!(runs, set_password, password().set_password(id, PASSWORD)).unwrap();
    let unprotected =
        w.here_with(|torii| torii.with_brute_force_protection(torii::BruteForceProtectionConfig::disabled()));
    run!(runs, authenticate_right, unprotected.authenticate(EMAIL, PASSWORD, None, None)).unwrap();
    run!(runs, change_password, unprotected.password().change_password(id, PASSWORD, PASSWORD)).unwrap();
    let jwt = torii::JwtConfig::new_hs256(vec![7; 32]).unwrap();
    let signed = w.here_with(|torii| torii.with_jwt_sessions(jwt));
    run!(runs, authenticate_right, signed.authenticate(EMAIL, PASSWORD, None, None)).unwrap();
}

async fn mail_tokens(w: &W, runs: &mut Runs<'_>, user: &User) {
    let text = |token: &torii::SecureToken| token.token().unwrap().to_owned();
    let token = run!(runs, reset_issue, w.here.password().issue_reset_token(EMAIL)).unwrap().unwrap();
    run!(runs, reset_issue, w.here.password().issue_reset_token(UNKNOWN_EMAIL)).unwrap();
    run!(runs, reset_check, w.here.password().reset_password_verify_token(&text(&token))).unwrap();
    run!(runs, reset_complete, w.here.password().reset_password_complete(&text(&token), PASSWORD)).unwrap();
    run!(runs, reset_complete, w.here.password().reset_password_complete("unknown", PASSWORD)).unwrap_err();

    run!(runs, magic_link_issue, w.here.magic_link().send_link(EMAIL, BASE)).unwrap();
    let token = run!(runs, magic_link_issue, w.here.magic_link().generate_token(EMAIL)).unwrap();
    run!(runs, magic_link_redeem, w.here.magic_link().authenticate(&text(&token), None, None)).unwrap();
    run!(runs, magic_link_redeem, w.here.magic_link().authenticate("unknown", None, None)).unwrap_err();

    let token = run!(runs, verification_issue, w.here.send_verification_email(&user.id, BASE)).unwrap();
    run!(runs, verification_check, w.here.check_email_verification_token(&text(&token))).unwrap();
    run!(runs, verification_redeem, w.here.verify_email_token(&text(&token))).unwrap();
    w.here.flush_mail().await;
}

async fn oauth(w: &W, runs: &mut Runs<'_>, id: &UserId) {
    let oauth = || w.here.oauth();
    let identity = |subject: &str, email: &str| OAuthIdentity {
        provider: OAUTH_PROVIDER.into(),
        subject: subject.into(),
        email: email.into(),
        email_verified: Some(true),
        name: None,
    };
    for _ in 0..2 {
        let known = identity(OAUTH_SUBJECT, EMAIL);
        run!(runs, oauth_known, oauth().authenticate_with(&known, None, None)).unwrap();
    }
    run!(runs, oauth_new, oauth().get_or_create_user_with(&identity("new", "new@example.com"))).unwrap();
    run!(runs, oauth_new, oauth().get_or_create_user_with(&identity("other", OTHER_EMAIL))).unwrap_err();
    run!(runs, read_by_id_or_email, oauth().find_user(OAUTH_PROVIDER, OAUTH_SUBJECT)).unwrap().unwrap();
    run!(runs, read_by_id_or_email, oauth().get_account(OAUTH_PROVIDER, OAUTH_SUBJECT)).unwrap().unwrap();
    run!(runs, oauth_link, oauth().link_account(id, "google", OAUTH_SUBJECT)).unwrap();
    run!(runs, oauth_list, oauth().list_accounts_for_user(id)).unwrap();
    run!(runs, oauth_unlink, oauth().unlink_account(id, "google")).unwrap();
    let minute = TimeDelta::minutes(1);
    run!(runs, oauth_state, oauth().store_pkce_verifier(OAUTH_STATE, "verifier", minute)).unwrap();
    run!(runs, oauth_state, oauth().get_pkce_verifier(OAUTH_STATE)).unwrap();
    run!(runs, oauth_state, oauth().get_pkce_verifier(OAUTH_STATE)).unwrap();
}

async fn passkeys(w: &W, runs: &mut Runs<'_>, id: &UserId) {
    let passkey = || w.here.passkey();
    let rp = RelyingParty::new("example.com", [ORIGIN], "Example").unwrap();
    let mut device = SoftAuthenticator::default();
    device.set_counters(7);
    let ceremony = run!(runs, passkey_register, passkey().start_registration(&rp, id)).unwrap();
    let answer = device.register(&ceremony.options, ORIGIN);
    let finish = async |ceremony: &str| passkey().finish_registration(&rp, id, ceremony, &answer, None).await;
    let kept = run!(runs, passkey_register, finish(&ceremony.ceremony_id)).unwrap();
    run!(runs, passkey_register, finish("unknown")).unwrap_err();
    let ceremony = run!(runs, passkey_known, passkey().start_authentication(&rp)).unwrap();
    let answer = device.authenticate(&ceremony.options, ORIGIN);
    let finish = async || passkey().finish_authentication(&rp, &ceremony.ceremony_id, &answer, None, None).await;
    run!(runs, passkey_known, finish()).unwrap();
    run!(runs, passkey_known, passkey().authenticate(&kept.credential_id, None, None)).unwrap();
    run!(runs, read_by_id_or_email, passkey().get_credential(&kept.credential_id)).unwrap().unwrap();
    run!(runs, passkey_list, passkey().get_user_credentials(id)).unwrap();
    run!(runs, passkey_delete, passkey().delete_credential(&kept.credential_id)).unwrap();
    run!(runs, passkey_delete, passkey().delete_user_credentials(id)).unwrap();
}

async fn metadata(w: &W, runs: &mut Runs<'_>, id: &UserId) {
    let metadata: UserMetadata = METADATA.parse().unwrap();
    let patch = MetadataPatch::new(serde_json::json!({"seats": 5})).unwrap();
    run!(runs, metadata_set, w.here.set_user_metadata(id, &metadata)).unwrap();
    run!(runs, metadata_read, w.here.user_metadata(id)).unwrap().unwrap();
    run!(runs, metadata_merge, w.here.merge_user_metadata(id, &patch)).unwrap();
    for filter in [metadata, UserMetadata::default()] {
        run!(runs, metadata_find, w.here.find_users_by_metadata(&filter, PageRequest::default())).unwrap();
    }
}

/// What is done to tenants as such. Ends without the tenant.
async fn operators(w: &W, runs: &mut Runs<'_>) {
    let torii: &Torii<PostgresRepositoryProvider> = &w.torii;
    let tenant = w.tenant();
    run!(runs, health_check, torii.health_check()).unwrap();
    run!(runs, cleanup, w.here.cleanup_expired()).unwrap();
    run!(runs, cleanup, torii.cleanup_expired()).unwrap();
    run!(runs, tenants, torii.register_tenant(tenant, Some("Acme"))).unwrap();
    run!(runs, tenants, torii.find_tenant(tenant)).unwrap().unwrap();
    run!(runs, tenants, torii.tenants_page(PageRequest::default())).unwrap();
    run!(runs, tenants, torii.suspend_tenant(tenant)).unwrap();
    run!(runs, suspended, w.here.set_user_email_verified(&UserId::new("nobody"))).unwrap_err();
    run!(runs, tenants, torii.resume_tenant(tenant)).unwrap();
    run!(runs, purge, torii.purge_tenant(tenant)).unwrap();
    run!(runs, purge, torii.purge_tenant("default")).unwrap();
    let strict = torii.repositories().as_ref().clone().registered_tenants_only(true);
    let strict = Torii::new(std::sync::Arc::new(strict)).with_tenant(tenant);
    run!(runs, unregistered, strict.get_user_by_email(EMAIL)).unwrap();
    run!(runs, unregistered, strict.magic_link().generate_token(EMAIL)).unwrap_err();
    run!(runs, unregistered, strict.oauth().store_pkce_verifier(OAUTH_STATE, "verifier", TimeDelta::minutes(1)))
        .unwrap_err();
}
