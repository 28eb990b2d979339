//! Facts on SQLite.

use super::{
    check::conditions,
    fact::{Fact, Kind, of_rows},
    tables,
};
use crate::database::Row;

/// The last part answers the text of each table, in which the conditions are.
pub(super) const FACTS: &str = concat!("\
WITH torii AS MATERIALIZED (
    SELECT name, type, wr, strict FROM pragma_table_list
    WHERE schema = 'main' AND name IN (", tables!(), ")
), keys AS MATERIALIZED (
    SELECT torii.name AS tab, i.name, i.\"unique\" AS is_unique, i.origin, i.partial,
        (SELECT group_concat(part, ', ') FROM (
            SELECT coalesce(x.name, 'an expression') || CASE x.\"desc\" WHEN 1 THEN ' desc' ELSE '' END
                || CASE WHEN x.coll IN ('BINARY') THEN '' ELSE ' collate ' || x.coll END AS part
            FROM pragma_index_xinfo(i.name) AS x WHERE x.key = 1 ORDER BY x.seqno)) AS columns
    FROM torii, pragma_index_list(torii.name) AS i
)
SELECT 'table', name, '',
    type || CASE strict WHEN 1 THEN ', strict' ELSE '' END || CASE wr WHEN 1 THEN ', without rowid' ELSE '' END, name
FROM torii
UNION ALL
SELECT 'type', torii.name, c.name, c.type, '' FROM torii, pragma_table_xinfo(torii.name) AS c
UNION ALL
SELECT 'null', torii.name, c.name, CASE WHEN c.\"notnull\" = 1 THEN 'not null' ELSE 'nullable' END, ''
FROM torii, pragma_table_xinfo(torii.name) AS c
UNION ALL
SELECT 'default', torii.name, c.name, coalesce(c.dflt_value, '') || CASE WHEN c.hidden > 1 THEN 'generated' ELSE '' END, ''
FROM torii, pragma_table_xinfo(torii.name) AS c
UNION ALL
SELECT 'primary key', torii.name,
    (SELECT '(' || group_concat(name, ', ') || ')' FROM (SELECT c.name FROM pragma_table_xinfo(torii.name) AS c WHERE c.pk > 0 ORDER BY c.pk)),
    '', ''
FROM torii WHERE EXISTS (SELECT 1 FROM pragma_table_xinfo(torii.name) AS c WHERE c.pk > 0)
UNION ALL
SELECT CASE is_unique WHEN 1 THEN 'unique' ELSE 'index' END, tab,
    '(' || columns || ')' || CASE partial WHEN 1 THEN ' where some condition holds' ELSE '' END, '', name
FROM keys WHERE origin <> 'pk'
UNION ALL
SELECT 'foreign key', tab,
    '(' || \"from\" || ') REFERENCES ' || parent || ' (' || \"to\" || ')'
        || CASE on_update WHEN 'NO ACTION' THEN '' ELSE ' ON UPDATE ' || on_update END
        || CASE on_delete WHEN 'NO ACTION' THEN '' ELSE ' ON DELETE ' || on_delete END, '', ''
FROM (
    SELECT tab, id, parent, on_update, on_delete, group_concat(\"from\", ', ') AS \"from\",
        group_concat(coalesce(\"to\", 'its key'), ', ') AS \"to\"
    FROM (
        SELECT torii.name AS tab, f.id, f.\"table\" AS parent, f.on_update, f.on_delete, f.\"from\", f.\"to\"
        FROM torii, pragma_foreign_key_list(torii.name) AS f ORDER BY torii.name, f.id, f.seq
    ) GROUP BY tab, id, parent, on_update, on_delete
)
UNION ALL
SELECT 'check', name, 'sql', sql, '' FROM sqlite_schema WHERE type = 'table' AND name IN (SELECT name FROM torii)");

pub(super) fn facts(rows: Vec<Row>) -> Vec<Fact> {
    let (texts, mut facts): (Vec<Fact>, Vec<Fact>) =
        of_rows(&rows).into_iter().partition(|fact| fact.kind == Kind::Check);
    for text in texts {
        facts.extend(conditions(&text.value).into_iter().map(|condition| Fact {
            kind: Kind::Check,
            table: text.table.clone(),
            object: condition,
            value: String::new(),
            name: String::new(),
        }));
    }
    facts
}
