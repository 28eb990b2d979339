//! Removing what is over, in batches short enough that writers in between wait for none of them long.

use chrono::{DateTime, Utc};
use torii_core::{
    Error,
    clock::saturating_add,
    repositories::{CleanupReport, CleanupRetention, CleanupScope},
};

use crate::{
    PostgresRepositoryProvider,
    access::{Call, nothing},
    rls::Reach,
};

/// Rows per write.
const BATCH: u64 = 500;

/// Deletes a batch of rows that are over (`$over` compares their end with the time). Rows that somebody else holds, such as
/// another instance that cleans up, are left to them.
macro_rules! delete_expired {
    ($table:literal, $over:literal, $and:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY (ARRAY(SELECT ctid FROM ",
            $table,
            " WHERE ",
            $over,
            $and,
            " ORDER BY expires_at LIMIT 500 FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// Finds a batch of log entries without an index on their age, from `$4` on. Only a read, so it may take its time: it keeps
/// nobody waiting.
macro_rules! choose_attempts {
    ($and:literal) => {
        concat!(
            "SELECT failed_login_attempts.id FROM failed_login_attempts \
             WHERE failed_login_attempts.id > $4 AND failed_login_attempts.attempted_at < $3",
            $and,
            " ORDER BY failed_login_attempts.id LIMIT 500"
        )
    };
}

const DELETE_ATTEMPTS: &str = "DELETE FROM failed_login_attempts WHERE id = ANY ($3)";

/// `$3`: what began before no longer counts.
macro_rules! lockout_is_over {
    () => {
        "CASE WHEN lockouts.locked_until IS NULL THEN lockouts.window_started_at <= $3 ELSE lockouts.locked_until <= $2 END"
    };
}

/// Finds a batch of counters that are over, from `$4` and `$5` on.
macro_rules! choose_lockouts {
    ($and:literal) => {
        concat!(
            "SELECT lockouts.tenant_id, lockouts.email_key FROM lockouts \
             WHERE (lockouts.tenant_id, lockouts.email_key) > ($4, $5) AND ",
            lockout_is_over!(),
            $and,
            " ORDER BY lockouts.tenant_id, lockouts.email_key LIMIT 500"
        )
    };
}

/// Looks at the age again: an attempt may have been counted since the rows were chosen.
const DELETE_LOCKOUTS: &str = concat!(
    "DELETE FROM lockouts USING unnest($4::text[], $5::text[]) AS chosen (tenant_id, email_key) \
     WHERE lockouts.tenant_id = chosen.tenant_id AND lockouts.email_key = chosen.email_key AND ",
    lockout_is_over!()
);

/// A statement for one tenant, and the same for all.
struct Scoped {
    this_tenant: &'static str,
    all_tenants: &'static str,
}

macro_rules! scoped {
    ($statement:ident $($argument:literal)*) => {
        Scoped {
            this_tenant: $statement!($($argument,)* " AND tenant_id = $1"),
            all_tenants: $statement!($($argument,)* ""),
        }
    };
}

/// At its very end a session is not over yet, as `Session::is_expired_at` has it; a single-use thing is.
const SESSIONS: Scoped = scoped!(delete_expired "sessions" "expires_at < $2");
const SECURE_TOKENS: Scoped = scoped!(delete_expired "secure_tokens" "expires_at <= $2");
const OAUTH_STATES: Scoped = scoped!(delete_expired "oauth_states" "expires_at <= $2");
const PASSKEY_CHALLENGES: Scoped = scoped!(delete_expired "passkey_challenges" "expires_at <= $2");
const ATTEMPTS: Scoped = scoped!(choose_attempts);
const LOCKOUTS: Scoped = scoped!(choose_lockouts);

/// Keeps the log of those whose account is locked by hand, for whoever locked it.
const UNLOCKED_ATTEMPTS: &str = choose_attempts!(
    " AND tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = failed_login_attempts.tenant_id \
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

impl PostgresRepositoryProvider {
    pub(crate) async fn sweep(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        let now = self.call("clean up").now();
        let log_begins = saturating_add(now, -retention.failed_attempts);
        let attempts_count_from = saturating_add(now, -retention.lockout_period);
        let mut report = CleanupReport::default();
        report.sessions = self.delete_batches(SESSIONS, scope).await?;
        report.secure_tokens = self.delete_batches(SECURE_TOKENS, scope).await?;
        report.oauth_states = self.delete_batches(OAUTH_STATES, scope).await?;
        report.passkey_challenges = self.delete_batches(PASSKEY_CHALLENGES, scope).await?;
        report.failed_login_attempts = self.delete_attempts(ATTEMPTS.statement(scope), scope, log_begins).await?;
        report.lockouts = self.delete_lockouts(LOCKOUTS, scope, attempts_count_from).await?;
        Ok(report)
    }

    /// The tenant's sessions that are over.
    pub(crate) async fn sweep_sessions(&self) -> Result<u64, Error> {
        self.delete_batches(SESSIONS, CleanupScope::ThisTenant).await
    }

    /// The tenant's mail tokens that are over.
    pub(crate) async fn sweep_tokens(&self) -> Result<u64, Error> {
        self.delete_batches(SECURE_TOKENS, CleanupScope::ThisTenant).await
    }

    /// The tenant's log before a time, except of users who are locked by hand.
    pub(crate) async fn sweep_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.delete_attempts(UNLOCKED_ATTEMPTS, CleanupScope::ThisTenant, before).await
    }

    /// A call that reaches as far as the statements of the scope do.
    fn sweeping(&self, operation: &'static str, scope: CleanupScope) -> Call<'_> {
        self.call(operation).reaching(match scope {
            CleanupScope::ThisTenant => Reach::OneTenant,
            CleanupScope::AllTenants => Reach::AllTenants,
        })
    }

    async fn delete_batches(&self, delete: Scoped, scope: CleanupScope) -> Result<u64, Error> {
        let call = self.sweeping("clean up", scope);
        let delete = delete.statement(scope);
        let mut deleted = 0;
        loop {
            let batch = call.execute(delete, nothing).await?;
            deleted += batch;
            if batch < BATCH {
                return Ok(deleted);
            }
        }
    }

    async fn delete_attempts(
        &self,
        choose: &'static str,
        scope: CleanupScope,
        before: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let call = self.sweeping("clean up failed login attempts", scope);
        let mut deleted = 0;
        let mut after = i64::MIN;
        loop {
            let chosen: Vec<(i64,)> = call.read_all(choose, |choose| choose.bind(before).bind(after)).await?;
            let ids: Vec<i64> = chosen.into_iter().map(|(id,)| id).collect();
            let Some(last) = ids.last() else { return Ok(deleted) };
            after = *last;
            deleted += call.execute(DELETE_ATTEMPTS, |delete| delete.bind(ids.as_slice())).await?;
        }
    }

    async fn delete_lockouts(
        &self,
        choose: Scoped,
        scope: CleanupScope,
        counts_from: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let call = self.sweeping("clean up lockouts", scope);
        let choose = choose.statement(scope);
        let mut deleted = 0;
        // Before every other key.
        let mut after = (String::new(), String::new());
        loop {
            let chosen: Vec<(String, String)> = call
                .read_all(choose, |choose| choose.bind(counts_from).bind(after.0.as_str()).bind(after.1.as_str()))
                .await?;
            let Some(last) = chosen.last() else { return Ok(deleted) };
            after = last.clone();
            let (tenants, keys): (Vec<String>, Vec<String>) = chosen.into_iter().unzip();
            deleted += call
                .execute(DELETE_LOCKOUTS, |delete| {
                    delete.bind(counts_from).bind(tenants.as_slice()).bind(keys.as_slice())
                })
                .await?;
        }
    }
}
