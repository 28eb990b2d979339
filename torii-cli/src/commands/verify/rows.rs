//! Rows whose tenant or user does not exist, and rows that cross tenants. Every question is one statement over a whole table, and
//! counts: what is kept in memory does not grow with the table.

use crate::{
    database::Connection,
    failure::Failure,
    problem::Problem,
    schema::{Fact, Kind, tables},
    target::Engine,
};

/// A rule that no row may break.
struct Rule {
    code: &'static str,
    table: &'static str,
    /// What the rows are, behind that word.
    what: &'static str,
    /// Columns that the question needs.
    columns: &'static [&'static str],
    count: &'static str,
    examples: &'static str,
    remedy: &'static str,
    sql: &'static str,
}

const EXAMPLES: usize = 5;

/// Rows of `$table` whose tenant does not exist.
macro_rules! without_tenant {
    ($table:literal, $remedy:expr, $sql:expr) => {
        Rule {
            code: "row_without_tenant",
            table: $table,
            what: concat!("of ", $table, " belong to a tenant that does not exist"),
            columns: &["tenant_id"],
            count: concat!(
                "SELECT COUNT(*) FROM ", $table, " AS t WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenants.id = t.tenant_id)"
            ),
            examples: concat!(
                "SELECT DISTINCT t.tenant_id FROM ", $table,
                " AS t WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenants.id = t.tenant_id) LIMIT 5"
            ),
            remedy: $remedy,
            sql: $sql,
        }
    };
    ($table:literal) => {
        without_tenant!(
            $table,
            "Nobody can reach them: purging a tenant would have removed them. Delete them, or register the tenant again.",
            concat!("DELETE FROM ", $table, " WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenants.id = ", $table, ".tenant_id);")
        )
    };
}

/// Rows of `$table` whose user does not exist.
macro_rules! without_user {
    ($table:literal) => {
        Rule {
            code: "row_without_user",
            table: $table,
            what: concat!("of ", $table, " belong to a user who does not exist"),
            columns: &["tenant_id", "user_id"],
            count: concat!(
                "SELECT COUNT(*) FROM ",
                $table,
                " AS t WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = t.user_id)"
            ),
            examples: concat!(
                "SELECT DISTINCT t.tenant_id, t.user_id FROM ",
                $table,
                " AS t WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = t.user_id) LIMIT 5"
            ),
            remedy: "Nobody can use them: deleting the user would have removed them. Delete them.",
            sql: concat!(
                "DELETE FROM ",
                $table,
                " WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = ",
                $table,
                ".user_id);"
            ),
        }
    };
}

/// Rows of `$table` whose user is one of another tenant.
macro_rules! crossing {
    ($table:literal) => {
        Rule {
            code: "row_crosses_tenants",
            table: $table,
            what: concat!("of ", $table, " are in another tenant than their user"),
            columns: &["tenant_id", "user_id"],
            count: concat!(
                "SELECT COUNT(*) FROM ", $table, " AS t JOIN users ON users.id = t.user_id WHERE users.tenant_id <> t.tenant_id"
            ),
            examples: concat!(
                "SELECT DISTINCT t.tenant_id, t.user_id, users.tenant_id FROM ", $table,
                " AS t JOIN users ON users.id = t.user_id WHERE users.tenant_id <> t.tenant_id LIMIT 5"
            ),
            remedy: "torii shows them to neither tenant. They were written by hand, or a user was moved without what belongs to it. \
                Delete them: the digests of tokens hold for one tenant only, so that changing tenant_id does not bring them back.",
            sql: concat!(
                "DELETE FROM ", $table, " WHERE EXISTS (SELECT 1 FROM users WHERE users.id = ", $table,
                ".user_id AND users.tenant_id <> ", $table, ".tenant_id);"
            ),
        }
    };
}

const RULES: [Rule; 17] = [
    without_tenant!(
        "users",
        "Register the tenant again, with this for each that is named; or delete its users, if it was purged.",
        "INSERT INTO tenants (id, created_at, updated_at)\n    SELECT tenant_id, MIN(created_at), MIN(created_at) FROM users WHERE tenant_id = '..' GROUP BY tenant_id;"
    ),
    without_tenant!("sessions"),
    without_tenant!("oauth_accounts"),
    without_tenant!("oauth_states"),
    without_tenant!("passkeys"),
    without_tenant!("passkey_challenges"),
    without_tenant!("secure_tokens"),
    without_tenant!("lockouts"),
    without_tenant!("failed_login_attempts"),
    without_user!("sessions"),
    without_user!("oauth_accounts"),
    without_user!("passkeys"),
    without_user!("secure_tokens"),
    crossing!("sessions"),
    crossing!("oauth_accounts"),
    crossing!("passkeys"),
    crossing!("secure_tokens"),
];

/// Examines the rows of all tables that have the columns it takes; tables that have not are somebody else's finding.
///
/// # Errors
/// [`Failure::Database`].
pub(super) async fn check(connection: &mut Connection, facts: &[Fact]) -> Result<Vec<Problem>, Failure> {
    let has = |table: &str, column: &str| {
        facts.iter().any(|fact| fact.kind == Kind::Type && fact.table == table && fact.object == column)
    };
    let mut problems = Vec::new();
    if has("tenants", "id") && has("users", "id") && has("users", "tenant_id") {
        for rule in RULES.iter().filter(|rule| rule.columns.iter().all(|column| has(rule.table, column))) {
            problems.extend(broken(connection, rule).await?);
        }
    }
    if has("tenants", "id") {
        const DEFAULT: &str = "SELECT COUNT(*) FROM tenants WHERE id = 'default'";
        if connection.count(DEFAULT).await.map_err(Failure::database("look for the default tenant"))? == 0 {
            problems.push(
                Problem::new(
                    "no_default_tenant",
                    "The tenant `default` does not exist, in which calls without a tenant run.",
                )
                .of("tenants")
                .remedy(
                    "The first write into it registers it, unless the application asks for registered tenants only.",
                ),
            );
        }
    }
    if connection.engine() == Engine::Sqlite {
        problems.extend(of_application(connection).await?);
    }
    Ok(problems)
}

async fn broken(connection: &mut Connection, rule: &Rule) -> Result<Option<Problem>, Failure> {
    let failed = || Failure::database("examine the rows");
    let count = connection.count(rule.count).await.map_err(failed())?;
    if count == 0 {
        return Ok(None);
    }
    let rows = connection.rows(rule.examples).await.map_err(failed())?;
    let examples = rows.iter().map(|row| {
        let value = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        match row.len() {
            1 => format!("tenant {}", value(0)),
            2 => format!("tenant {}, user {}", value(0), value(1)),
            _ => format!("tenant {}, user {} of tenant {}", value(0), value(1), value(2)),
        }
    });
    Ok(Some(
        Problem::new(rule.code, format!("Rows {}: {count}.", rule.what))
            .of(rule.table)
            .remedy(rule.remedy)
            .sql(rule.sql)
            .rows(count, examples.take(EXAMPLES).collect()),
    ))
}

/// SQLite checks foreign keys only on connections that ask for it: tables of the application may hold broken ones.
async fn of_application(connection: &mut Connection) -> Result<Vec<Problem>, Failure> {
    const CHECK: &str = concat!(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check \
        WHERE \"table\" NOT IN (",
        tables!(),
        ") \
        GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100"
    );
    let rows = match connection.rows(CHECK).await {
        Ok(rows) => rows,
        // A foreign key to columns that are not unique: the check itself cannot be made.
        Err(sqlx::Error::Database(error)) if error.message().contains("foreign key mismatch") => {
            return Ok(vec![
                Problem::new("foreign_key_mismatch", format!("A foreign key cannot be checked: {}.", error.message()))
                    .remedy("Its columns have to be a primary or unique key of the table that it refers to, such as users (tenant_id, id)."),
            ]);
        }
        Err(error) => return Err(Failure::database("check foreign keys")(error)),
    };
    let problems = rows.iter().map(|row| {
        let value = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let (table, parent, count) = (value(0), value(1), value(2));
        Problem::new(
            "broken_foreign_key",
            format!("{count} rows of {table} refer to rows of {parent} that do not exist."),
        )
        .of(table)
        .remedy("Delete them, or make what they refer to. `PRAGMA foreign_key_check` names each.")
        .rows(count.parse().unwrap_or_default(), Vec::new())
    });
    Ok(problems.collect())
}
