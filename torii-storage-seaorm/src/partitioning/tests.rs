use std::time::Duration;

use torii_core::{NewUser, SystemClock, UserId, repositories::UserRepository};
use torii_migration::{MigrateOptions, MigrationError, mysql::migrate_with};
use torii_testkit::servers::MysqlServer;

use super::*;
use crate::SeaORMStorage;

/// Does the first `steps` of what a call does. Returns whether there were so many.
async fn interrupted(storage: &SeaORMRepositoryProvider, steps: usize, wanted: Option<Partitions>) -> bool {
    let mut session = storage.partitioning_session().await.unwrap();
    let mut done = 0;
    while done < steps {
        let catalogue = storage.catalogue(&mut session).await.unwrap();
        let step = match wanted {
            Some(_) => missing_trigger(&catalogue).map(Into::into).or_else(|| next_change(&catalogue, wanted)),
            None => next_change(&catalogue, None).or_else(|| drop_trigger(&catalogue).map(Into::into)),
        };
        let Some(step) = step else { break };
        session.change(&step).await.unwrap();
        done += 1;
    }
    session.close().await;
    done == steps
}

/// Whoever comes after an interruption, whichever way they want to go: both ways are gone from every place in between.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_call_is_gone_on_with() {
    let database = MysqlServer::shared().database().await;
    let storage = SeaORMStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    storage.create(NewUser::with_id(UserId::new("1"), "ann@example.com".to_owned())).await.unwrap();
    let insert = "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
                  VALUES ('default', REPEAT('x', 32), '1', '2026-01-01', '2026-01-01', '2027-01-01')";
    sqlx::raw_sql(insert).execute(storage.connection().get_mysql_connection_pool()).await.unwrap();
    let (two, three) = (Partitions::MIN, Partitions::new(3).unwrap());
    let mut steps = 1;
    while interrupted(&storage, steps, Some(two)).await {
        // Not at every place: each change of a table takes its time.
        storage.unpartition().await.unwrap();
        assert_eq!(storage.partitioning().await.unwrap(), Partitioning::Off);
        interrupted(&storage, steps, Some(two)).await;
        storage.partition(three).await.unwrap();
        assert_eq!(storage.partitioning().await.unwrap(), Partitioning::On(three));
        interrupted(&storage, steps, None).await;
        storage.partition(two).await.unwrap();
        assert_eq!(storage.partitioning().await.unwrap(), Partitioning::On(two));
        storage.unpartition().await.unwrap();
        steps += 3;
    }
    let count = "SELECT COUNT(*) FROM sessions";
    let rows: i64 =
        sqlx::query_scalar(count).fetch_one(storage.connection().get_mysql_connection_pool()).await.unwrap();
    assert_eq!(rows, 1);
}

/// Nor does a migration begin meanwhile: they have one lock.
#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time() {
    let database = MysqlServer::shared().empty_database().await;
    let storage = SeaORMStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    let pool = storage.connection().get_mysql_connection_pool();
    let mut session = storage.partitioning_session().await.unwrap();
    session.lock().await.unwrap();
    let options = MigrateOptions::new().lock_timeout(Duration::ZERO);
    let refusal = migrate_with(pool, &SystemClock, &options).await.unwrap_err();
    assert!(matches!(refusal, MigrationError::AlreadyRunning { .. }), "{refusal:?}");
    let refusals = [storage.partition(Partitions::MIN).await, storage.unpartition().await];
    assert!(refusals.iter().all(|refusal| matches!(refusal, Err(PartitionError::Busy))), "{refusals:?}");
    session.close().await;
    migrate_with(pool, &SystemClock, &options).await.unwrap();
    storage.partition(Partitions::MIN).await.unwrap();
}
