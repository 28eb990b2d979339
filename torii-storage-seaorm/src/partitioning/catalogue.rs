//! What the tables are like now.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PartitionError, Partitioning, Partitions,
    session::Session,
    statements::{TABLES, TRIGGERS, Table},
};

/// `AS` gives MySQL's catalogue, which speaks in capitals, the names of MariaDB's. Without the casts some of its columns are
/// binary.
const PARTITIONS: &str = "SELECT CAST(table_name AS CHAR) AS name, COUNT(*) AS partitions, \
     CAST(MAX(CONCAT(partition_method, ' ', REPLACE(partition_expression, '`', ''))) AS CHAR) AS kind \
     FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL \
     AND table_name IN ('sessions', 'secure_tokens', 'failed_login_attempts') GROUP BY table_name";

const FOREIGN_KEYS: &str = "SELECT CAST(table_name AS CHAR) AS name, CAST(constraint_name AS CHAR) AS of_it \
     FROM information_schema.referential_constraints \
     WHERE (constraint_schema = DATABASE() \
             AND table_name IN ('sessions', 'secure_tokens', 'failed_login_attempts')) \
         OR (unique_constraint_schema = DATABASE() \
             AND referenced_table_name IN ('sessions', 'secure_tokens', 'failed_login_attempts'))";

/// Other keys than the primary one.
const UNIQUE_KEYS: &str = "SELECT CAST(table_name AS CHAR) AS name, CAST(index_name AS CHAR) AS of_it \
     FROM information_schema.statistics WHERE table_schema = DATABASE() \
     AND table_name IN ('sessions', 'secure_tokens', 'failed_login_attempts') AND non_unique = 0 AND index_name <> 'PRIMARY' \
     GROUP BY table_name, index_name HAVING SUM(column_name = 'tenant_id') = 0";

const TRIGGER_NAMES: &str = "SELECT CAST(event_object_table AS CHAR) AS name, CAST(trigger_name AS CHAR) AS of_it \
     FROM information_schema.triggers WHERE trigger_schema = DATABASE()";

/// The tables that have to be there, and whether the log's primary key holds the tenant.
const EXISTING: &str = "SELECT CAST(tables.table_name AS CHAR) AS name, CAST(( \
         SELECT COUNT(*) FROM information_schema.statistics WHERE statistics.table_schema = DATABASE() \
         AND statistics.table_name = tables.table_name AND index_name = 'PRIMARY' AND column_name = 'tenant_id' \
     ) AS CHAR) AS of_it \
     FROM information_schema.tables WHERE table_schema = DATABASE() \
     AND table_name IN ('tenants', 'users', 'sessions', 'secure_tokens', 'failed_login_attempts')";

/// What this crate partitions by.
const KIND: &str = "KEY tenant_id";

/// The definitions that matter here.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    partitions: BTreeMap<String, (u32, String)>,
    foreign_keys: BTreeSet<(String, String)>,
    unique_keys: Vec<(String, String)>,
    triggers: BTreeSet<String>,
    /// Whether the primary key of the log of wrong passwords holds the tenant.
    wide_log_key: bool,
}

impl Catalogue {
    /// Reads it. `None` if tables are missing.
    pub(super) async fn read(session: &mut Session) -> Result<Option<Self>, PartitionError> {
        let existing: Vec<(String, String)> = session.read(EXISTING).await?;
        if existing.len() < 5 {
            return Ok(None);
        }
        let wide_log_key = existing.iter().any(|(table, parts)| table == "failed_login_attempts" && parts != "0");
        let partitions: Vec<(String, i64, String)> = session.read(PARTITIONS).await?;
        let partitions = partitions.into_iter().map(|(table, count, kind)| {
            // More than a server can have is none of ours.
            (table, (u32::try_from(count).unwrap_or(u32::MAX), kind))
        });
        let triggers: Vec<(String, String)> = session.read(TRIGGER_NAMES).await?;
        Ok(Some(Self {
            partitions: partitions.collect(),
            foreign_keys: session.read(FOREIGN_KEYS).await?.into_iter().collect(),
            unique_keys: session.read(UNIQUE_KEYS).await?,
            triggers: triggers.into_iter().map(|(_, trigger)| trigger).collect(),
            wide_log_key,
        }))
    }

    pub(super) fn partitions(&self, table: &Table) -> Option<u32> {
        self.partitions.get(table.name).map(|(count, _)| *count)
    }

    /// Whether a foreign key of the table is there.
    pub(super) fn has_key(&self, table: &Table, key: &str) -> bool {
        self.foreign_keys.contains(&(table.name.to_owned(), key.to_owned()))
    }

    pub(super) fn has_trigger(&self, name: &str) -> bool {
        self.triggers.contains(name)
    }

    pub(super) fn has_wide_log_key(&self) -> bool {
        self.wide_log_key
    }

    pub(super) fn partitioning(&self) -> Partitioning {
        let every_key = |wanted: bool| {
            TABLES.iter().all(|table| table.foreign_keys.iter().all(|(key, _)| self.has_key(table, key) == wanted))
        };
        let every_trigger = |wanted: bool| TRIGGERS.iter().all(|trigger| self.has_trigger(trigger.name) == wanted);
        let partitions = TABLES.map(|table| self.partitions(&table));
        let is_ours = self.check().is_ok();
        match partitions {
            [None, None, None] if every_key(true) && every_trigger(false) && !self.wide_log_key => Partitioning::Off,
            [Some(one), Some(two), Some(three)]
                if one == two && two == three && is_ours && every_key(false) && every_trigger(true) =>
            {
                Partitions::new(one).map_or(Partitioning::Unfinished, Partitioning::On)
            }
            _ => Partitioning::Unfinished,
        }
    }

    /// # Errors
    /// [`PartitionError::InTheWay`].
    pub(super) fn check(&self) -> Result<(), PartitionError> {
        let is_ours = |name: &str, key: &str| {
            TABLES.iter().any(|table| table.name == name && table.foreign_keys.iter().any(|(ours, _)| *ours == key))
        };
        let other_key = self.foreign_keys.iter().find(|(table, key)| !is_ours(table, key));
        let other_kind = self.partitions.iter().find(|(_, (_, kind))| kind != KIND);
        let what = match (other_key, self.unique_keys.first(), other_kind) {
            (Some((table, key)), ..) => format!("the foreign key {key} of {table}"),
            (_, Some((table, key)), _) => format!("the unique key {key} of {table}, which does not hold the tenant,"),
            (.., Some((table, (_, kind)))) => format!("the partitioning of {table} by {kind}"),
            (None, None, None) => return Ok(()),
        };
        Err(PartitionError::InTheWay { what })
    }
}
