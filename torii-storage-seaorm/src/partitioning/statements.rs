//! What is changed, one statement after another. Each commits by itself, so what comes next follows from what is there.

use std::borrow::Cow;

use super::{Partitions, catalogue::Catalogue};

/// A table that can be partitioned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its foreign keys: the name of each, and how it is made.
    pub(super) foreign_keys: &'static [(&'static str, &'static str)],
    /// Counts the rows that belong to nobody.
    pub(super) orphans: &'static str,
}

macro_rules! foreign_key {
    ($table:literal $key:literal $refers:literal) => {
        (
            concat!($table, $key),
            concat!(
                "ALTER TABLE ",
                $table,
                " ADD CONSTRAINT ",
                $table,
                $key,
                " FOREIGN KEY ",
                $refers,
                " ON DELETE CASCADE"
            ),
        )
    };
}

macro_rules! of_tenants {
    ($table:literal) => {
        foreign_key!($table "_tenant_fkey" "(tenant_id) REFERENCES tenants (id)")
    };
}

macro_rules! table_of_users {
    ($table:literal) => {
        Table {
            name: $table,
            foreign_keys: &[
                of_tenants!($table),
                foreign_key!($table "_user_fkey" "(tenant_id, user_id) REFERENCES users (tenant_id, id)"),
            ],
            orphans: concat!(
                "SELECT COUNT(*) FROM ",
                $table,
                " AS theirs LEFT JOIN users ON users.tenant_id = theirs.tenant_id AND users.id = theirs.user_id \
                 WHERE users.id IS NULL"
            ),
        }
    };
}

pub(super) const TABLES: [Table; 3] = [SESSIONS, TOKENS, LOG];

const SESSIONS: Table = table_of_users!("sessions");

const TOKENS: Table = table_of_users!("secure_tokens");

const LOG: Table = Table {
    name: "failed_login_attempts",
    foreign_keys: &[of_tenants!("failed_login_attempts")],
    orphans: "SELECT COUNT(*) FROM failed_login_attempts AS theirs LEFT JOIN tenants ON tenants.id = theirs.tenant_id \
              WHERE tenants.id IS NULL",
};

/// What stands in for foreign keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    pub(super) name: &'static str,
    create: &'static str,
    drop: &'static str,
}

macro_rules! trigger {
    ($table:literal $name:literal $when:literal $($body:expr),+) => {
        Trigger {
            name: concat!("torii_", $table, $name),
            create: concat!(
                "CREATE TRIGGER torii_", $table, $name, " ", $when, " ON ", $table, " FOR EACH ROW BEGIN ", $($body,)+ " END"
            ),
            drop: concat!("DROP TRIGGER torii_", $table, $name),
        }
    };
}

/// Looks for the one whom a row belongs to, and keeps them until the transaction ends.
macro_rules! belongs {
    ($table:literal $owner:literal) => {
        concat!(
            "SELECT 1 INTO owner FROM ",
            $owner,
            " LOCK IN SHARE MODE; \
             IF owner IS NULL THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1452, \
                 MESSAGE_TEXT = 'a row of ",
            $table,
            " belongs to nobody'; END IF;"
        )
    };
}

/// One of the two keys is named because weighing them takes longer than the look-up.
macro_rules! belongs_to_user {
    ($table:literal) => {
        belongs!($table "users FORCE INDEX (PRIMARY) WHERE tenant_id = NEW.tenant_id AND id = NEW.user_id")
    };
}

macro_rules! belongs_to_tenant {
    ($table:literal) => {
        belongs!($table "tenants WHERE id = NEW.tenant_id")
    };
}

macro_rules! triggers_of_users_rows {
    ($table:literal) => {
        [
            trigger!($table "_insert" "BEFORE INSERT" "DECLARE owner INT; ", belongs_to_user!($table)),
            trigger!($table "_update" "BEFORE UPDATE"
                "DECLARE owner INT; IF NOT (NEW.tenant_id <=> OLD.tenant_id AND NEW.user_id <=> OLD.user_id) THEN ",
                belongs_to_user!($table), " END IF;"),
        ]
    };
}

/// Refuses that a key changes. Rows are not looked for: that would open every partition whenever anything of a user changes.
macro_rules! stays {
    ($table:literal $same:literal) => {
        trigger!($table "_update" "BEFORE UPDATE"
            "IF NOT (", $same, ") THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1451, \
                 MESSAGE_TEXT = 'an id of ", $table, " does not change while tables are partitioned'; END IF;")
    };
}

const OF_SESSIONS: [Trigger; 2] = triggers_of_users_rows!("sessions");

const OF_TOKENS: [Trigger; 2] = triggers_of_users_rows!("secure_tokens");

/// Those that stand in for `ON DELETE CASCADE` come after the delete: whoever was about to write a row holds the one whom it belongs
/// to, so that the delete waits for them and what they wrote is there by then.
pub(super) const TRIGGERS: [Trigger; 10] = [
    OF_SESSIONS[0],
    OF_SESSIONS[1],
    OF_TOKENS[0],
    OF_TOKENS[1],
    trigger!("failed_login_attempts" "_insert" "BEFORE INSERT"
        "DECLARE owner INT; ", belongs_to_tenant!("failed_login_attempts")),
    trigger!("failed_login_attempts" "_update" "BEFORE UPDATE"
        "DECLARE owner INT; IF NOT (NEW.tenant_id <=> OLD.tenant_id) THEN ",
        belongs_to_tenant!("failed_login_attempts"), " END IF;"),
    trigger!("users" "_delete" "AFTER DELETE"
        "DELETE FROM sessions WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id; \
         DELETE FROM secure_tokens WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;"),
    stays!("users" "NEW.tenant_id <=> OLD.tenant_id AND NEW.id <=> OLD.id"),
    trigger!("tenants" "_delete" "AFTER DELETE"
        "DELETE FROM sessions WHERE tenant_id = OLD.id; \
         DELETE FROM secure_tokens WHERE tenant_id = OLD.id; \
         DELETE FROM failed_login_attempts WHERE tenant_id = OLD.id;"),
    stays!("tenants" "NEW.id <=> OLD.id"),
];

/// Makes a trigger that is missing.
pub(super) fn missing_trigger(catalogue: &Catalogue) -> Option<&'static str> {
    TRIGGERS.iter().find(|trigger| !catalogue.has_trigger(trigger.name)).map(|trigger| trigger.create)
}

/// Removes a trigger that is there.
pub(super) fn drop_trigger(catalogue: &Catalogue) -> Option<&'static str> {
    TRIGGERS.iter().find(|trigger| catalogue.has_trigger(trigger.name)).map(|trigger| trigger.drop)
}

/// The next change of a table on the way to so many partitions, or to none.
pub(super) fn next_change(catalogue: &Catalogue, wanted: Option<Partitions>) -> Option<Cow<'static, str>> {
    TABLES.iter().find_map(|table| match wanted {
        Some(partitions) => next_towards(catalogue, table, partitions.count()),
        None => next_back(catalogue, table),
    })
}

fn next_towards(catalogue: &Catalogue, table: &Table, partitions: u32) -> Option<Cow<'static, str>> {
    let name = table.name;
    if let Some((key, _)) = table.foreign_keys.iter().find(|(key, _)| catalogue.has_key(table, key)) {
        return Some(format!("ALTER TABLE {name} DROP FOREIGN KEY {key}").into());
    }
    if catalogue.partitions(table) == Some(partitions) {
        return None;
    }
    // Every unique key of a partitioned table holds what it is partitioned by. `id` comes first, because it counts itself.
    let key = if name == LOG.name && !catalogue.has_wide_log_key() {
        "DROP PRIMARY KEY, ADD PRIMARY KEY (id, tenant_id)"
    } else {
        ""
    };
    Some(format!("ALTER TABLE {name} {key} PARTITION BY KEY (tenant_id) PARTITIONS {partitions}").into())
}

fn next_back(catalogue: &Catalogue, table: &Table) -> Option<Cow<'static, str>> {
    let name = table.name;
    if catalogue.partitions(table).is_some() {
        return Some(format!("ALTER TABLE {name} REMOVE PARTITIONING").into());
    }
    if name == LOG.name && catalogue.has_wide_log_key() {
        return Some(format!("ALTER TABLE {name} DROP PRIMARY KEY, ADD PRIMARY KEY (id)").into());
    }
    let missing = table.foreign_keys.iter().find(|(key, _)| !catalogue.has_key(table, key));
    missing.map(|(_, create)| (*create).into())
}
