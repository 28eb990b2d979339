//! Laws of the schema: what the database refuses whoever writes to it, and what goes with what.

use chrono::TimeDelta;
use torii::User;
use torii_core::repositories::PasskeyRepository;

use super::expectation::BASE;
use crate::{
    Provider,
    world::{EMAIL, OAUTH_PROVIDER, OTHER_EMAIL, PASSWORD, World},
};

/// A statement in every table whose rows belong to a user.
macro_rules! in_every_table_of_users {
    ($before:literal, $after:literal) => {
        [
            concat!($before, "sessions", $after),
            concat!($before, "oauth_accounts", $after),
            concat!($before, "passkeys", $after),
            concat!($before, "secure_tokens", $after),
        ]
    };
}

/// A statement in every table whose rows belong to a tenant.
macro_rules! in_every_table {
    ($before:literal, $after:literal) => {
        [
            concat!($before, "users", $after),
            concat!($before, "sessions", $after),
            concat!($before, "oauth_accounts", $after),
            concat!($before, "oauth_states", $after),
            concat!($before, "passkeys", $after),
            concat!($before, "passkey_challenges", $after),
            concat!($before, "secure_tokens", $after),
            concat!($before, "lockouts", $after),
            concat!($before, "failed_login_attempts", $after),
        ]
    };
}

/// The neighbour's rows under the tenant of whoever is not the neighbour.
const COPIES: [&str; 4] = [
    "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
     SELECT users.tenant_id, theirs.token_digest, theirs.user_id, theirs.created_at, theirs.updated_at, theirs.expires_at \
     FROM sessions AS theirs, users WHERE theirs.tenant_id = 'neighbour' AND users.tenant_id <> 'neighbour'",
    "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     SELECT users.tenant_id, theirs.provider, theirs.subject, theirs.user_id, theirs.created_at, theirs.updated_at \
     FROM oauth_accounts AS theirs, users WHERE theirs.tenant_id = 'neighbour' AND users.tenant_id <> 'neighbour'",
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
     SELECT users.tenant_id, theirs.credential_id, theirs.user_id, theirs.public_key, theirs.created_at, theirs.updated_at \
     FROM passkeys AS theirs, users WHERE theirs.tenant_id = 'neighbour' AND users.tenant_id <> 'neighbour'",
    "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
     SELECT users.tenant_id, theirs.token_digest, theirs.user_id, theirs.purpose, theirs.expires_at, theirs.created_at, \
     theirs.updated_at \
     FROM secure_tokens AS theirs, users WHERE theirs.tenant_id = 'neighbour' AND users.tenant_id <> 'neighbour'",
];

/// Makes a row in every table: a user, whatever a user can have, and what has no user.
async fn furnish<P: Provider>(w: &World<P>) -> User {
    let user = w.register(EMAIL).await;
    w.sign_in(EMAIL).await;
    w.here.oauth().link_account(&user.id, OAUTH_PROVIDER, "here").await.unwrap();
    w.here.oauth().store_pkce_verifier("here", "verifier", TimeDelta::hours(1)).await.unwrap();
    w.here.passkey().register_credential(&user.id, b"here".to_vec(), b"a key".to_vec(), None).await.unwrap();
    w.provider.passkey().set_challenge("here", "challenge", TimeDelta::hours(1)).await.unwrap();
    w.here.send_verification_email(&user.id, BASE).await.unwrap();
    w.here.authenticate(OTHER_EMAIL, PASSWORD, None, None).await.unwrap_err();
    for count in in_every_table!("SELECT COUNT(*) FROM ", " WHERE tenant_id <> 'neighbour'") {
        assert_eq!(w.count(count).await, 1, "{count}");
    }
    user
}

/// Expects the database to refuse a statement.
async fn refuses<P: Provider>(w: &World<P>, statement: &'static str) {
    let result = w.execute(statement).await;
    assert!(result.is_err(), "the database accepts\n{statement}\nand wrote {result:?} rows");
}

/// A row that joins two tenants is refused by the database itself, whichever way it is written.
pub async fn a_row_joins_no_two_tenants<P: Provider>(w: &World<P>) {
    let user = furnish(w).await;
    for own in in_every_table_of_users!(
        "UPDATE ",
        " SET user_id = (SELECT MIN(id) FROM users WHERE tenant_id <> 'neighbour') WHERE tenant_id <> 'neighbour'"
    ) {
        assert_eq!(w.execute(own).await.unwrap(), 1, "a row may be given to a user of its tenant");
    }
    for to_their_user in in_every_table_of_users!(
        "UPDATE ",
        " SET user_id = (SELECT MIN(id) FROM users WHERE tenant_id = 'neighbour') WHERE tenant_id <> 'neighbour'"
    ) {
        refuses(w, to_their_user).await;
    }
    for to_their_tenant in
        in_every_table_of_users!("UPDATE ", " SET tenant_id = 'neighbour' WHERE tenant_id <> 'neighbour'")
    {
        refuses(w, to_their_tenant).await;
    }
    for copy in COPIES {
        refuses(w, copy).await;
    }
    // A user with rows cannot move away from them.
    refuses(w, "UPDATE users SET tenant_id = 'neighbour', email_key = 'x' WHERE tenant_id <> 'neighbour'").await;
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
}

/// No row is without a tenant, nor in one that does not exist.
pub async fn every_row_has_a_tenant<P: Provider>(w: &World<P>) {
    furnish(w).await;
    for nowhere in in_every_table!("UPDATE ", " SET tenant_id = NULL WHERE tenant_id <> 'neighbour'") {
        refuses(w, nowhere).await;
    }
    for unknown in in_every_table!("UPDATE ", " SET tenant_id = 'unknown' WHERE tenant_id <> 'neighbour'") {
        refuses(w, unknown).await;
    }
}

/// A tenant id that is none is refused by the database itself, and so is a status that is none.
pub async fn the_database_knows_a_tenant_id<P: Provider>(w: &World<P>) {
    const LONGEST: &str = "INSERT INTO tenants (id, created_at, updated_at) \
         SELECT '1234567890123456789012345678901234567890123456789012345678_-AZaz', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'";
    for wrong in [
        "INSERT INTO tenants (id, created_at, updated_at) SELECT '', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) SELECT 'two words', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) SELECT 'a.b', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) SELECT 'caf\u{e9}', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) SELECT 'a''b', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) SELECT 'new line\n', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "INSERT INTO tenants (id, created_at, updated_at) \
         SELECT '12345678901234567890123456789012345678901234567890123456789012345', created_at, updated_at FROM tenants \
         WHERE id = 'neighbour'",
        "UPDATE tenants SET status = 'unknown' WHERE id = 'neighbour'",
    ] {
        refuses(w, wrong).await;
    }
    assert_eq!(w.execute(LONGEST).await.unwrap(), 1);
}

/// Two users of a tenant never have the same address, whoever writes them; users of two tenants may.
pub async fn the_database_knows_an_address_once<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    w.register(OTHER_EMAIL).await;
    refuses(w, "UPDATE users SET email_key = 'jane@example.com' WHERE tenant_id <> 'neighbour'").await;
    assert_eq!(w.count("SELECT COUNT(*) FROM users WHERE email_key = 'jane@example.com'").await, 2);
}

/// Deleting a user takes everything of the user with it, and nothing else.
pub async fn deleting_a_user_takes_everything<P: Provider>(w: &World<P>) {
    let user = furnish(w).await;
    w.register(OTHER_EMAIL).await;
    w.sign_in(OTHER_EMAIL).await;
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.count("SELECT COUNT(*) FROM users WHERE tenant_id <> 'neighbour'").await, 1);
    let others = w.count("SELECT COUNT(*) FROM sessions WHERE tenant_id <> 'neighbour'").await;
    assert_eq!(others, 1, "the other user's session");
    for left in [
        "SELECT COUNT(*) FROM oauth_accounts WHERE tenant_id <> 'neighbour'",
        "SELECT COUNT(*) FROM passkeys WHERE tenant_id <> 'neighbour'",
        "SELECT COUNT(*) FROM secure_tokens WHERE tenant_id <> 'neighbour'",
    ] {
        assert_eq!(w.count(left).await, 0, "{left}");
    }
}

/// Purging a tenant takes everything in it, and the tenant too unless it is the default one.
pub async fn purging_a_tenant_takes_everything<P: Provider>(w: &World<P>) {
    furnish(w).await;
    assert!(w.torii.purge_tenant(w.tenant()).await.unwrap());
    for left in in_every_table!("SELECT COUNT(*) FROM ", " WHERE tenant_id <> 'neighbour'") {
        assert_eq!(w.count(left).await, 0, "{left}");
    }
    let tenant = w.torii.find_tenant(w.tenant()).await.unwrap();
    assert_eq!(tenant.is_some(), w.tenant().is_default());
    furnish(w).await;
}

/// Bringing the schema up to date again changes nothing, and the database answers.
pub async fn migrating_again_changes_nothing<P: Provider>(w: &World<P>) {
    let user = furnish(w).await;
    for _ in 0..2 {
        w.torii.migrate().await.unwrap();
        w.torii.health_check().await.unwrap();
    }
    assert_eq!(w.here.list_users().await.unwrap(), [user]);
    w.sign_in(EMAIL).await;
}
