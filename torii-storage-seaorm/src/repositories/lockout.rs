//! Wrong passwords: the counter of an address, and the log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, QueryResult,
    sea_query::{
        CaseStatement, CommonTableExpression, Expr, ExprTrait, InsertStatement, OnConflict, Query, SelectStatement,
        SubQueryStatement, UpdateStatement, WithClause,
    },
};
use secrecy::SecretString;
use torii_core::{
    AttemptStats, Error, FailedLoginAttempt, UserId,
    clock::saturating_add,
    error::StorageError,
    lockout::{Credentials, Lockout, LockoutLimits, ReservedAttempt},
    repositories::BruteForceProtectionRepository,
};

use super::{
    Reading, keys,
    session::ip_address,
    storable,
    user::{UserRow, row_of},
};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::StoredTime,
    entities::{failed_login_attempts, lockouts, users},
    error::RowResult,
    sql::{
        attempts_key, clear_attempts, columns, delete, insert, of_owner, owns_email, select, stored,
        stored_owner_columns, tenant_in_use, update_stored, with_email,
    },
};

#[async_trait]
impl BruteForceProtectionRepository for SeaORMRepositoryProvider {
    async fn reserve_attempt(&self, email: &str, limits: LockoutLimits) -> Result<ReservedAttempt, Error> {
        let call = self.call("reserve a login attempt");
        let row: ReservedRow = self.count_attempt(call, email, limits, &reserved_columns(&call)).await?;
        row.into_attempt(call.now())
    }

    async fn reserve_and_log_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        address: Option<&str>,
    ) -> Result<ReservedAttempt, Error> {
        let call = self.call("reserve a login attempt");
        if !call.dialect().writes_in_with() {
            return self.reserve_attempt(email, limits).await;
        }
        let reserve = reserve_and_log(&call, attempts_key(&call, &keys(email)), limits, address);
        self.meet_tenant(call).await?;
        let row: LoggedRow = self.creating(call, || call.write_returning(&reserve)).await?;
        let attempt = row.reserved.into_attempt(call.now())?;
        Ok(ReservedAttempt { logged: row.logged, ..attempt })
    }

    async fn reserve_attempt_for_user(
        &self,
        user_id: &UserId,
        limits: LockoutLimits,
    ) -> Result<Option<ReservedAttempt>, Error> {
        let call = self.call("reserve an attempt");
        let key = row_of(&call, user_id).column((users::Entity, users::Column::EmailKey)).take();
        let user = row_of(&call, user_id).exprs(columns([users::Column::Id])).take();
        let count = count(&call, key.clone().into(), limits, Some(Expr::exists(user.clone()).not()));
        let counter = counter(&call, key.into());
        loop {
            let row: Option<ReservedRow> =
                call.write_and_read(count.clone(), &reserved_columns(&call), counter.clone()).await?;
            if let Some(row) = row {
                return row.into_attempt(call.now()).map(Some);
            }
            self.check_tenant(call).await?;
            // Without `RETURNING` the address may have changed before the counter was read: then the new one counts too.
            if call.read::<OwnerRow>(&user).await?.is_none() {
                return Ok(None);
            }
        }
    }

    async fn release_attempt(&self, email: &str, limits: LockoutLimits) -> Result<(), Error> {
        let call = self.call("release a login attempt");
        call.execute(&release(&call, email, limits)).await.map(drop)
    }

    async fn release_logged_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        logged: Option<i64>,
    ) -> Result<(), Error> {
        let Some(logged) = logged else { return self.release_attempt(email, limits).await };
        let call = self.call("release a login attempt");
        let release = release(&call, email, limits);
        let entry = delete::<failed_login_attempts::Entity>(&call)
            .and_where(failed_login_attempts::Column::Id.eq(logged))
            .take();
        call.repeat(Again::Harmless, || async {
            let db = call.begin().await?;
            db.execute(&release).await?;
            db.execute(&entry).await?;
            db.commit().await
        })
        .await
    }

    async fn count_failure(&self, email: &str, limits: LockoutLimits) -> Result<Lockout, Error> {
        let call = self.call("count a wrong password");
        let row: LockoutRow = self.count_attempt(call, email, limits, &lockout_columns()).await?;
        Ok(row.try_into()?)
    }

    async fn find_lockout(&self, email: &str) -> Result<Option<Lockout>, Error> {
        let call = self.call("find what counts against an address");
        let find = select::<lockouts::Entity>(&call)
            .exprs(lockout_columns())
            .and_where(lockouts::Column::EmailKey.into_simple_expr().eq(attempts_key(&call, &keys(email))))
            .take();
        let row: Option<LockoutRow> = call.read(&find).await?;
        Ok(row.map(Lockout::try_from).transpose()?)
    }

    async fn record_failed_attempt(&self, email: &str, address: Option<&str>) -> Result<FailedLoginAttempt, Error> {
        use failed_login_attempts::Column::{AttemptedAt, Email, Id, IpAddress};
        let call = self.call("record failed login attempt");
        self.meet_tenant(call).await?;
        let record = insert::<failed_login_attempts::Entity, 3>(
            &call,
            [
                (Email, attempts_key(&call, &keys(email))),
                (IpAddress, address.map(ip_address).into()),
                (AttemptedAt, call.now().into()),
            ],
            None,
        );
        let recorded = stored::<failed_login_attempts::Entity>(&call)
            .and_where(Id.into_simple_expr().eq(call.dialect().last_inserted()))
            .take();
        let all = columns([Id, Email, IpAddress, AttemptedAt]);
        let row = self.creating(call, || call.write_and_read(record.clone(), &all, recorded.clone())).await?;
        Ok(self.attempt_of(row)?)
    }

    async fn get_attempt_stats(&self, email: &str, since: DateTime<Utc>) -> Result<AttemptStats, Error> {
        use failed_login_attempts::Column::{AttemptedAt, Email};
        let keys = keys(email);
        let call = self.call("get attempt stats");
        let stats = select::<failed_login_attempts::Entity>(&call)
            .expr(call.dialect().named(Expr::cust("COUNT(*)"), "attempts"))
            .expr(call.dialect().named(AttemptedAt.into_simple_expr().max(), "latest_at"))
            .and_where(Email.into_simple_expr().eq(attempts_key(&call, &keys)))
            .and_where(AttemptedAt.gte(storable(since)))
            .take();
        let Some(stats) = call.read::<StatsRow>(&stats).await? else { return Ok(AttemptStats::default()) };
        let reading = Reading { table: "failed_login_attempts", row: &keys.0 };
        Ok(AttemptStats {
            count: u32::try_from(stats.attempts).unwrap_or(u32::MAX),
            latest_at: reading.optional_time("attempted_at", stats.latest_at)?,
        })
    }

    async fn clear_attempts(&self, email: &str) -> Result<u64, Error> {
        let call = self.call("clear attempts");
        let [counter, log] = clear_attempts(&call, &attempts_key(&call, &keys(email)));
        call.repeat(Again::Harmless, || async {
            let db = call.begin().await?;
            db.execute(&counter).await?;
            let cleared = db.execute(&log).await?;
            db.commit().await.map(|()| cleared)
        })
        .await
    }

    async fn cleanup_old_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.sweep_attempts(storable(before)).await
    }

    async fn set_locked_at(&self, email: &str, locked_at: Option<DateTime<Utc>>) -> Result<(), Error> {
        use users::Column::{Id, LockedAt};
        let call = self.call("set locked_at");
        let mut owner = stored::<users::Entity>(&call);
        owner.exprs(columns([Id])).and_where(owns_email(&call, &keys(email))).and_where(tenant_in_use(&call));
        call.dialect().lock(&mut owner, users::Entity);
        let locked = call.repeat(Again::Harmless, || async {
            let db = call.begin().await?;
            let Some(owner) = db.read::<OwnerRow>(&owner).await? else {
                return db.rollback().await.map(|()| false);
            };
            let set = update_stored::<users::Entity>(&call)
                .value(LockedAt, locked_at.map(storable))
                .and_where(Id.eq(owner.id))
                .take();
            db.execute(&set).await?;
            db.commit().await.map(|()| true)
        });
        if !locked.await? {
            self.check_tenant(call).await?;
        }
        Ok(())
    }

    async fn get_locked_at(&self, email: &str) -> Result<Option<DateTime<Utc>>, Error> {
        let keys = keys(email);
        let call = self.call("get locked_at");
        let mut find = select::<users::Entity>(&call);
        let find = with_email(find.exprs(columns([users::Column::LockedAt])), &keys);
        let row: Option<LockedRow> = call.read(&find).await?;
        let locked_at = row.and_then(|row| row.locked_at);
        Ok(Reading { table: "users", row: &keys.0 }.optional_time("locked_at", locked_at)?)
    }
}

impl SeaORMRepositoryProvider {
    /// Counts an attempt on an address, and reads `columns` of its counter.
    async fn count_attempt<T: FromQueryResult + Send>(
        &self,
        call: Call<'_>,
        email: &str,
        limits: LockoutLimits,
        columns: &[Expr],
    ) -> Result<T, Error> {
        let key = attempts_key(&call, &keys(email));
        let count = count(&call, key.clone(), limits, None);
        let counter = counter(&call, key);
        self.meet_tenant(call).await?;
        self.creating(call, || call.write_and_read(count.clone(), columns, counter.clone())).await
    }

    fn attempt_of(&self, row: AttemptRow) -> Result<FailedLoginAttempt, StorageError> {
        let reading = Reading { table: "failed_login_attempts", row: &row.email };
        Ok(FailedLoginAttempt {
            id: row.id,
            tenant_id: self.tenant_id().clone(),
            attempted_at: reading.time("attempted_at", row.attempted_at)?,
            email: row.email,
            ip_address: row.ip_address,
        })
    }
}

/// Counts an attempt on the address with a key.
///
/// The order of the assignments matters where each sees those before it: the counter, which looks at the other two, is first, and
/// the end of the lock, which the other two look at, is last.
fn count(call: &Call<'_>, key: Expr, limits: LockoutLimits, unless: Option<Expr>) -> InsertStatement {
    use lockouts::Column::{EmailKey, Failures, LockedUntil, TenantId, WindowStartedAt};
    let dialect = call.dialect();
    let maximum = i64::from(limits.max_failed_attempts);
    let lock_ends = saturating_add(call.now(), limits.lockout_period);
    let failures: Expr = CaseStatement::new()
        .case(is_over(call, limits), dialect.proposed(Failures))
        .case(LockedUntil.is_not_null(), dialect.value(maximum + 1))
        .finally(Failures.into_simple_expr().add(1_i64))
        .into();
    let window_started_at = CaseStatement::new()
        .case(is_over(call, limits), dialect.proposed(WindowStartedAt))
        .finally(WindowStartedAt.into_simple_expr());
    let locked_until = CaseStatement::new()
        .case(LockedUntil.gt(call.now()), LockedUntil.into_simple_expr())
        .case(dialect.assigned(Failures, failures.clone()).gte(maximum), dialect.value(lock_ends));
    let mut counted = OnConflict::columns([TenantId, EmailKey]);
    counted.value(Failures, failures).value(WindowStartedAt, window_started_at).value(LockedUntil, locked_until);
    let first = [
        (EmailKey, key),
        (Failures, 1_i64.into()),
        (WindowStartedAt, call.now().into()),
        (LockedUntil, (maximum <= 1).then_some(lock_ends).into()),
    ];
    insert::<lockouts::Entity, 4>(call, first, unless).on_conflict(counted).take()
}

/// Counts an attempt on the address with a key and, if its password may be looked at, logs it as a wrong one, in one statement. It
/// returns a `LoggedRow`.
fn reserve_and_log(call: &Call<'_>, key: Expr, limits: LockoutLimits, address: Option<&str>) -> SelectStatement {
    use failed_login_attempts::Column::{AttemptedAt, Email, Id, IpAddress, TenantId};
    let (counted, log) = ("counted", "log");
    let mut count = count(call, key, limits, None);
    count.returning(Query::returning().exprs(reserved_columns(call)));
    let admitted = Query::select()
        .expr(Expr::val(call.tenant()))
        .column((counted, lockouts::Column::EmailKey))
        .expr(Expr::val(address.map(ip_address)))
        .expr(Expr::val(call.now()))
        .from(counted)
        .and_where(Expr::col((counted, lockouts::Column::Failures)).lte(i64::from(limits.max_failed_attempts)))
        .take();
    let mut record = Query::insert();
    record.into_table(failed_login_attempts::Entity).columns([TenantId, Email, IpAddress, AttemptedAt]);
    record.returning(Query::returning().columns([Id]));
    // There are as many columns as values, and that is the one thing it looks at.
    let _ = record.select_from(admitted);
    let entry = Query::select().column((log, Id)).from(log).take();
    let named = |name: &'static str, write: SubQueryStatement| {
        CommonTableExpression::new().table_name(name).query(write).to_owned()
    };
    Query::select()
        // All of them were named before.
        .expr(Expr::cust("counted.*"))
        .expr(call.dialect().named(entry, "logged"))
        .from(counted)
        .with_cte(WithClause::new().cte(named(counted, count.into())).cte(named(log, record.into())).to_owned())
        .take()
}

/// Takes back an attempt on an address.
fn release(call: &Call<'_>, email: &str, limits: LockoutLimits) -> UpdateStatement {
    use lockouts::Column::{EmailKey, Failures, LockedUntil};
    let maximum = i64::from(limits.max_failed_attempts);
    // Attempts that were refused stand as one above the maximum. With this one taken back the maximum is not reached.
    let fewer = CaseStatement::new()
        .case(Failures.gt(maximum), call.dialect().value(maximum - 1))
        .finally(Failures.into_simple_expr().sub(1_i64));
    update_stored::<lockouts::Entity>(call)
        .values([(Failures, fewer.into()), (LockedUntil, Expr::null())])
        .and_where(EmailKey.into_simple_expr().eq(attempts_key(call, &keys(email))))
        .and_where(Failures.gt(0_i64))
        .and_where(is_over(call, limits).not())
        .take()
}

/// The lock has ended, or without one the window is older than the period.
fn is_over(call: &Call<'_>, limits: LockoutLimits) -> Expr {
    use lockouts::Column::{LockedUntil, WindowStartedAt};
    CaseStatement::new()
        .case(LockedUntil.is_null(), WindowStartedAt.lte(saturating_add(call.now(), -limits.lockout_period)))
        .finally(LockedUntil.lte(call.now()))
        .into()
}

/// The counter of the address with a key.
fn counter(call: &Call<'_>, key: Expr) -> SelectStatement {
    stored::<lockouts::Entity>(call).and_where(lockouts::Column::EmailKey.into_simple_expr().eq(key)).take()
}

fn lockout_columns() -> Vec<Expr> {
    use lockouts::Column::{EmailKey, Failures, LockedUntil, WindowStartedAt};
    columns([EmailKey, Failures, WindowStartedAt, LockedUntil])
}

/// The columns of a `ReservedRow`: of a counter, and of the user whose address it counts for. `locked_at` is only what is stored.
fn reserved_columns(call: &Call<'_>) -> Vec<Expr> {
    let owner = users::Column::TenantId
        .into_simple_expr()
        .equals((lockouts::Entity, lockouts::Column::TenantId))
        .and(users::Column::EmailKey.into_simple_expr().equals((lockouts::Entity, lockouts::Column::EmailKey)));
    let mut all = lockout_columns();
    all.extend(stored_owner_columns(call, &owner));
    all.push(of_owner(call, &owner, users::Column::PasswordHash.into_simple_expr(), "password_hash"));
    all
}

#[derive(FromQueryResult)]
struct LockoutRow {
    email_key: String,
    failures: i64,
    window_started_at: StoredTime,
    locked_until: Option<StoredTime>,
}

impl TryFrom<LockoutRow> for Lockout {
    type Error = StorageError;

    fn try_from(row: LockoutRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "lockouts", row: &row.email_key };
        Ok(Self {
            failures: u32::try_from(row.failures).map_err(|error| reading.corrupt("failures", error))?,
            window_started_at: reading.time("window_started_at", row.window_started_at)?,
            locked_until: reading.optional_time("locked_until", row.locked_until)?,
        })
    }
}

struct ReservedRow {
    lockout: LockoutRow,
    owner: Option<UserRow>,
    password_hash: Option<String>,
}

impl ReservedRow {
    fn into_attempt(self, now: DateTime<Utc>) -> Result<ReservedAttempt, Error> {
        let lockout = Lockout::try_from(self.lockout)?;
        // An empty text is no hash.
        let password_hash = self.password_hash.filter(|hash| !hash.is_empty()).map(SecretString::from);
        let credentials = match self.owner {
            Some(user) => Some(Credentials { user: user.try_into()?, password_hash }),
            None => None,
        };
        let locked_until = lockout.locked_until.filter(|until| *until > now);
        Ok(ReservedAttempt { number: lockout.failures, locked_until, credentials, logged: None })
    }
}

impl FromQueryResult for ReservedRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> RowResult<Self> {
        let owner: Option<String> = row.try_get(prefix, "id")?;
        Ok(Self {
            lockout: LockoutRow::from_query_result(row, prefix)?,
            owner: owner.map(|_| UserRow::from_query_result(row, prefix)).transpose()?,
            password_hash: row.try_get(prefix, "password_hash")?,
        })
    }
}

/// A `ReservedRow` with its entry in the log.
struct LoggedRow {
    reserved: ReservedRow,
    logged: Option<i64>,
}

impl FromQueryResult for LoggedRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> RowResult<Self> {
        let reserved = ReservedRow::from_query_result(row, prefix)?;
        Ok(Self { reserved, logged: row.try_get(prefix, "logged")? })
    }
}

#[derive(FromQueryResult)]
struct OwnerRow {
    id: String,
}

#[derive(FromQueryResult)]
struct LockedRow {
    locked_at: Option<StoredTime>,
}

#[derive(FromQueryResult)]
struct StatsRow {
    attempts: i64,
    latest_at: Option<StoredTime>,
}

#[derive(FromQueryResult)]
struct AttemptRow {
    id: i64,
    email: String,
    ip_address: Option<String>,
    attempted_at: StoredTime,
}
