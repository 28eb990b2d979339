//! The pool that `connect` makes.

use std::{error::Error as _, time::Duration};

use sea_orm::{ConnAcquireErr, ConnectionTrait, DbErr};
use torii_core::{
    RepositoryProvider,
    error::{Error, StorageError, StorageErrorKind},
};
use torii_storage_seaorm::{ConnectError, ConnectProblem, PoolOptions, SeaORMStorage, SeaORMStorageError};
use torii_testkit::servers::MysqlServer;

use crate::world::{Engine, World};

/// Whoever waits in vain is told so, by a type.
pub(crate) async fn waiting_for_a_connection_ends(engine: Engine) {
    let w = World::new(engine).await;
    let options = PoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(50));
    let storage = SeaORMStorage::connect_with(w.url(), options).await.unwrap().into_repository_provider();
    storage.health_check().await.unwrap();
    let held = sea_orm::TransactionTrait::begin(storage.connection()).await.unwrap();
    let error = storage.health_check().await.unwrap_err();
    let Error::Storage(StorageError::Failed { kind: StorageErrorKind::Unavailable, .. }) = &error else {
        panic!("{error:?}")
    };
    let Error::Storage(error) = error else { unreachable!() };
    let source = error.source().and_then(|source| source.downcast_ref::<DbErr>());
    assert!(matches!(source, Some(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))), "{error:?}");
    held.rollback().await.unwrap();
    storage.health_check().await.unwrap();
}

/// Whatever the server's own settings are, each new connection has torii's.
#[tokio::test]
async fn every_connection_of_mysql_is_strict() {
    let w = World::new(Engine::Mysql).await;
    let options = PoolOptions::new().min_connections(0).max_connections(1).ping_after_idle(Duration::ZERO);
    let storage = SeaORMStorage::connect_with(w.url(), options).await.unwrap().into_repository_provider();
    let mut connections = Vec::new();
    for _ in 0..2 {
        let settings = "SELECT CAST(CONNECTION_ID() AS SIGNED), @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%' \
             AND @@SESSION.time_zone = '+00:00' AND @@SESSION.tx_isolation = 'READ-COMMITTED'";
        let settings = sea_orm::Statement::from_string(sea_orm::DbBackend::MySql, settings);
        let row = storage.connection().query_one_raw(settings).await.unwrap().unwrap();
        assert!(row.try_get_by_index::<bool>(1).unwrap());
        connections.push(row.try_get_by_index::<i64>(0).unwrap());
        // The connection is gone, which the pool notices: it pings before it hands it out.
        let kill = format!("KILL {}", connections[connections.len() - 1]);
        w.storage.connection().execute_unprepared(&kill).await.unwrap();
    }
    assert_ne!(connections[0], connections[1]);
}

/// A server that does not encrypt is not spoken to in the clear by who demands encryption.
#[tokio::test]
async fn encryption_that_is_demanded_is_not_given_up() {
    let database = MysqlServer::shared().database().await;
    let url = database.url().replace("ssl-mode=DISABLED", "ssl-mode=REQUIRED");
    assert!(url.contains("ssl-mode=REQUIRED"), "{url}");
    let refusal = SeaORMStorage::connect(&url).await.unwrap_err();
    let SeaORMStorageError::Storage(error) = refusal else { panic!("{refusal:?}") };
    let source = error.source().and_then(|source| source.downcast_ref::<ConnectError>()).unwrap();
    assert_eq!(source.problem(), ConnectProblem::Encryption, "{source:?}");
}
