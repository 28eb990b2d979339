//! Taking back what was made beside the older version.

use super::{
    rows::NEW,
    work::{Work, quoted},
};
use crate::{
    Result,
    legacy::{Legacy, NEEDED},
};

/// Leaves the schema as the older version made it.
pub(super) async fn undo(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "undo what was prepared";
    let mut statements = Vec::new();
    for present in &legacy.tables {
        statements.push(format!("DROP TRIGGER IF EXISTS _torii_note_change ON {}", quoted(present.table.source)));
    }
    if legacy.find("users").is_some() {
        statements.push("DROP TRIGGER IF EXISTS _torii_hold_key ON users".to_owned());
        statements.push("ALTER TABLE users DROP CONSTRAINT IF EXISTS users_tenant_id_fkey".to_owned());
    }
    let new: Vec<_> = NEEDED.iter().filter(|name| **name != "users").map(|name| format!("{NEW}{name}")).collect();
    statements.push(format!("DROP TABLE IF EXISTS _torii_changes, _torii_upgrade, {}", new.join(", ")));
    statements.push("DROP FUNCTION IF EXISTS _torii_note_change(), _torii_hold_key()".to_owned());
    if legacy.find("users").is_some() {
        // Their indexes and constraints go with them.
        let mut columns = vec!["tenant_id", "email_key", "metadata"];
        if !legacy.version.stores_digests() {
            columns.push("locked_at");
        }
        let drops: Vec<_> = columns.iter().map(|column| format!("DROP COLUMN IF EXISTS {column}")).collect();
        statements.push(format!("ALTER TABLE users {}", drops.join(", ")));
    }
    work.short(STEP, &statements).await
}
