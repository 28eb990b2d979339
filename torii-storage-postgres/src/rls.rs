//! Row-level security: binding a transaction to its tenant, and making sure that the database keeps to it.
//!
//! A tenant is bound by `SET LOCAL` in the same message that begins the transaction, and by nothing else: it ends with the
//! transaction, whoever gets the connection next, and through a pooler that hands connections out by transaction. A setting of
//! the session would outlive a caller who goes away, and one made by a part of a statement takes effect in no certain order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{PgConnection, PgPool, SqlSafeStr, SqlStr};
use thiserror::Error;
use torii_core::{
    TenantId,
    error::{Error, StorageError, StorageErrorKind},
};
use torii_migration::{MigrationError, postgres::RowLevelSecurity};

use crate::error::{failed, storage_error};

#[cfg(test)]
mod tests;

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The server refuses writes, so that nothing is lost when the transaction is dropped instead of ended.
    Read,
    Write,
}

/// Whose rows a transaction can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    OneTenant,
    /// The list of tenants, and what is swept: sessions and whatever else is over some day.
    AllTenants,
}

/// Whether transactions are bound, and what is known of the database. All scopes of a provider share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSecurity {
    on: bool,
    /// The database was asked, and fits.
    kept: Arc<AtomicBool>,
    /// Policies hid rows from the role when it connected.
    was_hidden: bool,
}

impl RowSecurity {
    /// Off; what connecting to the database found out is remembered.
    pub(crate) fn off(was_hidden: bool) -> Self {
        Self { was_hidden, ..Self::default() }
    }

    pub(crate) fn switched(self, on: bool) -> Self {
        Self { on, kept: Arc::default(), ..self }
    }

    /// Has the database asked again before the next call, because its policies were changed.
    pub(crate) fn forget(&self) {
        self.kept.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// What a transaction begins with.
    pub(crate) fn begin(&self, tenant: &TenantId, reach: Reach, access: Access) -> SqlStr {
        match (self.on, reach, access) {
            (false, _, _) => "BEGIN".into_sql_str(),
            (true, Reach::OneTenant, Access::Read) => bind("BEGIN READ ONLY", tenant),
            (true, Reach::OneTenant, Access::Write) => bind("BEGIN", tenant),
            (true, Reach::AllTenants, Access::Read) => {
                "BEGIN READ ONLY; SET LOCAL torii.tenant_id = ''; SET LOCAL torii.all_tenants = 'on'".into_sql_str()
            }
            (true, Reach::AllTenants, Access::Write) => {
                "BEGIN; SET LOCAL torii.tenant_id = ''; SET LOCAL torii.all_tenants = 'on'".into_sql_str()
            }
        }
    }

    /// Refuses to go on with a database that does not fit. Asks it once.
    pub(crate) async fn require(&self, pool: &PgPool) -> Result<(), Error> {
        if (!self.on && !self.was_hidden) || self.kept.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check(pool).await
    }

    /// Asks the database whether it fits.
    pub(crate) async fn check(&self, pool: &PgPool) -> Result<(), Error> {
        match (self.on, look(pool).await) {
            (true, found) => {
                let found = found?;
                require_role(&found)?;
                require_tables(&found)?;
                self.kept.store(true, Ordering::Relaxed);
                Ok(())
            }
            (false, Ok(RowLevelSecurity { applies: true, role, .. })) => {
                Err(refused(RowLevelSecurityError::NotSwitchedOn { role }))
            }
            (false, Ok(_)) => {
                self.kept.store(true, Ordering::Relaxed);
                Ok(())
            }
            // A server that cannot tell has no policies, and one that cannot be reached will say so to the first call.
            (false, Err(_)) => Ok(()),
        }
    }

    /// Asks whether the role fits, whatever the state of the tables.
    pub(crate) async fn check_role(&self, pool: &PgPool) -> Result<(), Error> {
        if self.on { require_role(&look(pool).await?) } else { Ok(()) }
    }

    /// Asks whether the tables fit, whatever the role.
    pub(crate) async fn check_tables(&self, pool: &PgPool) -> Result<(), Error> {
        if self.on { require_tables(&look(pool).await?) } else { self.check(pool).await }
    }
}

/// Whether policies hide rows from the role. A server that cannot tell has none.
pub(crate) async fn hides_rows(connection: &mut PgConnection) -> bool {
    torii_migration::postgres::row_level_security(connection).await.is_ok_and(|found| found.applies)
}

/// A setting cannot be bound as values are. The one thing in this text that is no literal is a [`TenantId`], which consists of
/// letters, digits, `_` and `-`. What the session may have been set to is overruled in both settings.
fn bind(begin: &'static str, tenant: &TenantId) -> SqlStr {
    sqlx::AssertSqlSafe(format!(
        "{begin}; SET LOCAL torii.tenant_id = '{}'; SET LOCAL torii.all_tenants = ''",
        tenant.as_str()
    ))
    .into_sql_str()
}

const OPERATION: &str = "check row-level security";

async fn look(pool: &PgPool) -> Result<RowLevelSecurity, Error> {
    let mut connection = pool.acquire().await.map_err(failed(OPERATION))?;
    torii_migration::postgres::row_level_security(&mut connection).await.map_err(|error| match error {
        MigrationError::Database { source, .. } => storage_error(OPERATION, source).into(),
        other => {
            StorageError::Failed { operation: OPERATION, kind: StorageErrorKind::Other, source: other.into() }.into()
        }
    })
}

fn require_role(found: &RowLevelSecurity) -> Result<(), Error> {
    let role = found.role.clone();
    if found.superuser {
        return Err(refused(RowLevelSecurityError::Bypassed { role, attribute: "SUPERUSER" }));
    }
    if found.bypasses {
        return Err(refused(RowLevelSecurityError::Bypassed { role, attribute: "BYPASSRLS" }));
    }
    if let Some(function) = found.forbidden_functions.first() {
        return Err(refused(RowLevelSecurityError::NoExecute { role, function: function.clone() }));
    }
    Ok(())
}

fn require_tables(found: &RowLevelSecurity) -> Result<(), Error> {
    if found.is_enabled() {
        return Ok(());
    }
    let missing = found.unprotected.iter().chain(&found.missing_functions).cloned().collect();
    Err(refused(RowLevelSecurityError::NotEnabled { missing }))
}

fn refused(error: RowLevelSecurityError) -> Error {
    let kind = match error {
        RowLevelSecurityError::NotEnabled { .. } => StorageErrorKind::SchemaMissing,
        _ => StorageErrorKind::Other,
    };
    StorageError::Failed { operation: OPERATION, kind, source: Box::new(error) }.into()
}

/// A database or a role that does not fit what was said of row-level security. The source of the [`StorageError::Failed`] that
/// is returned before anything is read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowLevelSecurityError {
    /// No policy concerns the role.
    #[error(
        "policies do not concern the role {role}, which is {attribute}: connect as one that is NOSUPERUSER NOBYPASSRLS"
    )]
    Bypassed {
        /// The role.
        role: String,
        /// The attribute that makes it so: `SUPERUSER` or `BYPASSRLS`.
        attribute: &'static str,
    },
    /// Policies or functions are missing, or the policies are not enabled and forced.
    #[error(
        "row-level security is not enabled and forced by this version of torii (missing: {}): the owner of the tables has to \
         migrate with row_level_security(true)",
        .missing.join(", ")
    )]
    NotEnabled {
        /// The tables and functions concerned.
        missing: Vec<String>,
    },
    /// The role may not run a function of torii.
    #[error("the role {role} may not run {function}: GRANT EXECUTE ON FUNCTION {function} TO {role}")]
    NoExecute {
        /// The role.
        role: String,
        /// The function and its arguments.
        function: String,
    },
    /// Policies hide rows from the role, and transactions are bound to no tenant: every read would find nothing.
    #[error(
        "row-level security hides torii's rows from the role {role}: switch it on with row_level_security(true), or have the \
         owner of the tables disable it"
    )]
    NotSwitchedOn {
        /// The role.
        role: String,
    },
}
