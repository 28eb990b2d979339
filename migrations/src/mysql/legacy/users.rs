//! Making the table of users what it is today, where it is: the application's foreign keys to it, its columns, indexes and
//! triggers stay.

use sqlx::{Connection, Row};

use super::{
    catalog, copy,
    foreign_keys::foreign_keys,
    made, record,
    rows::{self, NEW, NEW_USERS, OldTables, Reader},
    schema::{EXACT, Users},
    work::{Work, failed, live, query},
};
use crate::{
    Result,
    legacy::{Cell, Contents, Legacy, OldRow, Present, Source, Survey, next},
    progress::Reporter,
};

const FILL: &str = "fill in the keys of users' addresses";

/// Keys on their way into `users`.
const KEYS: &str = "_torii_new_keys";

/// Fills in the keys of addresses, in batches, and remembers what the users are to be.
pub(super) async fn fill(work: &mut Work<'_>, legacy: &Legacy, found: &Survey) -> Result<()> {
    let Some(present) = legacy.find("users") else { return Ok(()) };
    if record::copied(work, present).await?.is_some() {
        return Ok(());
    }
    let types = rows::columns(work.connection, NEW_USERS).await.map_err(failed(FILL))?;
    let find = |name: &str| types.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    if find("email_key").is_none() {
        work.run("add a column to users", Users::prepare()).await?;
    }
    let id_type = find("id").map(rows::Column::text_type).unwrap_or_default();
    work.run(FILL, make_keys(&id_type)).await?;
    if work.finds(FILL, format!("SELECT 1 FROM {KEYS} LIMIT 1")).await? {
        work.run(FILL, format!("TRUNCATE TABLE {KEYS}")).await?;
    }
    let mut reader = Reader::new(true);
    let total = OldTables { connection: work.connection, reader: &mut reader }.count(present).await?;
    let reporter = Reporter::new(work.options, "copy", present.table.source, total);
    let (mut expected, mut after) = (Contents::default(), None);
    loop {
        let batch =
            OldTables { connection: work.connection, reader: &mut reader }.batch(present, after.as_ref()).await?;
        let keys = keys_of(present, found, &batch, &mut expected);
        work.patience.renew();
        loop {
            match fill_batch(work, present, &keys).await {
                Ok(()) => break,
                Err(error) => work.patience.after(error).await?,
            }
        }
        reporter.advance(batch.len());
        match next(batch) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    require(work, present, found, &expected).await?;
    work.run(FILL, format!("DROP TABLE {KEYS}")).await?;
    record::mark_copied(work, present, &expected, 0).await
}

/// Makes sure that nothing but the keys was changed: a trigger of the application may do so. While it can still be undone.
async fn require(work: &mut Work<'_>, present: &Present, found: &Survey, expected: &Contents) -> Result<()> {
    let (mut reader, mut contents, mut after) = (Reader::new(true), Contents::default(), None);
    loop {
        let batch =
            OldTables { connection: work.connection, reader: &mut reader }.batch(present, after.as_ref()).await?;
        keys_of(present, found, &batch, &mut contents);
        match next(batch) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    if contents == *expected { Ok(()) } else { Err(copy::not_copied(present, expected.rows, contents.rows)) }
}

/// The statement that makes the table of keys.
pub(super) fn make_keys(id_type: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {KEYS} (id VARCHAR(255) {id_type} NOT NULL PRIMARY KEY, email_key VARCHAR(255) {EXACT} NOT NULL) \
         ENGINE = InnoDB ROW_FORMAT = DYNAMIC"
    )
}

/// The statement that fills in a batch. An empty hash is none. What is set to itself is not set to the time of the statement,
/// as a column of old servers may be.
pub(super) const UPDATE_KEYS: &str = "UPDATE _torii_new_users AS made JOIN _torii_new_keys AS new ON new.id = made.id \
     SET made.email_key = new.email_key, made.password_hash = NULLIF(made.password_hash, ''), \
         made.email_verified_at = made.email_verified_at, made.created_at = made.created_at, made.updated_at = made.updated_at";

/// The ids and keys of a batch. A user whose row cannot be read was found before anything was changed.
fn keys_of(present: &Present, found: &Survey, batch: &[OldRow], expected: &mut Contents) -> Vec<Vec<Cell>> {
    let mut keys = Vec::with_capacity(batch.len());
    let position = present.table.into.iter().position(|(name, _)| *name == "email_key").unwrap_or_default();
    for row in batch {
        if let Ok(cells) = row.convert(present, &found.rules) {
            expected.add(&cells);
            keys.push(vec![row.id.clone(), cells.get(position).cloned().unwrap_or(Cell::Null)]);
        }
    }
    keys
}

async fn fill_batch(work: &mut Work<'_>, present: &Present, keys: &[Vec<Cell>]) -> Result<()> {
    const WRONG: &str = "SELECT COUNT(*) FROM _torii_new_keys AS new LEFT JOIN _torii_new_users AS made \
        ON made.id = new.id AND made.email_key = new.email_key WHERE made.id IS NULL";
    if keys.is_empty() {
        return Ok(());
    }
    let mut transaction = work.connection.begin().await.map_err(failed(FILL))?;
    live(&mut transaction, work.options, FILL).await?;
    made::insert(&mut transaction, KEYS, "id, email_key", keys).await.map_err(failed(FILL))?;
    live(&mut transaction, work.options, FILL).await?;
    sqlx::query(UPDATE_KEYS).execute(&mut *transaction).await.map_err(failed(FILL))?;
    let wrong: i64 = sqlx::query_scalar(WRONG).fetch_one(&mut *transaction).await.map_err(failed(FILL))?;
    if wrong > 0 {
        let expected = keys.len() as u64;
        return Err(copy::not_copied(present, expected, expected.saturating_sub(wrong.unsigned_abs())));
    }
    query(format!("DELETE FROM {KEYS}")).execute(&mut *transaction).await.map_err(failed(FILL))?;
    live(&mut transaction, work.options, FILL).await?;
    transaction.commit().await.map_err(failed(FILL))
}

/// Makes the table what it is today, and makes sure that it holds what it held.
pub(super) async fn alter(work: &mut Work<'_>, legacy: &Legacy, kept_id: Option<String>) -> Result<()> {
    const STEP: &str = "make users what it is today";
    let Some(present) = legacy.find("users") else { return Ok(()) };
    if !is_altered(work).await? {
        let users = look(work, NEW_USERS, kept_id).await?;
        work.run(STEP, users.alter()).await?;
    }
    let (expected, checksum) = record::copied(work, present).await?.unwrap_or_default();
    let found = copy::read(work, present, expected).await?;
    if found.rows == expected && found.checksum() == checksum {
        Ok(())
    } else {
        Err(copy::not_copied(present, expected, found.rows))
    }
}

/// Whether the table is what it is today.
pub(super) async fn is_altered(work: &mut Work<'_>) -> Result<bool> {
    let index = "SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() \
        AND table_name = '_torii_new_users' AND index_name = 'users_tenant_email' LIMIT 1";
    work.finds("look for the keys of users", index.to_owned()).await
}

/// What decides how the table is altered.
pub(super) async fn look(work: &mut Work<'_>, table: &str, kept_id: Option<String>) -> Result<Users> {
    const STEP: &str = "look at the columns and indexes of users";
    let columns = rows::columns(work.connection, table).await.map_err(failed(STEP))?;
    let indexes = sqlx::query(
        "SELECT CAST(index_name AS CHAR), CAST(column_name AS CHAR), sub_part IS NULL FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name = ?",
    )
    .bind(table)
    .fetch_all(&mut *work.connection)
    .await
    .map_err(failed(STEP))?;
    let mut users = Users {
        kept_id,
        has_locked_at: columns.iter().any(|column| column.name.eq_ignore_ascii_case("locked_at")),
        has_old_index: false,
        indexed: Vec::new(),
    };
    for row in &indexes {
        let name: String = row.try_get(0).map_err(failed(STEP))?;
        // An index of an expression has no column.
        let column: Option<String> = row.try_get(1).map_err(failed(STEP))?;
        let is_whole: bool = row.try_get_unchecked::<i64, _>(2).map_err(failed(STEP))? != 0;
        users.has_old_index |= name == "idx_users_email";
        users.indexed.extend(column.filter(|_| is_whole));
    }
    Ok(users)
}

/// The type of text that the users' ids keep because foreign keys of the application refer to them; `None` if none does.
pub(super) async fn kept_id(work: &mut Work<'_>, legacy: &Legacy, table: &str) -> Result<Option<String>> {
    let keys = foreign_keys(work.connection, true).await?;
    let is_the_applications = |name: &str| {
        let old = catalog::old_name(name);
        name.eq_ignore_ascii_case(NEW_USERS) || old == "users" || !legacy.owns(old) && !name.starts_with(NEW)
    };
    if !keys.iter().any(|key| key.is_to_a_user() && is_the_applications(&key.table)) {
        return Ok(None);
    }
    let columns = rows::columns(work.connection, table).await.map_err(failed("look at the ids of users"))?;
    Ok(columns.iter().find(|column| column.name.eq_ignore_ascii_case("id")).map(rows::Column::text_type))
}
