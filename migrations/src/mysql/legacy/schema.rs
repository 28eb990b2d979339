//! The statements that make today's tables beside and out of the old ones.

use super::{
    foreign_keys::ForeignKey,
    rows::{NEW, NEW_USERS},
    work::quoted,
};

const INITIAL: &str = include_str!("../../../sql/mysql/0001_initial.sql");

/// What text is compared by; each server reads the comment that is written for it.
pub(super) const EXACT: &str =
    "CHARACTER SET utf8mb4 COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */";

/// The tables whose rows belong to users.
pub(super) const OF_USERS: [&str; 4] = ["sessions", "oauth_accounts", "passkeys", "secure_tokens"];

/// The statements of the first step but for `users`, under other names: table and statement. Keys to users are left out, and added
/// when `users` is as it should be. `user_id` gets the type of text that the users' ids have.
pub(super) fn successors(id_type: &str) -> Vec<(&'static str, String)> {
    let mut statements = Vec::new();
    // In no comment and no literal of the file does a line end with a semicolon.
    for statement in INITIAL.split_inclusive(";\n") {
        let is_sql = |line: &&str| !line.trim_start().starts_with("--");
        let mut sql = statement.lines().filter(is_sql).collect::<Vec<_>>().join("\n");
        let Some((_, rest)) = statement.split_once("CREATE TABLE IF NOT EXISTS ") else { continue };
        let Some((table, _)) = rest.split_once(' ').filter(|(table, _)| *table != "users") else { continue };
        sql = sql.replace(&format!("EXISTS {table} ("), &format!("EXISTS {NEW}{table} ("));
        sql = sql.replace("REFERENCES tenants (", &format!("REFERENCES {NEW}tenants ("));
        if let Some((before, key)) = sql.split_once(&format!("    CONSTRAINT {table}_user_fkey"))
            && let Some((_, after)) = key.split_once("CASCADE,\n")
        {
            sql = format!("{before}{after}");
        }
        let typed = |line: &str| {
            let is_user = line.trim_start().starts_with("user_id ");
            if is_user { line.replace("VARCHAR(255)", &format!("VARCHAR(255) {id_type}")) } else { line.to_owned() }
        };
        sql = sql.trim().trim_end_matches(';').lines().map(typed).collect::<Vec<_>>().join("\n");
        statements.push((table, sql));
    }
    statements
}

/// The key of a table's rows to users.
pub(super) fn user_key(table: &str) -> String {
    format!(
        "ALTER TABLE {NEW}{table} ADD CONSTRAINT {table}_user_fkey \
         FOREIGN KEY (tenant_id, user_id) REFERENCES {NEW_USERS} (tenant_id, id) ON DELETE CASCADE"
    )
}

/// Finds rows of a table without a user.
pub(super) fn orphans(table: &str) -> String {
    format!(
        "SELECT 1 FROM {NEW}{table} AS made LEFT JOIN {NEW_USERS} AS owner \
         ON owner.tenant_id = made.tenant_id AND owner.id = made.user_id WHERE owner.id IS NULL LIMIT 1"
    )
}

/// What decides how `users` is altered.
pub(super) struct Users {
    /// The type of text that ids keep, because foreign keys of the application refer to them.
    pub(super) kept_id: Option<String>,
    pub(super) has_locked_at: bool,
    /// Whether the older version's index of addresses is there.
    pub(super) has_old_index: bool,
    /// Columns that an index of the application holds whole: they cannot become texts without a limit.
    pub(super) indexed: Vec<String>,
}

impl Users {
    /// The column by whose presence the table is known to be prepared.
    pub(super) fn prepare() -> String {
        format!("ALTER TABLE {NEW_USERS} ADD COLUMN email_key VARCHAR(255) {EXACT}")
    }

    /// Makes `users` what it is today, in one statement, which happens as a whole or not at all. Columns of the application come
    /// to stand behind torii's.
    pub(super) fn alter(&self) -> String {
        let text = |name: &str| {
            let is_indexed = self.indexed.iter().any(|indexed| indexed.eq_ignore_ascii_case(name));
            let kind = if is_indexed { "VARCHAR(255)" } else { "TEXT" };
            format!("MODIFY {name} {kind} {EXACT}")
        };
        let id = self.kept_id.as_deref().unwrap_or(EXACT);
        let mut parts = vec![
            // A column that foreign keys refer to stays as it is.
            match self.kept_id {
                Some(_) => String::new(),
                None => format!("MODIFY id VARCHAR(255) {id} NOT NULL FIRST"),
            },
            "ADD COLUMN tenant_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default' AFTER id"
                .to_owned(),
            format!("MODIFY email VARCHAR(255) {EXACT} NOT NULL AFTER tenant_id"),
            format!("MODIFY email_key VARCHAR(255) {EXACT} NOT NULL AFTER email"),
            format!("{} AFTER email_key", text("name")),
            "MODIFY email_verified_at DATETIME(6) NULL AFTER name".to_owned(),
            format!(
                "{} locked_at DATETIME(6) NULL AFTER email_verified_at",
                if self.has_locked_at { "MODIFY" } else { "ADD COLUMN" }
            ),
            format!("{} AFTER locked_at", text("password_hash")),
            "ADD COLUMN metadata JSON NOT NULL DEFAULT (JSON_OBJECT()) AFTER password_hash".to_owned(),
            "MODIFY created_at DATETIME(6) NOT NULL AFTER metadata".to_owned(),
            "MODIFY updated_at DATETIME(6) NOT NULL AFTER created_at".to_owned(),
            if self.has_old_index { "DROP INDEX idx_users_email".to_owned() } else { String::new() },
            "ADD CONSTRAINT users_tenant_user UNIQUE (tenant_id, id)".to_owned(),
            "ADD CONSTRAINT users_tenant_email UNIQUE (tenant_id, email_key)".to_owned(),
            format!(
                "ADD CONSTRAINT users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES {NEW}tenants (id) ON DELETE CASCADE"
            ),
            "ADD CONSTRAINT users_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')"
                .to_owned(),
            "ENGINE = InnoDB".to_owned(),
            "ROW_FORMAT = DYNAMIC".to_owned(),
            format!("DEFAULT {EXACT}"),
        ];
        parts.retain(|part| !part.is_empty());
        format!("ALTER TABLE {NEW_USERS}\n    {}", parts.join(",\n    "))
    }
}

/// How foreign keys are added again: key by key, with what they do.
pub(super) fn add_keys(keys: &[(&ForeignKey, String)]) -> String {
    let list = |names: Vec<&String>| names.into_iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let adds: Vec<String> = keys
        .iter()
        .map(|(key, rules)| {
            let (from, to): (Vec<_>, Vec<_>) = key.columns.iter().map(|(from, to)| (from, to)).unzip();
            format!(
                "ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {rules}",
                quoted(&key.name),
                list(from),
                quoted(&key.parent),
                list(to)
            )
        })
        .collect();
    adds.join(", ")
}

/// Goes on counting the wrong passwords of the last minutes. Both values are when those begin.
pub(super) fn lockouts() -> String {
    use crate::legacy::{LOCKOUT_ATTEMPTS, LOCKOUT_MINUTES};
    format!(
        "INSERT INTO {NEW}lockouts (email_key, failures, window_started_at, locked_until) \
         SELECT tried.email, COUNT(*), MIN(tried.attempted_at), \
             CASE WHEN COUNT(*) >= {LOCKOUT_ATTEMPTS} OR MAX(owner.locked_at) > ? \
             THEN GREATEST(MAX(tried.attempted_at), COALESCE(MAX(owner.locked_at), MAX(tried.attempted_at))) \
                 + INTERVAL {LOCKOUT_MINUTES} MINUTE END \
         FROM {NEW}failed_login_attempts AS tried \
         LEFT JOIN {NEW_USERS} AS owner ON owner.tenant_id = tried.tenant_id AND owner.email_key = tried.email \
         WHERE tried.attempted_at > ? GROUP BY tried.email"
    )
}
