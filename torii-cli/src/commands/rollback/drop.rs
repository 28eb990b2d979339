//! Dropping torii's tables. They are locked and looked into once more before, so that nothing is lost that was written meanwhile.

use std::time::Duration;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use sqlx::Connection as _;
#[cfg(feature = "mysql")]
use sqlx::mysql::MySqlConnection;
#[cfg(feature = "postgres")]
use sqlx::postgres::PgConnection;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteConnection;

use torii_migration::MigrationError;

use super::obstacles::filled;
use crate::{database::Connection, failure::Failure, target::Engine};

/// What refers to others comes before what is referred to.
#[cfg(any(feature = "mysql", feature = "postgres"))]
const DROP: &str = "DROP TABLE sessions, oauth_accounts, oauth_states, passkeys, passkey_challenges, secure_tokens, lockouts, \
    failed_login_attempts, users, tenants, _torii_schema";

const OPERATION: &str = "drop torii's tables";

/// Drops them, all or none where the engine can.
///
/// # Errors
/// [`Failure::InUseNow`] if a table is no longer empty, [`MigrationError::Locked`], [`Failure::Database`].
pub(super) async fn drop_tables(connection: &mut Connection, lock_timeout: Duration) -> Result<(), Failure> {
    let done = match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(connection) => of_sqlite(connection).await,
        #[cfg(feature = "postgres")]
        Connection::Postgres(connection) => of_postgres(connection, lock_timeout).await,
        #[cfg(feature = "mysql")]
        Connection::Mysql(connection) => of_mysql(connection, lock_timeout).await,
    };
    done.map_err(|failure| match failure {
        Failure::Database { source, .. } if is_locked(&source) => {
            MigrationError::Locked { waited: lock_timeout, source }.into()
        }
        failure => failure,
    })
}

/// Whether somebody else had the locks for too long, or waited for ours as we for theirs.
fn is_locked(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    // https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return matches!(error.number(), 1205 | 1213);
    }
    // https://www.sqlite.org/rescode.html: the first byte is the primary code, SQLITE_BUSY or SQLITE_LOCKED.
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        let code = error.code().and_then(|code| code.parse::<u32>().ok());
        return code.is_some_and(|code| matches!(code & 0xff, 5 | 6));
    }
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, deadlock_detected.
    matches!(error.code().as_deref(), Some("55P03" | "40P01"))
}

/// The connection waits for other writers for as long as it was told to when it was opened.
#[cfg(feature = "sqlite")]
async fn of_sqlite(connection: &mut SqliteConnection) -> Result<(), Failure> {
    const DROPS: &str = "DROP TABLE sessions; DROP TABLE oauth_accounts; DROP TABLE oauth_states; DROP TABLE passkeys; \
        DROP TABLE passkey_challenges; DROP TABLE secure_tokens; DROP TABLE lockouts; DROP TABLE failed_login_attempts; \
        DROP TABLE users; DROP TABLE tenants; DROP TABLE _torii_schema";
    let failed = || Failure::database(OPERATION);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
    if sqlx::raw_sql(filled(Engine::Sqlite)).fetch_optional(&mut *transaction).await.map_err(failed())?.is_some() {
        return Err(Failure::InUseNow);
    }
    sqlx::raw_sql(DROPS).execute(&mut *transaction).await.map_err(failed())?;
    transaction.commit().await.map_err(failed())
}

#[cfg(feature = "postgres")]
async fn of_postgres(connection: &mut PgConnection, lock_timeout: Duration) -> Result<(), Failure> {
    const LOCK: &str = "LOCK TABLE sessions, oauth_accounts, oauth_states, passkeys, passkey_challenges, secure_tokens, \
        lockouts, failed_login_attempts, users, tenants, _torii_schema IN ACCESS EXCLUSIVE MODE";
    let failed = || Failure::database(OPERATION);
    // What is committed while this waits has to be seen, whatever the isolation of the role's transactions is.
    const BEGIN: &str =
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0";
    let mut transaction = connection.begin_with(BEGIN).await.map_err(failed())?;
    // 0 would switch the limit off.
    let milliseconds = lock_timeout.as_millis().max(1);
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(milliseconds.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
    sqlx::raw_sql(LOCK).execute(&mut *transaction).await.map_err(failed())?;
    if sqlx::raw_sql(filled(Engine::Postgres)).fetch_optional(&mut *transaction).await.map_err(failed())?.is_some() {
        return Err(Failure::InUseNow);
    }
    sqlx::raw_sql(DROP).execute(&mut *transaction).await.map_err(failed())?;
    transaction.commit().await.map_err(failed())
}

/// A definition commits by itself, so the locks are those of tables and not of a transaction.
#[cfg(feature = "mysql")]
async fn of_mysql(connection: &mut MySqlConnection, lock_timeout: Duration) -> Result<(), Failure> {
    const LOCK: &str = "LOCK TABLES sessions WRITE, oauth_accounts WRITE, oauth_states WRITE, passkeys WRITE, \
        passkey_challenges WRITE, secure_tokens WRITE, lockouts WRITE, failed_login_attempts WRITE, users WRITE, \
        tenants WRITE, _torii_schema WRITE";
    let failed = || Failure::database(OPERATION);
    sqlx::query("SET SESSION lock_wait_timeout = ?")
        .bind(lock_timeout.as_secs().max(1))
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    sqlx::raw_sql(LOCK).execute(&mut *connection).await.map_err(failed())?;
    let is_filled = sqlx::raw_sql(filled(Engine::Mysql)).fetch_optional(&mut *connection).await;
    let done = match is_filled {
        Ok(None) => sqlx::raw_sql(DROP).execute(&mut *connection).await.map(|_| ()).map_err(failed()),
        Ok(Some(_)) => Err(Failure::InUseNow),
        Err(error) => Err(failed()(error)),
    };
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut *connection).await.map_err(failed())?;
    done
}
