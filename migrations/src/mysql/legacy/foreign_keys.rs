//! Foreign keys, as the catalogue knows them.

use sqlx::MySqlConnection;

use super::catalog::is_users;
use crate::{Result, mysql::errors::failed};

/// A foreign key of a table: its column by column, and what each refers to.
pub(super) struct ForeignKey {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) columns: Vec<(String, String)>,
}

/// The foreign keys of or to tables of the database. `elsewhere`: those of tables in other databases too, for which the server
/// may have to look at each of them.
pub(super) async fn foreign_keys(connection: &mut MySqlConnection, elsewhere: bool) -> Result<Vec<ForeignKey>> {
    const HERE: &str = "SELECT CAST(table_name AS CHAR), CAST(constraint_name AS CHAR), CAST(referenced_table_name AS CHAR), \
             CAST(column_name AS CHAR), CAST(referenced_column_name AS CHAR) \
         FROM information_schema.key_column_usage \
         WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE() \
         ORDER BY table_name, constraint_name, ordinal_position";
    const EVERYWHERE: &str = "SELECT CONCAT(IF(table_schema = DATABASE(), '', CONCAT(table_schema, '.')), table_name), \
             CAST(constraint_name AS CHAR), CAST(referenced_table_name AS CHAR), \
             CAST(column_name AS CHAR), CAST(referenced_column_name AS CHAR) \
         FROM information_schema.key_column_usage WHERE referenced_table_schema = DATABASE() \
         ORDER BY table_schema, table_name, constraint_name, ordinal_position";
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(if elsewhere { EVERYWHERE } else { HERE })
        .fetch_all(connection)
        .await
        .map_err(failed("look for foreign keys"))?;
    let mut keys: Vec<ForeignKey> = Vec::new();
    for (table, name, parent, column, referenced) in rows {
        match keys.last_mut().filter(|key| key.table == table && key.name == name) {
            Some(key) => key.columns.push((column, referenced)),
            None => keys.push(ForeignKey { table, name, parent, columns: vec![(column, referenced)] }),
        }
    }
    Ok(keys)
}

/// The foreign keys of one table, and what each does when the row it refers to goes or changes.
pub(super) async fn foreign_keys_of(
    connection: &mut MySqlConnection,
    table: &str,
) -> Result<Vec<(ForeignKey, String)>> {
    const LOOK: &str = "look for foreign keys";
    let rules: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(constraint_name AS CHAR), CONCAT('ON DELETE ', delete_rule, ' ON UPDATE ', update_rule) \
         FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE() AND table_name = ?",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(LOOK))?;
    let keys = foreign_keys(connection, false).await?.into_iter().filter(|key| key.table == table);
    let with_rules = keys.map(|key| {
        let rules = rules.iter().find(|(name, _)| *name == key.name).map(|(_, rules)| rules.clone());
        (key, rules.unwrap_or_default())
    });
    Ok(with_rules.collect())
}

impl ForeignKey {
    /// Whether it refers to a user by its id alone.
    pub(super) fn is_to_a_user(&self) -> bool {
        is_users(&self.parent)
            && matches!(&self.columns[..], [(_, referenced)] if referenced.eq_ignore_ascii_case("id"))
    }

    /// Whether it refers to a user by its tenant too: it is today's.
    pub(super) fn is_todays(&self) -> bool {
        let referenced = self.columns.iter().map(|(_, referenced)| referenced.as_str());
        is_users(&self.parent) && referenced.eq(["tenant_id", "id"])
    }
}
