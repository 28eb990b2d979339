//! Todos in SQL. SQLite and PostgreSQL run the same statements; only the types of the columns differ.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, SqlitePool};
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

const LIST: &str =
    "SELECT id, title, done FROM todos WHERE tenant_id = $1 AND user_id = $2 ORDER BY done, created_at, id";

const ADD: &str = "INSERT INTO todos (tenant_id, user_id, id, title, done, created_at) SELECT $1, $2, $3, $4, $5, $6 \
     WHERE (SELECT count(*) FROM todos WHERE tenant_id = $1 AND user_id = $2) < $7";

const SET_DONE: &str = "UPDATE todos SET done = $4 WHERE tenant_id = $1 AND user_id = $2 AND id = $3";

const DELETE: &str = "DELETE FROM todos WHERE tenant_id = $1 AND user_id = $2 AND id = $3";

const END_SESSION: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND token_digest = $3";

/// The statements on one driver's pool.
macro_rules! todos_in {
    ($pool:ty, $create:expr) => {
        #[async_trait]
        impl TodoStore for $pool {
            async fn create_table(&self) -> Result<(), StoreError> {
                let created = sqlx::query($create).execute(self).await;
                created.map(drop).map_err(failed("make the table of todos"))
            }

            async fn list(&self, owner: &Owner) -> Result<Vec<Todo>, StoreError> {
                let rows = sqlx::query_as(LIST).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let rows: Vec<Row> = rows.fetch_all(self).await.map_err(failed("list todos"))?;
                Ok(rows.into_iter().map(todo).collect())
            }

            async fn add(&self, owner: &Owner, title: &str, now: DateTime<Utc>) -> Result<Added, StoreError> {
                let add = sqlx::query(ADD).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let add = add.bind(Uuid::new_v4().simple().to_string()).bind(title).bind(false).bind(now);
                let added = add.bind(MOST_TODOS).execute(self).await.map_err(failed("add a todo"))?;
                Ok(if added.rows_affected() == 1 { Added::Yes } else { Added::TooMany })
            }

            async fn set_done(&self, owner: &Owner, id: &str, done: bool) -> Result<bool, StoreError> {
                let set = sqlx::query(SET_DONE).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let set = set.bind(id).bind(done).execute(self).await.map_err(failed("change a todo"))?;
                Ok(set.rows_affected() == 1)
            }

            async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, StoreError> {
                let delete = sqlx::query(DELETE).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let deleted = delete.bind(id).execute(self).await.map_err(failed("delete a todo"))?;
                Ok(deleted.rows_affected() == 1)
            }

            async fn end_session(&self, owner: &Owner, token_digest: &[u8]) -> Result<bool, StoreError> {
                let end = sqlx::query(END_SESSION).bind(owner.tenant.as_str()).bind(owner.user.as_str());
                let ended = end.bind(token_digest).execute(self).await.map_err(failed("end a session"))?;
                Ok(ended.rows_affected() == 1)
            }
        }
    };
}

todos_in!(SqlitePool, CREATE_SQLITE);
todos_in!(PgPool, CREATE_POSTGRES);

type Row = (String, String, bool);

fn todo((id, title, done): Row) -> Todo {
    Todo { id, title, done }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError { operation, source }
}
