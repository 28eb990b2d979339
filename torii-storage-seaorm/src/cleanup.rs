//! Removing what is over, in batches short enough that writers in between wait for none of them long.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, Order,
    sea_query::{CaseStatement, Expr, ExprTrait, Query, SelectStatement},
};
use torii_core::{
    Error,
    clock::saturating_add,
    repositories::{CleanupReport, CleanupRetention, CleanupScope},
};

use crate::{
    SeaORMRepositoryProvider,
    access::Call,
    entities::{
        OfTenant, failed_login_attempts, lockouts, oauth_states, passkey_challenges, secure_tokens, sessions, users,
    },
    sql::columns,
};

/// Rows per write.
const BATCH: u64 = 500;

impl SeaORMRepositoryProvider {
    pub(crate) async fn sweep(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        let now = self.call("clean up").now();
        let log_begins = saturating_add(now, -retention.failed_attempts);
        let attempts_count_from = saturating_add(now, -retention.lockout_period);
        let mut report = CleanupReport::default();
        report.sessions = self.delete_sessions(scope).await?;
        report.secure_tokens = self.delete_tokens(scope).await?;
        let state = [oauth_states::Column::TenantId, oauth_states::Column::StateDigest];
        let end = oauth_states::Column::ExpiresAt;
        report.oauth_states = self.delete_batches::<oauth_states::Entity>(scope, state, end, end.lte(now)).await?;
        let challenge = [passkey_challenges::Column::TenantId, passkey_challenges::Column::ChallengeId];
        let end = passkey_challenges::Column::ExpiresAt;
        report.passkey_challenges =
            self.delete_batches::<passkey_challenges::Entity>(scope, challenge, end, end.lte(now)).await?;
        report.failed_login_attempts = self.delete_attempts(scope, log_begins, None).await?;
        report.lockouts = self.delete_lockouts(scope, attempts_count_from).await?;
        Ok(report)
    }

    /// The tenant's sessions that are over.
    pub(crate) async fn sweep_sessions(&self) -> Result<u64, Error> {
        self.delete_sessions(CleanupScope::ThisTenant).await
    }

    /// The tenant's mail tokens that are over.
    pub(crate) async fn sweep_tokens(&self) -> Result<u64, Error> {
        self.delete_tokens(CleanupScope::ThisTenant).await
    }

    /// The tenant's log before a time, except of users who are locked by hand: it is kept for whoever locked them.
    pub(crate) async fn sweep_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        use failed_login_attempts::Column::{Email, TenantId};
        let locked = Query::select()
            .expr(Expr::cust("1"))
            .from(users::Entity)
            .and_where(users::Column::TenantId.into_simple_expr().equals((failed_login_attempts::Entity, TenantId)))
            .and_where(users::Column::EmailKey.into_simple_expr().equals((failed_login_attempts::Entity, Email)))
            .and_where(users::Column::LockedAt.is_not_null())
            .take();
        self.delete_attempts(CleanupScope::ThisTenant, before, Some(Expr::exists(locked).not())).await
    }

    /// At its very end a session is not over yet, as `Session::is_expired_at` has it; a single-use thing is.
    async fn delete_sessions(&self, scope: CleanupScope) -> Result<u64, Error> {
        let key = [sessions::Column::TenantId, sessions::Column::TokenDigest];
        let end = sessions::Column::ExpiresAt;
        let now = self.call("clean up").now();
        self.delete_batches::<sessions::Entity>(scope, key, end, end.lt(now)).await
    }

    async fn delete_tokens(&self, scope: CleanupScope) -> Result<u64, Error> {
        let key = [secure_tokens::Column::TenantId, secure_tokens::Column::TokenDigest];
        let end = secure_tokens::Column::ExpiresAt;
        let now = self.call("clean up").now();
        self.delete_batches::<secure_tokens::Entity>(scope, key, end, end.lte(now)).await
    }

    /// Deletes the rows that are `over`, those with the earliest `end` first.
    async fn delete_batches<E: OfTenant>(
        &self,
        scope: CleanupScope,
        key: [E::Column; 2],
        end: E::Column,
        over: Expr,
    ) -> Result<u64, Error> {
        let call = self.call("clean up");
        let over = match this_tenant::<E>(&call, scope) {
            Some(this_tenant) => this_tenant.and(over),
            None => over,
        };
        let delete = call.dialect().delete_first::<E>(key, end, over, BATCH);
        let mut deleted = 0;
        loop {
            let batch = call.execute(&delete).await?;
            deleted += batch;
            if batch < BATCH {
                return Ok(deleted);
            }
        }
    }

    /// Finds a batch of log entries without an index on their age, and deletes it. What takes its time is only a read, which
    /// keeps nobody waiting.
    async fn delete_attempts(
        &self,
        scope: CleanupScope,
        before: DateTime<Utc>,
        only: Option<Expr>,
    ) -> Result<u64, Error> {
        use failed_login_attempts::Column::{AttemptedAt, Id};
        let call = self.call("clean up failed login attempts");
        let mut deleted = 0;
        let mut after = i64::MIN;
        loop {
            let choose = batch::<failed_login_attempts::Entity>(&call, scope, [Id])
                .and_where(Id.gt(after))
                .and_where(AttemptedAt.lt(before))
                .and_where_option(only.clone())
                .take();
            let chosen: Vec<AttemptRow> = call.read_all(&choose).await?;
            let Some(last) = chosen.last() else { return Ok(deleted) };
            after = last.id;
            let ids = chosen.iter().map(|row| row.id);
            let delete = Query::delete().from_table(failed_login_attempts::Entity).and_where(Id.is_in(ids)).take();
            deleted += call.execute(&delete).await?;
        }
    }

    /// Finds a batch of counters that are over, and deletes those of them that still are: an attempt may have been counted
    /// meanwhile. What began before `counts_from` no longer counts.
    async fn delete_lockouts(&self, scope: CleanupScope, counts_from: DateTime<Utc>) -> Result<u64, Error> {
        use lockouts::Column::{EmailKey, LockedUntil, TenantId, WindowStartedAt};
        let call = self.call("clean up lockouts");
        let over: Expr = CaseStatement::new()
            .case(LockedUntil.is_null(), WindowStartedAt.lte(counts_from))
            .finally(LockedUntil.lte(call.now()))
            .into();
        let mut deleted = 0;
        // Before every other key.
        let (mut tenant, mut key) = (String::new(), String::new());
        loop {
            let after = TenantId.gt(tenant.as_str()).or(TenantId.eq(tenant).and(EmailKey.gt(key)));
            let choose = batch::<lockouts::Entity>(&call, scope, [TenantId, EmailKey])
                .and_where(after)
                .and_where(over.clone())
                .take();
            let chosen: Vec<LockoutRow> = call.read_all(&choose).await?;
            let Some(last) = chosen.last() else { return Ok(deleted) };
            (tenant, key) = (last.tenant_id.clone(), last.email_key.clone());
            let keys = chosen.into_iter().map(|row| (row.tenant_id, row.email_key));
            let these = Expr::tuple([TenantId.into_simple_expr(), EmailKey.into_simple_expr()]).in_tuples(keys);
            let delete = Query::delete().from_table(lockouts::Entity).and_where(these).and_where(over.clone()).take();
            deleted += call.execute(&delete).await?;
        }
    }
}

/// The next rows in the order of their key.
fn batch<E: OfTenant>(
    call: &Call<'_>,
    scope: CleanupScope,
    key: impl IntoIterator<Item = E::Column>,
) -> SelectStatement {
    let key = columns(key);
    let mut select = Query::select();
    for column in &key {
        select.order_by_expr(column.clone(), Order::Asc);
    }
    select.exprs(key).from(E::default()).and_where_option(this_tenant::<E>(call, scope)).limit(BATCH).take()
}

fn this_tenant<E: OfTenant>(call: &Call<'_>, scope: CleanupScope) -> Option<Expr> {
    matches!(scope, CleanupScope::ThisTenant).then(|| E::TENANT.eq(call.tenant()))
}

#[derive(FromQueryResult)]
struct AttemptRow {
    id: i64,
}

#[derive(FromQueryResult)]
struct LockoutRow {
    tenant_id: String,
    email_key: String,
}
