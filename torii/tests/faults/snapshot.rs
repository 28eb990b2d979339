//! Everything that a call could have changed.

use std::collections::BTreeSet;

use sqlx::{Row, SqlitePool};

/// Everything that a call could have changed.
macro_rules! tables {
    ($($table:literal)*) => {
        [$(
            Table {
                name: $table,
                select: concat!("SELECT * FROM ", $table),
                triggers: [
                    concat!("CREATE TRIGGER fault BEFORE INSERT ON ", $table, " BEGIN SELECT RAISE(ABORT, 'fault'); END"),
                    concat!("CREATE TRIGGER fault BEFORE UPDATE ON ", $table, " BEGIN SELECT RAISE(ABORT, 'fault'); END"),
                    concat!("CREATE TRIGGER fault BEFORE DELETE ON ", $table, " BEGIN SELECT RAISE(ABORT, 'fault'); END"),
                ],
            },
        )*]
    };
}

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) select: &'static str,
    /// One for each kind of statement, which fails it.
    pub(super) triggers: [&'static str; 3],
}

pub(super) const KINDS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

pub(super) const TABLES: [Table; 10] = tables! {
    "tenants" "users" "sessions" "oauth_accounts" "oauth_states" "passkeys" "passkey_challenges" "secure_tokens" "lockouts"
    "failed_login_attempts"
};

/// Every row of every table but those of `but`.
pub(super) async fn snapshot(pool: &SqlitePool, but: &[&str]) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for table in TABLES.iter().filter(|table| !but.contains(&table.name)) {
        for row in sqlx::query(table.select).fetch_all(pool).await.unwrap() {
            let column = |index| row.get_unchecked::<Option<Vec<u8>>, _>(index);
            let text = |bytes: Vec<u8>| bytes.escape_ascii().to_string();
            let columns: Vec<_> = (0..row.len()).map(|index| column(index).map(text)).collect();
            rows.insert(format!("{} {columns:?}", table.name));
        }
    }
    rows
}

/// Shows what changed, not all there is.
pub(super) fn assert_unchanged(before: &BTreeSet<String>, after: &BTreeSet<String>, why: &str) {
    let changes: Vec<_> = before.symmetric_difference(after).collect();
    assert!(changes.is_empty(), "{why}: {changes:#?}");
}
