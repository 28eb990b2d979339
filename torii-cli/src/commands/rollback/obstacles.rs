//! What would be lost or broken if torii's tables were dropped.

use crate::{
    database::Connection,
    failure::Failure,
    schema::{self, Fact, Kind, tables},
    target::Engine,
};

/// Answers the tables that hold something. `$settings` is true where the settings of a tenant are empty.
macro_rules! filled {
    ($settings:literal) => {
        concat!(
            "SELECT 'users' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM users) \
             UNION ALL SELECT 'sessions' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM sessions) \
             UNION ALL SELECT 'oauth_accounts' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM oauth_accounts) \
             UNION ALL SELECT 'oauth_states' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM oauth_states) \
             UNION ALL SELECT 'passkeys' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM passkeys) \
             UNION ALL SELECT 'passkey_challenges' FROM (SELECT 1 AS one) AS once \
                 WHERE EXISTS (SELECT 1 FROM passkey_challenges) \
             UNION ALL SELECT 'secure_tokens' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM secure_tokens) \
             UNION ALL SELECT 'lockouts' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM lockouts) \
             UNION ALL SELECT 'failed_login_attempts' FROM (SELECT 1 AS one) AS once \
                 WHERE EXISTS (SELECT 1 FROM failed_login_attempts) \
             UNION ALL SELECT 'tenants' FROM (SELECT 1 AS one) AS once WHERE EXISTS (SELECT 1 FROM tenants \
                 WHERE NOT (id = 'default' AND name IS NULL AND status = 'active' AND suspended_at IS NULL AND ",
            $settings,
            "))"
        )
    };
}

/// The question which tables hold something.
pub(super) fn filled(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => filled!("settings = '{}'"),
        Engine::Postgres => filled!("settings = '{}'"),
        Engine::Mysql => filled!("JSON_LENGTH(settings) = 0"),
    }
}

/// Tables and views of the application that refer to torii's, and triggers on them.
const OF_SQLITE: &str = concat!(
    "\
    SELECT DISTINCT 'the table ' || s.name || ' refers to ' || f.\"table\" FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
    WHERE s.type = 'table' AND lower(f.\"table\") IN (",
    tables!(),
    ") \
        AND s.name NOT IN (",
    tables!(),
    ") \
    UNION ALL \
    SELECT DISTINCT 'the ' || s.type || ' ' || s.name || ' may use ' || t.name FROM sqlite_schema AS s, (SELECT name FROM sqlite_schema \
        WHERE name IN (",
    tables!(),
    ")) AS t \
    WHERE s.type IN ('view', 'trigger') AND instr(lower(s.sql), t.name) > 0"
);

/// The same. Views are found by what their rules depend on.
const OF_POSTGRES: &str = concat!(
    "\
    WITH torii AS (SELECT to_regclass(name)::oid AS oid FROM unnest(ARRAY[",
    tables!(),
    "]) AS name) \
    SELECT DISTINCT 'the table ' || conrelid::regclass || ' refers to ' || confrelid::regclass FROM pg_constraint \
    WHERE contype = 'f' AND confrelid IN (SELECT oid FROM torii) AND conrelid NOT IN (SELECT oid FROM torii WHERE oid IS NOT NULL) \
    UNION ALL \
    SELECT DISTINCT 'the view ' || ev_class::regclass || ' uses ' || refobjid::regclass FROM pg_depend \
        JOIN pg_rewrite ON pg_rewrite.oid = objid AND classid = 'pg_rewrite'::regclass \
    WHERE refclassid = 'pg_class'::regclass AND refobjid IN (SELECT oid FROM torii) AND ev_class <> refobjid \
    UNION ALL \
    SELECT 'the trigger ' || tgname || ' is on ' || tgrelid::regclass FROM pg_trigger \
    WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM torii)"
);

/// The same, but for triggers, which are among the facts. Views are found by their text, because not every server keeps what they use.
const OF_MYSQL: &str = concat!(
    "\
    SELECT DISTINCT CONCAT('the table ', table_schema, '.', table_name, ' refers to ', referenced_table_name) \
    FROM information_schema.key_column_usage \
    WHERE referenced_table_schema = DATABASE() AND referenced_table_name IN (",
    tables!(),
    ") \
        AND NOT (table_schema = DATABASE() AND table_name IN (",
    tables!(),
    ")) \
    UNION ALL \
    SELECT CONCAT('the view ', table_schema, '.', table_name, ' may use them') FROM information_schema.views \
    WHERE view_definition REGEXP CONCAT('`', DATABASE(), '`[.]`(tenants|users|sessions|oauth_accounts|oauth_states|passkeys|', \
        'passkey_challenges|secure_tokens|lockouts|failed_login_attempts)`') \
    UNION ALL \
    SELECT CONCAT('what the view ', table_schema, '.', table_name, ' uses is hidden from this account: it needs the right SHOW VIEW') \
    FROM information_schema.views WHERE COALESCE(view_definition, '') = '' \
        AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
);

/// How often the account was given the right without which the server shows it no triggers.
const SEES_TRIGGERS: &str = "\
    SELECT COUNT(*) FROM (SELECT REPLACE(grantee, '''', '') AS name FROM information_schema.user_privileges \
        WHERE privilege_type = 'TRIGGER' \
        UNION ALL SELECT REPLACE(grantee, '''', '') FROM information_schema.schema_privileges \
        WHERE privilege_type = 'TRIGGER' AND DATABASE() LIKE table_schema) AS granted \
    WHERE name = CURRENT_USER() OR name LIKE CONCAT(CURRENT_ROLE(), '@%')";

/// Why the tables cannot be dropped.
///
/// # Errors
/// [`Failure::Database`].
pub(super) async fn find(connection: &mut Connection, facts: &[Fact]) -> Result<Vec<String>, Failure> {
    let failed = || Failure::database("look for what would be lost");
    let is_there = |table: &str| facts.iter().any(|fact| fact.kind == Kind::Table && fact.table == table);
    let missing: Vec<String> = super::TABLES
        .into_iter()
        .filter(|table| !is_there(table))
        .map(|table| format!("the table {table} is missing: see `torii verify`"))
        .collect();
    if !missing.is_empty() {
        return Ok(missing);
    }
    let mut reasons = Vec::new();
    if facts.iter().any(|fact| matches!(fact.kind, Kind::Policy | Kind::Function)) {
        reasons.push(
            "row-level security is on; `disable_row_level_security` of torii_migration::postgres takes it away"
                .to_owned(),
        );
        return Ok(reasons);
    }
    let (stand_ins, triggers): (Vec<&Fact>, Vec<&Fact>) =
        facts.iter().filter(|fact| fact.kind == Kind::Trigger).partition(|fact| schema::is_stand_in(fact));
    reasons.extend(triggers.iter().map(|fact| format!("the trigger {} is on {}", fact.object, fact.table)));
    if !stand_ins.is_empty() {
        reasons.push(
            "tables are partitioned, or were; `unpartition` of torii-storage-seaorm's SeaORMRepositoryProvider takes away \
             partitions and their triggers"
                .to_owned(),
        );
    }
    if connection.engine() == Engine::Mysql && connection.count(SEES_TRIGGERS).await.map_err(failed())? == 0 {
        reasons.push("triggers are hidden from this account: it has to be given the right TRIGGER itself".to_owned());
    }
    let rows = connection.rows(filled(connection.engine())).await.map_err(failed())?;
    reasons.extend(rows.into_iter().flatten().flatten().map(|table| match table.as_str() {
        "tenants" => "the table tenants holds more than the default tenant as it was made".to_owned(),
        table => format!("the table {table} is not empty"),
    }));
    let dependent = match connection.engine() {
        Engine::Sqlite => OF_SQLITE,
        Engine::Postgres => OF_POSTGRES,
        Engine::Mysql => OF_MYSQL,
    };
    let rows = connection.rows(dependent).await.map_err(failed())?;
    reasons.extend(rows.into_iter().flatten().flatten());
    Ok(reasons)
}
