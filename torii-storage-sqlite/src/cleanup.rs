//! Removing what is over, in batches short enough that writers in between wait for none of them long.

use chrono::{DateTime, Utc};
use torii_core::{
    Error,
    clock::saturating_add,
    repositories::{CleanupReport, CleanupRetention, CleanupScope},
};

use crate::{SqliteRepositoryProvider, error::failed};

/// Rows per write.
const BATCH: u32 = 500;

/// Deletes a batch of rows that are over (`$over` compares their end with the time). Found by their end whatever the planner thinks of the tenant: what is over is little,
/// what a tenant holds may be much.
macro_rules! delete_expired {
    ($table:literal, $key:literal, $over:literal, $and:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (tenant_id, ",
            $key,
            ") IN (SELECT tenant_id, ",
            $key,
            " FROM ",
            $table,
            " INDEXED BY ",
            $table,
            "_expires WHERE ",
            $over,
            $and,
            " LIMIT 500)"
        )
    };
}

/// Finds a batch of rows without an index on their age. Only a read, so it may take its time: it keeps no writer waiting.
macro_rules! choose_attempts {
    ($and:literal) => {
        concat!(
            "SELECT COUNT(*), json_group_array(id) FROM (SELECT id FROM failed_login_attempts \
             WHERE attempted_at < ?3",
            $and,
            " LIMIT 500)"
        )
    };
}

pub(crate) const DELETE_ATTEMPTS: &str =
    "DELETE FROM failed_login_attempts WHERE id IN (SELECT value FROM json_each(?3))";

/// `?3`: what began before no longer counts.
macro_rules! lockout_is_over {
    () => {
        "CASE WHEN locked_until IS NULL THEN window_started_at <= ?3 ELSE locked_until <= ?2 END"
    };
}

macro_rules! choose_lockouts {
    ($and:literal) => {
        concat!(
            "SELECT COUNT(*), json_group_array(json_array(tenant_id, email_key)) \
             FROM (SELECT tenant_id, email_key FROM lockouts WHERE ",
            lockout_is_over!(),
            $and,
            " LIMIT 500)"
        )
    };
}

/// Looks at the age again: an attempt may have been counted since the rows were chosen.
pub(crate) const DELETE_LOCKOUTS: &str = concat!(
    "DELETE FROM lockouts WHERE (tenant_id, email_key) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?4)) AND ",
    lockout_is_over!()
);

/// A statement for one tenant, and the same for all.
pub(crate) struct Scoped {
    pub(crate) this_tenant: &'static str,
    pub(crate) all_tenants: &'static str,
}

macro_rules! scoped {
    ($statement:ident $($argument:literal)*) => {
        Scoped {
            this_tenant: $statement!($($argument,)* " AND tenant_id = ?1"),
            all_tenants: $statement!($($argument,)* ""),
        }
    };
}

/// At its very end a session is not over yet, as `Session::is_expired_at` has it; a single-use thing is.
pub(crate) const SESSIONS: Scoped = scoped!(delete_expired "sessions" "token_digest" "expires_at < ?2");
pub(crate) const SECURE_TOKENS: Scoped = scoped!(delete_expired "secure_tokens" "token_digest" "expires_at <= ?2");
pub(crate) const OAUTH_STATES: Scoped = scoped!(delete_expired "oauth_states" "state_digest" "expires_at <= ?2");
pub(crate) const PASSKEY_CHALLENGES: Scoped =
    scoped!(delete_expired "passkey_challenges" "challenge_id" "expires_at <= ?2");
const ATTEMPTS: Scoped = scoped!(choose_attempts);
const LOCKOUTS: Scoped = scoped!(choose_lockouts);

/// Keeps the log of those whose account is locked by hand, for whoever locked it.
const UNLOCKED_ATTEMPTS: &str = choose_attempts!(
    " AND tenant_id = ?1 AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = failed_login_attempts.tenant_id \
     AND users.email_key = failed_login_attempts.email AND users.locked_at IS NOT NULL)"
);

impl Scoped {
    fn statement(&self, scope: CleanupScope) -> &'static str {
        match scope {
            CleanupScope::ThisTenant => self.this_tenant,
            CleanupScope::AllTenants => self.all_tenants,
        }
    }
}

impl SqliteRepositoryProvider {
    pub(crate) async fn sweep(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        let now = self.now();
        let log_begins = saturating_add(now, -retention.failed_attempts);
        let attempts_count_from = saturating_add(now, -retention.lockout_period);
        let mut report = CleanupReport::default();
        report.sessions = self.delete_batches(SESSIONS.statement(scope), now).await?;
        report.secure_tokens = self.delete_batches(SECURE_TOKENS.statement(scope), now).await?;
        report.oauth_states = self.delete_batches(OAUTH_STATES.statement(scope), now).await?;
        report.passkey_challenges = self.delete_batches(PASSKEY_CHALLENGES.statement(scope), now).await?;
        report.failed_login_attempts = self.delete_attempts(ATTEMPTS.statement(scope), log_begins, now).await?;
        report.lockouts = self.delete_lockouts(LOCKOUTS.statement(scope), attempts_count_from, now).await?;
        Ok(report)
    }

    /// The tenant's sessions that are over.
    pub(crate) async fn sweep_sessions(&self) -> Result<u64, Error> {
        self.delete_batches(SESSIONS.this_tenant, self.now()).await
    }

    /// The tenant's mail tokens that are over.
    pub(crate) async fn sweep_tokens(&self) -> Result<u64, Error> {
        self.delete_batches(SECURE_TOKENS.this_tenant, self.now()).await
    }

    /// The tenant's log before a time, except of users who are locked by hand.
    pub(crate) async fn sweep_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.delete_attempts(UNLOCKED_ATTEMPTS, before, self.now()).await
    }

    async fn delete_batches(&self, delete: &'static str, now: DateTime<Utc>) -> Result<u64, Error> {
        const OPERATION: &str = "clean up";
        let mut deleted = 0;
        loop {
            // A turn per batch: whoever waits writes in between.
            let mut db = self.writer(OPERATION).await?;
            let done = self.query(delete, now).execute(&mut *db).await.map_err(failed(OPERATION))?;
            deleted += done.rows_affected();
            if done.rows_affected() < u64::from(BATCH) {
                return Ok(deleted);
            }
        }
    }

    async fn delete_attempts(
        &self,
        choose: &'static str,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        const OPERATION: &str = "clean up failed login attempts";
        let mut deleted = 0;
        loop {
            let (count, ids): (u32, String) =
                self.query_as(choose, now).bind(before).fetch_one(self.pool()).await.map_err(failed(OPERATION))?;
            if count > 0 {
                let mut db = self.writer(OPERATION).await?;
                let done =
                    self.query(DELETE_ATTEMPTS, now).bind(ids).execute(&mut *db).await.map_err(failed(OPERATION))?;
                deleted += done.rows_affected();
            }
            if count < BATCH {
                return Ok(deleted);
            }
        }
    }

    async fn delete_lockouts(
        &self,
        choose: &'static str,
        counts_from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        const OPERATION: &str = "clean up lockouts";
        let mut deleted = 0;
        loop {
            let (count, keys): (u32, String) =
                self.query_as(choose, now).bind(counts_from).fetch_one(self.pool()).await.map_err(failed(OPERATION))?;
            if count > 0 {
                let mut db = self.writer(OPERATION).await?;
                let delete = self.query(DELETE_LOCKOUTS, now).bind(counts_from).bind(keys);
                deleted += delete.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected();
            }
            if count < BATCH {
                return Ok(deleted);
            }
        }
    }
}
