//! Facts on MySQL and MariaDB, in words that fit both.

use super::{
    fact::{Fact, Kind, of_rows},
    tables,
};
use crate::database::Row;

/// What stands behind `M!` is read by MariaDB alone, which has JSON as text with a condition, and tells conditions by table; what
/// stands behind `!80016` by MySQL alone, where a condition may be there and not be enforced.
pub(super) const FACTS: &str = concat!("\
SELECT 'table' AS kind, table_name AS tab, '' AS object, CONCAT_WS(', ', IF(table_type = 'BASE TABLE', engine, 'no table'),
    (SELECT CONCAT('partitioned by ', MAX(CONCAT(p.partition_method, ' ', REPLACE(p.partition_expression, '`', ''))))
        FROM information_schema.partitions AS p WHERE p.table_schema = DATABASE() AND p.table_name = tables.table_name
            AND p.partition_name IS NOT NULL)) AS value, '' AS name
FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN (", tables!(), ")
UNION ALL
SELECT 'type', table_name, column_name, CASE WHEN FALSE /*M! OR (data_type = 'longtext' AND EXISTS (
        SELECT 1 FROM information_schema.check_constraints AS c WHERE c.constraint_schema = DATABASE()
            AND c.table_name = columns.table_name AND c.check_clause = CONCAT('json_valid(`', column_name, '`)'))) */
    THEN 'json' ELSE column_type END, ''
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN (", tables!(), ")
UNION ALL
SELECT 'collation', table_name, column_name, CONCAT(character_set_name, ' ', collation_name), ''
FROM information_schema.columns
WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND table_name IN (", tables!(), ")
UNION ALL
SELECT 'null', table_name, column_name, IF(is_nullable = 'NO', 'not null', 'nullable'), ''
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN (", tables!(), ")
UNION ALL
SELECT 'default', table_name, column_name, CONCAT(COALESCE(IF(column_default = '', QUOTE(''), column_default), ''),
    IF(extra LIKE '%auto_increment%', 'auto_increment', ''), IF(extra LIKE '%on update%', ' on update', ''),
    IF(extra LIKE '%STORED GENERATED%' OR extra LIKE '%VIRTUAL GENERATED%', ' generated', '')), ''
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN (", tables!(), ")
UNION ALL
SELECT CASE WHEN index_name = 'PRIMARY' THEN 'primary key' WHEN MAX(non_unique) = 0 THEN 'unique' ELSE 'index' END, table_name,
    CONCAT('(', GROUP_CONCAT(COALESCE(column_name, 'an expression'), COALESCE(CONCAT('(', sub_part, ')'), '')
        ORDER BY seq_in_index SEPARATOR ', '), ')'), '', index_name
FROM information_schema.statistics
WHERE table_schema = DATABASE() AND table_name IN (", tables!(), ")
GROUP BY table_name, index_name
UNION ALL
SELECT 'foreign key', k.table_name, CONCAT('(', GROUP_CONCAT(k.column_name ORDER BY k.ordinal_position SEPARATOR ', '),
        ') REFERENCES ', MAX(IF(k.referenced_table_schema = DATABASE(), '', CONCAT(k.referenced_table_schema, '.'))),
        MAX(k.referenced_table_name), ' (',
        GROUP_CONCAT(k.referenced_column_name ORDER BY k.ordinal_position SEPARATOR ', '), ')',
        IF(MAX(r.update_rule) IN ('RESTRICT', 'NO ACTION'), '', CONCAT(' ON UPDATE ', MAX(r.update_rule))),
        IF(MAX(r.delete_rule) IN ('RESTRICT', 'NO ACTION'), '', CONCAT(' ON DELETE ', MAX(r.delete_rule)))), '',
    k.constraint_name
FROM information_schema.key_column_usage AS k JOIN information_schema.referential_constraints AS r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = DATABASE() AND k.table_name IN (", tables!(), ")
GROUP BY k.table_name, k.constraint_name
UNION ALL
SELECT 'check', t.table_name, t.constraint_name, CONCAT('' /*M! , COALESCE((SELECT MAX(c.check_clause)
        FROM information_schema.check_constraints AS c WHERE c.constraint_schema = t.constraint_schema
            AND c.table_name = t.table_name AND c.constraint_name = t.constraint_name), '') */
    /*!80016 , IF(t.enforced = 'NO', 'not enforced', '') */), t.constraint_name
FROM information_schema.table_constraints AS t
WHERE t.table_schema = DATABASE() AND t.constraint_type = 'CHECK' AND t.table_name IN (", tables!(), ")
UNION ALL
SELECT 'trigger', event_object_table, trigger_name, CONCAT(action_timing, ' ', event_manipulation), trigger_name
FROM information_schema.triggers
WHERE event_object_schema = DATABASE() AND event_object_table IN (", tables!(), ")");

pub(super) fn facts(rows: Vec<Row>) -> Vec<Fact> {
    let mut facts = of_rows(&rows);
    let json: Vec<(String, String)> = facts
        .iter()
        .filter(|fact| fact.kind == Kind::Type && fact.value == "json")
        .map(|fact| (fact.table.clone(), fact.object.clone()))
        .collect();
    let is_json = |fact: &Fact| json.iter().any(|(table, column)| (table, column) == (&fact.table, &fact.object));
    // MariaDB's JSON has a collation, and a condition that is named after its column.
    facts.retain(|fact| !matches!(fact.kind, Kind::Collation | Kind::Check) || !is_json(fact));
    for fact in &mut facts {
        match fact.kind {
            Kind::Type => fact.value = plain_type(&fact.value),
            // The collations by bytes and without padding, one of each server.
            Kind::Collation => {
                fact.value =
                    fact.value.replace("utf8mb4_nopad_bin", "by bytes").replace("utf8mb4_0900_bin", "by bytes");
            }
            Kind::Default if fact.value == "NULL" => fact.value.clear(),
            Kind::Default => fact.value = plain_default(&fact.value).to_owned(),
            _ => {}
        }
    }
    facts
}

/// MariaDB quotes text. That of no characters stays quoted, as opposed to no default.
fn plain_default(value: &str) -> &str {
    value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''))
        .filter(|value| !value.is_empty())
        .unwrap_or(value)
}

/// Some servers tell how wide an integer is shown.
fn plain_type(name: &str) -> String {
    match name.split_once("int(") {
        Some((before, after)) => {
            format!("{before}int{}", after.split_once(')').map(|(_, rest)| rest).unwrap_or_default())
        }
        None => name.to_owned(),
    }
}
