//! What is in the schema.

use sqlx::PgConnection;

use crate::{
    MigrationError, Result,
    legacy::{Catalog, Legacy, NEEDED, SEA_ORM_BOOKKEEPING, bookkeeping, recognise},
    postgres::errors::failed,
};

const LOOK: &str = "look for other tables";

/// Looks for what an older version left behind. Only called while torii's own bookkeeping is empty. What is in other schemas
/// of the search path is not in the way.
///
/// # Errors
/// [`MigrationError::OlderTorii`] and [`MigrationError::ForeignDatabase`]: creating "if not exists" would silently adopt an
/// application's own `users`. [`MigrationError::InUse`].
pub(in crate::postgres) async fn find(connection: &mut PgConnection) -> Result<Option<Legacy>> {
    // Names with capitals are other names.
    let relations: Vec<(String, Vec<String>)> = sqlx::query_as(
        "SELECT relname::text, ARRAY(SELECT attname::text FROM pg_attribute \
             WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p') ORDER BY attnum) \
         FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
             AND relname = lower(relname) ORDER BY relname",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(LOOK))?;
    let Some(bookkeeping) = bookkeeping(relations.iter().map(|(name, _)| name.as_str()))? else {
        return match relations.iter().find(|(name, _)| NEEDED.contains(&name.as_str())) {
            Some((table, _)) => Err(MigrationError::ForeignDatabase { table: table.clone() }),
            None => Ok(None),
        };
    };
    let rows = if bookkeeping == SEA_ORM_BOOKKEEPING {
        "SELECT version::text FROM torii_migrations"
    } else {
        "SELECT version::text FROM _torii_migrations"
    };
    let rows = sqlx::query_scalar(rows).fetch_all(&mut *connection).await.map_err(failed(LOOK))?;
    let legacy = recognise(bookkeeping, &Catalog { relations, bookkeeping: rows })?;
    refuse_dependents(connection, &legacy).await?;
    // Nothing but the bookkeeping: whatever wrote it was interrupted before it made a table.
    Ok((!legacy.tables.is_empty()).then_some(legacy))
}

/// Refuses a database in which something of the application would stop working.
async fn refuse_dependents(connection: &mut PgConnection, legacy: &Legacy) -> Result<()> {
    let tables: Vec<&str> = legacy.tables.iter().map(|present| present.table.source).collect();
    let objects: Vec<String> = sqlx::query_scalar(
        "WITH old AS (SELECT oid, relname FROM pg_class WHERE relname = ANY ($1) \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())) \
         SELECT 'the foreign key ' || conname || ' of ' || conrelid::regclass || ' to ' || confrelid::regclass \
         FROM pg_constraint WHERE contype = 'f' AND confrelid IN (SELECT oid FROM old) \
             AND conrelid NOT IN (SELECT oid FROM old WHERE relname <> 'users') \
             AND NOT (confrelid::regclass::text IN (SELECT oid::regclass::text FROM old WHERE relname = 'users') \
                 AND confkey IN (SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = confrelid AND attname = 'id' \
                     UNION ALL SELECT ARRAY[t.attnum, i.attnum] FROM pg_attribute AS t, pg_attribute AS i \
                     WHERE t.attrelid = confrelid AND i.attrelid = confrelid AND t.attname = 'tenant_id' AND i.attname = 'id')) \
         UNION ALL \
         SELECT DISTINCT 'the view ' || ev_class::regclass FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid \
         WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass \
             AND refobjid IN (SELECT oid FROM old WHERE relname <> 'users') AND ev_class <> refobjid \
         UNION ALL \
         SELECT 'the trigger ' || tgname || ' of ' || tgrelid::regclass FROM pg_trigger \
         WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM old WHERE relname <> 'users') \
             AND NOT starts_with(tgname, '_torii_') ORDER BY 1",
    )
    .bind(&tables)
    .fetch_all(connection)
    .await
    .map_err(failed("look for what depends on the old tables"))?;
    if objects.is_empty() { Ok(()) } else { Err(MigrationError::InUse { objects }) }
}

/// Makes sure that the old tables may be changed.
///
/// # Errors
/// [`MigrationError::MayNotAlter`].
pub(super) async fn require_owner(connection: &mut PgConnection, legacy: &Legacy) -> Result<()> {
    let names: Vec<&str> = legacy.tables.iter().map(|present| present.table.source).collect();
    let (role, tables): (String, Vec<String>) = sqlx::query_as(
        "SELECT current_user::text, ARRAY(SELECT relname::text FROM pg_class WHERE relname = ANY ($1) \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
             AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname)",
    )
    .bind(&names)
    .fetch_one(connection)
    .await
    .map_err(failed("look for the right to change the old tables"))?;
    if tables.is_empty() { Ok(()) } else { Err(MigrationError::MayNotAlter { role, tables }) }
}

/// The columns of a table that hold times, with the type that each has.
pub(super) async fn time_types(connection: &mut PgConnection, table: &str) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
         WHERE relname = $1 AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
             AND attnum > 0 AND NOT attisdropped",
    )
    .bind(table)
    .fetch_all(connection)
    .await
}
