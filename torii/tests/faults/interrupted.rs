//! Flows that are interrupted change nothing, and can be repeated in full.

use sqlx::sqlite::SqlitePoolOptions;
use torii::{OAuthIdentity, SessionToken, Torii, User, UserId, sqlite::SqliteRepositoryProvider};

use crate::{
    calls::{Known, app},
    common::{Fixture, LINK, NEW_PASSWORD, ORIGIN, PASSWORD, SoftAuthenticator, WRONG_PASSWORD, token_of},
    interrupt::Interrupted,
    options,
    snapshot::{assert_unchanged, snapshot},
};

/// Registers and signs in, so that there is something to lose.
async fn prepared(fixture: &Fixture, email: &str) -> (User, SessionToken) {
    fixture.register(email).await;
    let (user, session) = fixture.sign_in(email).await;
    (user, token_of(&session))
}

async fn is_signed_in(fixture: &Fixture, token: &SessionToken) -> bool {
    fixture.acme.validate_session(token).await.unwrap().is_some()
}

#[tokio::test]
async fn an_interrupted_registration_leaves_nothing() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email| email,
            async |email| {
                let user = fixture.acme.register_user(email, PASSWORD).await?;
                assert!(fixture.acme.password().has_password(&user.id).await?);
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["INSERT tenants", "INSERT users"]);
    fixture.sign_in("INSERT.users@example.com").await;
}

#[tokio::test]
async fn an_interrupted_sign_in_begins_no_session() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::but(&fixture, &["lockouts", "failed_login_attempts"])
        .at_every_statement(
            async |email: String| {
                fixture.register(&email).await;
                // Something to clear.
                fixture.acme.authenticate(&email, WRONG_PASSWORD, None, None).await.unwrap_err();
                email
            },
            async |email| {
                let (_, session) = fixture.acme.authenticate(email, PASSWORD, None, None).await?;
                assert!(is_signed_in(&fixture, &token_of(&session)).await);
                assert_eq!(fixture.acme.get_lockout_status(email).await?.failed_attempts, 0);
                Ok(())
            },
        )
        .await;
    let expected =
        ["INSERT sessions", "INSERT lockouts", "UPDATE lockouts", "DELETE lockouts", "DELETE failed_login_attempts"];
    assert_eq!(hits, expected);
}

#[tokio::test]
async fn an_interrupted_reset_changes_nothing_and_the_token_still_works() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email: String| {
                let (_, session) = prepared(&fixture, &email).await;
                fixture.acme.authenticate(&email, WRONG_PASSWORD, None, None).await.unwrap_err();
                let token = fixture.acme.password().issue_reset_token(&email).await.unwrap().unwrap();
                (email, session, token.token().unwrap().to_owned())
            },
            async |(email, session, token)| {
                let user = fixture.acme.password().reset_password_complete(token, NEW_PASSWORD).await?;
                assert_eq!(user.email, *email);
                assert!(!is_signed_in(&fixture, session).await);
                assert!(!fixture.acme.password().reset_password_verify_token(token).await?);
                Ok(())
            },
        )
        .await;
    let expected =
        ["UPDATE users", "DELETE sessions", "UPDATE secure_tokens", "DELETE lockouts", "DELETE failed_login_attempts"];
    assert_eq!(hits, expected);
    fixture.acme.authenticate("UPDATE.users@example.com", NEW_PASSWORD, None, None).await.unwrap();
}

#[tokio::test]
async fn an_interrupted_magic_link_still_works() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email: String| {
                let (_, session) = prepared(&fixture, &email).await;
                let link = fixture.acme.magic_link().generate_token(&email).await.unwrap();
                (session, link.token().unwrap().to_owned())
            },
            async |(earlier, link)| {
                let (user, session) = fixture.acme.magic_link().authenticate(link, None, None).await?;
                assert!(user.is_email_verified());
                assert!(is_signed_in(&fixture, &token_of(&session)).await);
                assert!(!is_signed_in(&fixture, earlier).await);
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["UPDATE users", "INSERT sessions", "DELETE sessions", "UPDATE secure_tokens"]);
}

#[tokio::test]
async fn an_interrupted_change_of_password_keeps_the_old_one() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::but(&fixture, &["lockouts"])
        .at_every_statement(
            async |email: String| {
                let (user, session) = prepared(&fixture, &email).await;
                fixture.acme.password().issue_reset_token(&email).await.unwrap();
                (user, session)
            },
            async |(user, session)| {
                fixture.acme.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await?;
                assert!(!is_signed_in(&fixture, session).await);
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["UPDATE users", "DELETE sessions", "DELETE secure_tokens", "INSERT lockouts"]);
}

#[tokio::test]
async fn an_interrupted_verification_leaves_the_token() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email: String| {
                let user = fixture.register(&email).await;
                let token = fixture.acme.send_verification_email(&user.id, LINK).await.unwrap();
                token.token().unwrap().to_owned()
            },
            async |token| {
                assert!(fixture.acme.verify_email_token(token).await?.is_email_verified());
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["UPDATE users", "UPDATE secure_tokens"]);
}

#[tokio::test]
async fn an_interrupted_change_of_address_leaves_the_old_one() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email: String| {
                let user = fixture.register(&email).await;
                fixture.acme.send_verification_email(&user.id, LINK).await.unwrap();
                user
            },
            async |user| {
                let email = format!("new.{}", user.email);
                fixture.acme.update_user(&User { email: email.clone(), ..user.clone() }).await?;
                assert!(fixture.acme.get_user_by_email(&user.email).await?.is_none());
                assert!(fixture.acme.get_user_by_email(&email).await?.is_some());
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["UPDATE users", "DELETE secure_tokens"]);
}

#[tokio::test]
async fn an_interrupted_oauth_sign_up_leaves_no_half_user() {
    let fixture = Fixture::open().await;
    let identity = |email: &str| OAuthIdentity {
        provider: "github".into(),
        subject: email.into(),
        email: email.into(),
        email_verified: Some(true),
        name: None,
    };
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email| email,
            async |email| {
                let user = fixture.acme.oauth().get_or_create_user_with(&identity(email)).await?;
                let found = fixture.acme.oauth().find_user("github", email).await?;
                assert_eq!(found.map(|found| found.id), Some(user.id));
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["INSERT tenants", "INSERT users", "INSERT oauth_accounts"]);

    // The user and the session are two steps: a user without a session is whole, and signs in the next time.
    let hits = Interrupted::but(&fixture, &["users", "oauth_accounts"])
        .at_every_statement(
            async |email| format!("again.{email}"),
            async |email| {
                let (_, session) = fixture.acme.oauth().authenticate_with(&identity(email), None, None).await?;
                assert!(is_signed_in(&fixture, &token_of(&session)).await);
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["INSERT users", "INSERT sessions", "INSERT oauth_accounts"]);
}

#[tokio::test]
async fn an_interrupted_passkey_registration_can_begin_anew() {
    let fixture = Fixture::open().await;
    let app = app();
    // A ceremony is consumed whatever comes of it, so a new one is begun.
    let hits = Interrupted::but(&fixture, &["passkey_challenges"])
        .at_every_statement(
            async |email: String| (fixture.register(&email).await, SoftAuthenticator::default()),
            async |(user, authenticator)| {
                let passkeys = fixture.acme.passkey();
                let start = passkeys.start_registration(&app, &user.id).await?;
                assert_eq!(start.options["excludeCredentials"].as_array().map_or(0, Vec::len), 0);
                let answer = authenticator.register(&start.options, ORIGIN);
                let finish = passkeys.finish_registration(&app, &user.id, &start.ceremony_id, &answer, None);
                let passkey = finish.await?;
                assert_eq!(passkeys.get_user_credentials(&user.id).await?, [passkey]);
                Ok(())
            },
        )
        .await;
    assert_eq!(hits, ["INSERT passkeys", "INSERT passkey_challenges", "DELETE passkey_challenges"]);
}

#[tokio::test]
async fn an_interrupted_passkey_sign_in_can_begin_anew() {
    let fixture = Fixture::open().await;
    let app = app();
    let hits = Interrupted::but(&fixture, &["passkey_challenges", "passkeys"])
        .at_every_statement(
            async |email: String| {
                let (user, mut authenticator) = (fixture.register(&email).await, SoftAuthenticator::default());
                let start = fixture.acme.passkey().start_registration(&app, &user.id).await.unwrap();
                let answer = authenticator.register(&start.options, ORIGIN);
                let passkeys = fixture.acme.passkey();
                passkeys.finish_registration(&app, &user.id, &start.ceremony_id, &answer, None).await.unwrap();
                authenticator
            },
            async |authenticator| {
                let passkeys = fixture.acme.passkey();
                let start = passkeys.start_authentication(&app).await?;
                let answer = authenticator.authenticate(&start.options, ORIGIN);
                let finish = passkeys.finish_authentication(&app, &start.ceremony_id, &answer, None, None);
                assert!(is_signed_in(&fixture, &token_of(&finish.await?.1)).await);
                Ok(())
            },
        )
        .await;
    let expected = ["INSERT sessions", "UPDATE passkeys", "INSERT passkey_challenges", "DELETE passkey_challenges"];
    assert_eq!(hits, expected);
}

#[tokio::test]
async fn an_interrupted_deletion_deletes_nothing() {
    let fixture = Fixture::open().await;
    let hits = Interrupted::new(&fixture)
        .at_every_statement(
            async |email: String| {
                let (user, _) = prepared(&fixture, &email).await;
                fixture.acme.oauth().link_account(&user.id, "github", &email).await.unwrap();
                let id = email.into_bytes();
                fixture.acme.passkey().register_credential(&user.id, id, vec![1], None).await.unwrap();
                fixture.acme.send_verification_email(&user.id, LINK).await.unwrap();
                user.id
            },
            async |user: &mut UserId| fixture.acme.delete_user(user).await,
        )
        .await;
    let expected =
        ["DELETE users", "DELETE sessions", "DELETE oauth_accounts", "DELETE passkeys", "DELETE secure_tokens"];
    assert_eq!(hits, expected);
}

/// What a process finds that starts after one that died in the middle of a transaction.
#[tokio::test]
async fn a_transaction_that_never_committed_is_as_if_it_had_not_begun() {
    let fixture = Fixture::open().await;
    let known = Known::new(&fixture.acme).await;
    let before = snapshot(fixture.pool(), &[]).await;
    let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(&fixture));
    let mut connection = pool.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.unwrap();
    sqlx::query("UPDATE secure_tokens SET used_at = '2026-01-01'").execute(&mut *connection).await.unwrap();
    sqlx::query("DELETE FROM sessions").execute(&mut *connection).await.unwrap();
    drop(connection.detach());
    pool.close().await;

    let pool = SqlitePoolOptions::new().connect_lazy_with(options(&fixture));
    let torii = Torii::new(std::sync::Arc::new(SqliteRepositoryProvider::new(pool.clone())));
    torii.health_check().await.unwrap();
    assert_unchanged(&before, &snapshot(&pool, &[]).await, "it was not committed");
    fixture.acme.magic_link().authenticate(&known.link, None, None).await.unwrap();
}
