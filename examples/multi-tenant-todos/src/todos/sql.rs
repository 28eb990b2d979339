//! Todos in SQL. The databases run the same statements; the types of the columns differ, and how parameters are written.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{MySqlPool, PgPool, SqlitePool};
use uuid::Uuid;

use super::{Added, MOST_TODOS, Owner, StoreError, Todo, TodoStore};

/// The foreign key holds the tenant: a todo that belongs to a user of another tenant cannot be written, and a user's todos go with the
/// user.
const CREATE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS todos ( \
     tenant_id TEXT NOT NULL, user_id TEXT NOT NULL, id TEXT NOT NULL, \
     title TEXT NOT NULL, done INTEGER NOT NULL CHECK (done IN (0, 1)), created_at TEXT NOT NULL, \
     PRIMARY KEY (tenant_id, user_id, id), \
     FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE) STRICT, WITHOUT ROWID";

const CREATE_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS todos ( \
     tenant_id VARCHAR(64) COLLATE \"C\" NOT NULL, user_id TEXT COLLATE \"C\" NOT NULL, id TEXT COLLATE \"C\" NOT NULL, \
     title TEXT NOT NULL, done BOOLEAN NOT NULL, created_at TIMESTAMPTZ NOT NULL, \
     PRIMARY KEY (tenant_id, user_id, id), \
     FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE)";

/// Texts are compared byte by byte, and columns have the collation of those that they refer to: the two engines call it differently.
const CREATE_MYSQL: &str = "CREATE TABLE IF NOT EXISTS todos ( \
     tenant_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, user_id VARCHAR(255) NOT NULL, \
     id VARCHAR(64) NOT NULL, title TEXT NOT NULL, done BOOLEAN NOT NULL, created_at DATETIME(6) NOT NULL, \
     PRIMARY KEY (tenant_id, user_id, id), \
     FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE) \
     ENGINE = InnoDB CHARACTER SET utf8mb4 \
     COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */";

struct Statements {
    list: &'static str,
    add: &'static str,
    set_done: &'static str,
    delete: &'static str,
}

/// With parameters as they are given.
macro_rules! statements {
    ($a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal $i:literal) => {
        Statements {
            list: concat!(
                "SELECT id, title, done FROM todos WHERE tenant_id = ",
                $a,
                " AND user_id = ",
                $b,
                " ORDER BY done, created_at, id"
            ),
            // From a table of one row: MySQL and MariaDB take no condition without one.
            add: concat!(
                "INSERT INTO todos (tenant_id, user_id, id, title, done, created_at) SELECT ",
                $a,
                ", ",
                $b,
                ", ",
                $c,
                ", ",
                $d,
                ", ",
                $e,
                ", ",
                $f,
                " FROM (SELECT 1 AS one) AS row_of_one \
                 WHERE (SELECT count(*) FROM todos WHERE tenant_id = ",
                $g,
                " AND user_id = ",
                $h,
                ") < ",
                $i
            ),
            set_done: concat!(
                "UPDATE todos SET done = ",
                $a,
                " WHERE tenant_id = ",
                $b,
                " AND user_id = ",
                $c,
                " AND id = ",
                $d
            ),
            delete: concat!("DELETE FROM todos WHERE tenant_id = ", $a, " AND user_id = ", $b, " AND id = ", $c),
        }
    };
}

const NUMBERED: Statements = statements!("$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9");
const MARKED: Statements = statements!("?" "?" "?" "?" "?" "?" "?" "?" "?");

/// The statements on one driver's pool.
macro_rules! todos_in {
    ($pool:ty, $create:expr, $statements:expr) => {
        #[async_trait]
        impl TodoStore for $pool {
            async fn create_table(&self) -> Result<(), StoreError> {
                let created = sqlx::query($create).execute(self).await;
                created.map(drop).map_err(failed("make the table of todos"))
            }

            async fn list(&self, owner: &Owner) -> Result<Vec<Todo>, StoreError> {
                let rows = sqlx::query_as($statements.list).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let rows: Vec<Row> = rows.fetch_all(self).await.map_err(failed("list todos"))?;
                Ok(rows.into_iter().map(todo).collect())
            }

            async fn add(&self, owner: &Owner, title: &str, now: DateTime<Utc>) -> Result<Added, StoreError> {
                let add = sqlx::query($statements.add).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let add = add.bind(Uuid::new_v4().simple().to_string()).bind(title).bind(false).bind(now);
                let add = add.bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let added = add.bind(MOST_TODOS).execute(self).await.map_err(failed("add a todo"))?;
                Ok(if added.rows_affected() == 1 { Added::Yes } else { Added::TooMany })
            }

            async fn set_done(&self, owner: &Owner, id: &str, done: bool) -> Result<bool, StoreError> {
                let set = sqlx::query($statements.set_done).bind(done);
                let set = set
                    .bind(owner.tenant.as_str())
                    .bind(owner.user.as_str())
                    .bind(id)
                    .execute(self)
                    .await
                    .map_err(failed("change a todo"))?;
                Ok(set.rows_affected() == 1)
            }

            async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, StoreError> {
                let delete = sqlx::query($statements.delete).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let deleted = delete.bind(id).execute(self).await.map_err(failed("delete a todo"))?;
                Ok(deleted.rows_affected() == 1)
            }
        }
    };
}

todos_in!(SqlitePool, CREATE_SQLITE, NUMBERED);
todos_in!(PgPool, CREATE_POSTGRES, NUMBERED);
todos_in!(MySqlPool, CREATE_MYSQL, MARKED);

type Row = (String, String, bool);

fn todo((id, title, done): Row) -> Todo {
    Todo { id, title, done }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError { operation, source }
}
