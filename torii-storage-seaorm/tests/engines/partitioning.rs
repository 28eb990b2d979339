//! Partitions of the large tables, on MySQL and MariaDB.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::task::JoinSet;
use torii_core::{
    NewUser, TenantId, TokenPurpose, UserId,
    repositories::{
        BruteForceProtectionRepository, SessionRepository, TenantRepository, TokenRepository, UserRepository,
    },
};
use torii_storage_seaorm::{
    SeaORMRepositoryProvider, SeaORMStorage,
    partitioning::{PartitionError, Partitioning, Partitions},
};
use torii_testkit::servers::MysqlServer;

use crate::{
    token_races::at_once,
    world::{EMAIL, Engine, World},
};

const HOUR: TimeDelta = TimeDelta::hours(1);
const TABLES: [&str; 3] = ["sessions", "secure_tokens", "failed_login_attempts"];

fn partitions(count: u32) -> Partitions {
    Partitions::new(count).unwrap()
}

/// Every table and every trigger, as the database shows them.
async fn definitions(storage: &SeaORMRepositoryProvider) -> Vec<String> {
    let db = storage.connection();
    let mut definitions = Vec::new();
    let tables = Statement::from_string(DbBackend::MySql, "SHOW TABLES");
    for row in db.query_all_raw(tables).await.unwrap() {
        let table: String = row.try_get_by_index(0).unwrap();
        let show = Statement::from_string(DbBackend::MySql, format!("SHOW CREATE TABLE `{table}`"));
        let definition: String = db.query_one_raw(show).await.unwrap().unwrap().try_get_by_index(1).unwrap();
        // How far it has counted is no part of it.
        let mut words: Vec<&str> = definition.split(' ').collect();
        words.retain(|word| !word.starts_with("AUTO_INCREMENT="));
        definitions.push(words.join(" "));
    }
    let triggers = Statement::from_string(DbBackend::MySql, "SHOW TRIGGERS");
    for row in db.query_all_raw(triggers).await.unwrap() {
        definitions.push(row.try_get_by_index(0).unwrap());
    }
    definitions
}

/// Somebody with a row in each of the tables.
async fn furnish(storage: &SeaORMRepositoryProvider, w: &World, email: &str) -> UserId {
    let user = UserRepository::create(storage, NewUser::new(email.to_owned())).await.unwrap();
    SessionRepository::create(storage, w.session_for(&user.id)).await.unwrap();
    storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
    storage.record_failed_attempt(email, None).await.unwrap();
    user.id
}

async fn rows(w: &World) -> [i64; 3] {
    [
        w.count("SELECT COUNT(*) FROM sessions").await,
        w.count("SELECT COUNT(*) FROM secure_tokens").await,
        w.count("SELECT COUNT(*) FROM failed_login_attempts").await,
    ]
}

async fn assert_no_orphans(w: &World) {
    for orphans in [
        "SELECT COUNT(*) FROM sessions LEFT JOIN users ON users.tenant_id = sessions.tenant_id \
         AND users.id = sessions.user_id WHERE users.id IS NULL",
        "SELECT COUNT(*) FROM secure_tokens LEFT JOIN users ON users.tenant_id = secure_tokens.tenant_id \
         AND users.id = secure_tokens.user_id WHERE users.id IS NULL",
        "SELECT COUNT(*) FROM failed_login_attempts LEFT JOIN tenants ON tenants.id = failed_login_attempts.tenant_id \
         WHERE tenants.id IS NULL",
    ] {
        assert_eq!(w.count(orphans).await, 0, "{orphans}");
    }
}

/// The number of the server's error.
async fn refusal(w: &World, statement: &'static str) -> Option<u16> {
    match w.storage.connection().execute_unprepared(statement).await {
        Ok(_) => None,
        Err(DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error))) => {
            let error = error.as_database_error().unwrap();
            Some(error.downcast_ref::<sea_orm::sqlx::mysql::MySqlDatabaseError>().number())
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_partitioned_and_put_together_again() {
    let w = World::new(Engine::Mysql).await;
    for tenant in ["acme", "globex", "initech"] {
        let storage = w.storage.for_tenant(tenant.parse().unwrap());
        furnish(&storage, &w, EMAIL).await;
    }
    let before = definitions(&w.storage).await;
    assert_eq!(w.storage.partitioning().await.unwrap(), Partitioning::Off);
    for count in [2, 64, 3, 3] {
        w.storage.partition(partitions(count)).await.unwrap();
        assert_eq!(w.storage.partitioning().await.unwrap(), Partitioning::On(partitions(count)));
        let shown = definitions(&w.storage).await;
        for table in TABLES {
            let definition = shown.iter().find(|definition| definition.contains(&format!("TABLE `{table}`"))).unwrap();
            assert!(definition.contains(&format!("PARTITIONS {count}")), "{definition}");
        }
        assert_eq!(rows(&w).await, [3; 3]);
        // Nothing is pending.
        w.storage.migrate().await.unwrap();
        let pool = w.storage.connection().get_mysql_connection_pool();
        assert!(torii_migration::mysql::status(pool).await.unwrap().is_up_to_date());
    }
    for _ in 0..2 {
        w.storage.unpartition().await.unwrap();
        assert_eq!(w.storage.partitioning().await.unwrap(), Partitioning::Off);
        assert_eq!(definitions(&w.storage).await, before);
        assert_eq!(rows(&w).await, [3; 3]);
    }
    // It still counts by itself.
    furnish(&w.storage, &w, EMAIL).await;
    assert_eq!(rows(&w).await, [4; 3]);
}

/// As the foreign keys did, with the same errors.
#[tokio::test(flavor = "multi_thread")]
async fn triggers_keep_rows_together() {
    const NO_OWNER: Option<u16> = Some(1452);
    const IS_REFERRED_TO: Option<u16> = Some(1451);
    for partitioned in [false, true] {
        let w = World::new(Engine::Mysql).await;
        if partitioned {
            w.storage.partition(Partitions::MIN).await.unwrap();
        }
        let acme = w.storage.for_tenant(TenantId::from_static("acme"));
        let globex = w.storage.for_tenant(TenantId::from_static("globex"));
        let john = furnish(&acme, &w, "john@example.com").await;
        furnish(&acme, &w, "jane@example.com").await;
        furnish(&globex, &w, "john@example.com").await;
        for (statement, expected) in [
            ("UPDATE sessions SET tenant_id = 'globex' WHERE tenant_id = 'acme'", NO_OWNER),
            ("UPDATE secure_tokens SET tenant_id = 'globex' WHERE tenant_id = 'acme'", NO_OWNER),
            ("UPDATE sessions SET user_id = 'nobody'", NO_OWNER),
            ("UPDATE secure_tokens SET user_id = 'nobody'", NO_OWNER),
            ("UPDATE failed_login_attempts SET tenant_id = 'unknown'", NO_OWNER),
            (
                "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
                 SELECT 'globex', token_digest, user_id, created_at, updated_at, expires_at FROM sessions \
                 WHERE tenant_id = 'acme'",
                NO_OWNER,
            ),
            (
                "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
                 SELECT tenant_id, REPEAT('x', 32), 'nobody', purpose, expires_at, created_at, updated_at \
                 FROM secure_tokens WHERE tenant_id = 'globex'",
                NO_OWNER,
            ),
            (
                "INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES ('unknown', '', '2026-01-01')",
                NO_OWNER,
            ),
            ("UPDATE users SET id = 'other' WHERE tenant_id = 'globex'", IS_REFERRED_TO),
            ("UPDATE users SET tenant_id = 'default' WHERE tenant_id = 'globex'", IS_REFERRED_TO),
            ("UPDATE tenants SET id = 'other' WHERE id = 'globex'", IS_REFERRED_TO),
            ("UPDATE users SET name = 'x' WHERE tenant_id = 'globex'", None),
            ("UPDATE sessions SET user_agent = 'x'", None),
            ("UPDATE tenants SET name = 'x'", None),
        ] {
            assert_eq!(refusal(&w, statement).await, expected, "partitioned: {partitioned}, {statement}");
        }
        assert_eq!(rows(&w).await, [3; 3]);
        UserRepository::delete(&acme, &john).await.unwrap();
        assert_eq!(rows(&w).await, [2, 2, 3]);
        assert!(acme.purge_tenant().await.unwrap());
        assert_eq!(rows(&w).await, [1; 3]);
        assert_no_orphans(&w).await;
        w.execute("DELETE FROM users WHERE tenant_id = 'globex'").await;
        assert_eq!(rows(&w).await, [0, 0, 1]);
        w.execute("DELETE FROM tenants WHERE id = 'globex'").await;
        assert_eq!(rows(&w).await, [0; 3]);
    }
}

/// Neither a user nor a tenant goes and leaves a row behind that was written at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind_by_who_goes() {
    const CALLERS: usize = 12;
    let w = World::new(Engine::Mysql).await;
    w.storage.partition(Partitions::MIN).await.unwrap();
    let acme = w.storage.for_tenant(TenantId::from_static("acme"));
    for round in 0..30 {
        let user = UserRepository::create(&acme, NewUser::new(EMAIL.to_owned())).await.unwrap();
        at_once(&acme, CALLERS, |storage, caller| {
            let (session, id) = (w.session_for(&user.id), user.id.clone());
            async move {
                match caller {
                    0 if round % 2 == 0 => drop(storage.purge_tenant().await.unwrap()),
                    0 => UserRepository::delete(&storage, &id).await.unwrap(),
                    // Those who come too late are refused.
                    _ if caller % 3 == 0 => drop(SessionRepository::create(&storage, session).await),
                    _ if caller % 3 == 1 => drop(storage.create_token(&id, TokenPurpose::MagicLink, HOUR).await),
                    _ => drop(storage.record_failed_attempt(EMAIL, None).await.unwrap()),
                }
            }
        })
        .await;
        assert_no_orphans(&w).await;
        assert!(acme.find_by_id(&user.id).await.unwrap().is_none());
        assert_eq!(rows(&w).await[..2], [0; 2]);
    }
}

/// Nobody notices but by waiting.
#[tokio::test(flavor = "multi_thread")]
async fn tables_change_in_the_middle_of_traffic() {
    let w = Arc::new(World::new(Engine::Mysql).await);
    let over = Arc::new(AtomicBool::new(false));
    let mut visitors = JoinSet::new();
    for number in 0..4 {
        let (w, over) = (Arc::clone(&w), Arc::clone(&over));
        visitors.spawn(async move {
            let storage = w.storage.for_tenant(format!("tenant-{}", number % 2).parse().unwrap());
            let mut visits = 0;
            while !over.load(Ordering::Relaxed) {
                let email = format!("visitor-{number}-{visits}@example.com");
                let id = furnish(&storage, &w, &email).await;
                assert_eq!(storage.find_by_user_id(&id).await.unwrap().len(), 1);
                if visits % 2 == 0 {
                    UserRepository::delete(&storage, &id).await.unwrap();
                }
                visits += 1;
            }
            visits
        });
    }
    for _ in 0..3 {
        w.storage.partition(Partitions::MIN).await.unwrap();
        w.storage.unpartition().await.unwrap();
    }
    w.storage.partition(Partitions::MIN).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let (mut attempts, mut stay) = (0, 0);
    for visits in visitors.join_all().await {
        attempts += visits;
        stay += visits / 2;
    }
    assert_eq!(rows(&w).await, [stay, stay, attempts]);
    assert_no_orphans(&w).await;
    assert_eq!(w.storage.partitioning().await.unwrap(), Partitioning::On(Partitions::MIN));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_partitioned_is_refused() {
    for count in [0, 1, 65, 1024, 8192, u32::MAX] {
        let refusal = Partitions::new(count).unwrap_err();
        assert!(matches!(refusal, PartitionError::Count { count: refused } if refused == count));
    }
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let w = World::new(engine).await;
        let refusals = [
            w.storage.partition(Partitions::MIN).await,
            w.storage.unpartition().await,
            w.storage.partitioning().await.map(drop),
        ];
        assert!(refusals.iter().all(|refusal| matches!(refusal, Err(PartitionError::NotMySql))), "{refusals:?}");
    }
    let empty = MysqlServer::shared().empty_database().await;
    let storage = SeaORMStorage::connect(&empty.url()).await.unwrap().into_repository_provider();
    let refusal = storage.partition(Partitions::MIN).await;
    assert!(matches!(refusal, Err(PartitionError::NotMigrated)), "{refusal:?}");

    let w = World::new(Engine::Mysql).await;
    let before = definitions(&w.storage).await;
    for (put, refused_for, remove) in [
        (
            "CREATE TABLE devices (tenant_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin, digest BINARY(32), \
             CONSTRAINT devices_session FOREIGN KEY (tenant_id, digest) REFERENCES sessions (tenant_id, token_digest))",
            "the foreign key devices_session of devices is in the way",
            "DROP TABLE devices",
        ),
        (
            "CREATE UNIQUE INDEX tokens_digest ON secure_tokens (token_digest)",
            "the unique key tokens_digest of secure_tokens, which does not hold the tenant, is in the way",
            "DROP INDEX tokens_digest ON secure_tokens",
        ),
    ] {
        w.execute(put).await;
        let refusal = w.storage.partition(Partitions::MIN).await.unwrap_err();
        assert!(matches!(refusal, PartitionError::InTheWay { .. }), "{refusal:?}");
        assert_eq!(refusal.to_string(), refused_for);
        w.execute(remove).await;
    }
    assert_eq!(definitions(&w.storage).await, before);
}

/// Whichever way.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_nobody_are_refused() {
    let w = World::new(Engine::Mysql).await;
    let before = definitions(&w.storage).await;
    let orphan = "SET STATEMENT foreign_key_checks = 0 FOR INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) \
                  VALUES ('gone', 'x', '2026-01-01')";
    w.execute(orphan).await;
    let refusal = w.storage.partition(Partitions::MIN).await.unwrap_err();
    let PartitionError::Orphans { table: "failed_login_attempts", rows: 1 } = refusal else { panic!("{refusal:?}") };
    assert_eq!(w.storage.partitioning().await.unwrap(), Partitioning::Unfinished);
    w.execute("DELETE FROM failed_login_attempts").await;
    w.storage.unpartition().await.unwrap();
    assert_eq!(definitions(&w.storage).await, before);
}
