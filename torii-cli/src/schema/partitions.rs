//! MySQL's large tables in partitions, as `SeaORMRepositoryProvider::partition` of torii-storage-seaorm makes them.
//!
//! A partitioned table can have no foreign keys: triggers stand in for them. And every unique key of one has to hold the
//! tenant, so that the log of wrong passwords has another primary key.

use super::fact::{Fact, Kind};

const TABLES: [&str; 3] = ["sessions", "secure_tokens", "failed_login_attempts"];

/// What stands behind the engine of a table that is partitioned this way.
const KIND: &str = ", partitioned by KEY tenant_id";

/// Their tables, names and events.
const TRIGGERS: [[&str; 3]; 10] = [
    ["failed_login_attempts", "torii_failed_login_attempts_insert", "BEFORE INSERT"],
    ["failed_login_attempts", "torii_failed_login_attempts_update", "BEFORE UPDATE"],
    ["secure_tokens", "torii_secure_tokens_insert", "BEFORE INSERT"],
    ["secure_tokens", "torii_secure_tokens_update", "BEFORE UPDATE"],
    ["sessions", "torii_sessions_insert", "BEFORE INSERT"],
    ["sessions", "torii_sessions_update", "BEFORE UPDATE"],
    ["tenants", "torii_tenants_delete", "AFTER DELETE"],
    ["tenants", "torii_tenants_update", "BEFORE UPDATE"],
    ["users", "torii_users_delete", "AFTER DELETE"],
    ["users", "torii_users_update", "BEFORE UPDATE"],
];

/// Whether it says that a table is partitioned by torii.
pub(crate) fn is_by_torii(fact: &Fact) -> bool {
    fact.kind == Kind::Table && TABLES.contains(&fact.table.as_str()) && fact.value.ends_with(KIND)
}

/// Whether it is one of the triggers that stand in for foreign keys.
pub(crate) fn is_stand_in(fact: &Fact) -> bool {
    fact.kind == Kind::Trigger && TRIGGERS.iter().any(|[_, name, _]| fact.object == *name)
}

/// What has to be true of the tables, of which some are `found` to be partitioned.
pub(super) fn expected(expected: &[Fact], found: &[Fact]) -> Vec<Fact> {
    let is_in_parts = |table: &str| found.iter().any(|fact| fact.table == table && is_by_torii(fact));
    let mut facts = expected.to_vec();
    facts.retain(|fact| fact.kind != Kind::ForeignKey || !is_in_parts(&fact.table));
    for fact in facts.iter_mut().filter(|fact| is_in_parts(&fact.table)) {
        match fact.kind {
            Kind::Table => fact.value.push_str(KIND),
            Kind::PrimaryKey if fact.table == "failed_login_attempts" => "(id, tenant_id)".clone_into(&mut fact.object),
            _ => {}
        }
    }
    // All are made before the first table changes, and stay until the last has its foreign keys again.
    if TABLES.into_iter().any(is_in_parts) {
        facts.extend(
            TRIGGERS
                .iter()
                .filter_map(|[table, name, event]| Fact::parse(&[Kind::Trigger.name(), table, name, event, name])),
        );
    }
    facts
}
