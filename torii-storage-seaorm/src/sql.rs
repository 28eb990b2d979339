//! Pieces that many statements share. Each of them begins with the tenant.

use sea_orm::{
    ColumnTrait, IdenStatic, IntoSimpleExpr,
    sea_query::{
        Alias, CommonTableExpression, DeleteStatement, Expr, ExprTrait, Func, InsertStatement, Query, SelectStatement,
        UpdateStatement, WithClause,
    },
};
use torii_core::TenantStatus;

use crate::{
    access::Call,
    dialect::Dialect,
    entities::{OfTenant, failed_login_attempts, lockouts, tenants, users},
};

/// A read of the call's tenant, which finds nothing unless the tenant is in use. It has no columns yet.
pub(crate) fn select<E: OfTenant>(call: &Call<'_>) -> SelectStatement {
    let mut select = stored::<E>(call);
    let in_use = tenants::Column::Id.into_simple_expr().equals((E::default(), E::TENANT)).and(active());
    select.inner_join(tenants::Entity, in_use);
    select
}

/// A read of the call's tenant, whatever its status, for what was just written and for locks. It has no columns yet.
pub(crate) fn stored<E: OfTenant>(call: &Call<'_>) -> SelectStatement {
    Query::select().from(E::default()).and_where(E::TENANT.eq(call.tenant())).take()
}

/// An update of the call's tenant, which finds nothing unless the tenant is in use. It has no values yet.
pub(crate) fn update<E: OfTenant>(call: &Call<'_>) -> UpdateStatement {
    update_stored::<E>(call).and_where(tenant_in_use(call)).take()
}

/// An update of the call's tenant, whatever its status. It has no values yet.
pub(crate) fn update_stored<E: OfTenant>(call: &Call<'_>) -> UpdateStatement {
    Query::update().table(E::default()).and_where(E::TENANT.eq(call.tenant())).take()
}

/// A delete of the call's tenant, whatever its status.
pub(crate) fn delete<E: OfTenant>(call: &Call<'_>) -> DeleteStatement {
    Query::delete().from_table(E::default()).and_where(E::TENANT.eq(call.tenant())).take()
}

/// An insert of a row into the call's tenant, which inserts nothing unless the tenant is in use, and `unless` something else is
/// the case. The tenant is added to the values.
pub(crate) fn insert<E: OfTenant, const N: usize>(
    call: &Call<'_>,
    values: [(E::Column, Expr); N],
    unless: Option<Expr>,
) -> InsertStatement {
    let dialect = call.dialect();
    let mut row = Query::select();
    row.expr(dialect.value(call.tenant())).from(tenants::Entity);
    row.and_where(tenants::Column::Id.eq(call.tenant())).and_where(active());
    row.and_where_option(unless.map(Expr::not));
    let mut columns = vec![E::TENANT];
    for (column, value) in values {
        columns.push(column);
        row.expr(match value {
            Expr::Value(value) => dialect.value(value),
            other => other,
        });
    }
    let mut insert = Query::insert();
    insert.into_table(E::default()).columns(columns);
    // There are as many columns as values, and that is the one thing it looks at.
    let _ = insert.select_from(row);
    insert
}

/// An insert of the call's tenant itself.
pub(crate) fn insert_tenant(call: &Call<'_>, name: Option<&str>) -> InsertStatement {
    use tenants::Column::{CreatedAt, Id, Name, UpdatedAt};
    let mut insert = Query::insert();
    insert.into_table(tenants::Entity).columns([Id, Name, CreatedAt, UpdatedAt]);
    let row: [Expr; 4] = [call.tenant().into(), name.into(), call.now().into(), call.now().into()];
    // There are as many columns as values, and that is the one thing it looks at.
    let _ = insert.values(row);
    insert
}

/// The tenant of the call is registered and in use.
pub(crate) fn tenant_in_use(call: &Call<'_>) -> Expr {
    let tenant = Query::select()
        .expr(Expr::cust("1"))
        .from(tenants::Entity)
        .and_where(tenants::Column::Id.eq(call.tenant()))
        .and_where(active())
        .take();
    Expr::exists(tenant)
}

fn active() -> Expr {
    tenants::Column::Status.eq(TenantStatus::Active.as_str())
}

/// Columns under their own names.
pub(crate) fn columns<C: ColumnTrait>(columns: impl IntoIterator<Item = C>) -> Vec<Expr> {
    columns.into_iter().map(|column| column.into_simple_expr()).collect()
}

/// Since when a user is locked: the stored time, else the beginning of the window of a lockout in force.
fn locked_since(call: &Call<'_>) -> Expr {
    let lockout = Query::select()
        .column((lockouts::Entity, lockouts::Column::WindowStartedAt))
        .from(lockouts::Entity)
        .and_where(lockouts::Column::TenantId.into_simple_expr().equals((users::Entity, users::Column::TenantId)))
        .and_where(lockouts::Column::EmailKey.into_simple_expr().equals((users::Entity, users::Column::EmailKey)))
        .and_where(lockouts::Column::LockedUntil.gt(call.now()))
        .take();
    Func::coalesce([users::Column::LockedAt.into_simple_expr(), Expr::from(lockout)]).into()
}

/// The columns of a `UserRow`.
pub(crate) fn user_columns(call: &Call<'_>) -> Vec<Expr> {
    user_columns_with(call.dialect(), locked_since(call))
}

/// The same with only the stored `locked_at`.
pub(crate) fn stored_user_columns(call: &Call<'_>) -> Vec<Expr> {
    user_columns_with(call.dialect(), users::Column::LockedAt.into_simple_expr())
}

fn user_columns_with(dialect: Dialect, locked_at: Expr) -> Vec<Expr> {
    use users::Column::{CreatedAt, Email, EmailVerifiedAt, Id, Name, TenantId, UpdatedAt};
    let mut all = columns([Id, TenantId, Name, Email, EmailVerifiedAt, CreatedAt, UpdatedAt]);
    all.push(dialect.named(locked_at, "locked_at"));
    all
}

/// The columns of a `UserRow` in a statement on another table, of which `owner` joins a row with its user. Each is a sub-query,
/// because `RETURNING` knows no joins; all are null if there is no such user.
pub(crate) fn owner_columns(call: &Call<'_>, owner: &Expr) -> Vec<Expr> {
    owner_columns_with(call, owner, locked_since(call))
}

/// The same with only the stored `locked_at`.
pub(crate) fn stored_owner_columns(call: &Call<'_>, owner: &Expr) -> Vec<Expr> {
    owner_columns_with(call, owner, users::Column::LockedAt.into_simple_expr())
}

fn owner_columns_with(call: &Call<'_>, owner: &Expr, locked_at: Expr) -> Vec<Expr> {
    use users::Column::{CreatedAt, Email, EmailVerifiedAt, Id, Name, TenantId, UpdatedAt};
    let plain = [Id, TenantId, Name, Email, EmailVerifiedAt, CreatedAt, UpdatedAt];
    let mut all = Vec::from(plain.map(|column| of_owner(call, owner, column.into_simple_expr(), column.as_str())));
    all.push(of_owner(call, owner, locked_at, "locked_at"));
    all
}

/// A value of the user whom `owner` joins with a row of another table.
pub(crate) fn of_owner(call: &Call<'_>, owner: &Expr, value: Expr, name: &'static str) -> Expr {
    let value = Query::select().expr(value).from(users::Entity).and_where(owner.clone()).take();
    call.dialect().named(value, name)
}

/// The user with an address, of which `plain` and `exact` are the keys. An exact match wins.
pub(crate) fn with_email(select: &mut SelectStatement, (plain, exact): &(String, String)) -> SelectStatement {
    select
        .and_where(users::Column::EmailKey.is_in([plain.as_str(), exact.as_str()]))
        .order_by_expr(users::Column::EmailKey.eq(exact.as_str()), sea_orm::Order::Desc)
        .limit(1)
        .take()
}

/// The user is the one with an address, of which these are the keys; for statements that lock it.
///
/// Such a user is found by id. MySQL locks what it goes through to a row, and whoever changes the address locks the row before its
/// entry in the index of addresses: to come that way would be to meet them half-way.
pub(crate) fn owns_email(call: &Call<'_>, (plain, exact): &(String, String)) -> Expr {
    use users::Column::{EmailKey, Id, TenantId};
    let found = Alias::new("found");
    let of_found = |column: users::Column| Expr::col((found.clone(), column));
    let owner = Query::select()
        .expr(of_found(Id))
        .from_as(users::Entity, found.clone())
        .and_where(of_found(TenantId).eq(call.tenant()))
        .and_where(of_found(EmailKey).is_in([plain.as_str(), exact.as_str()]))
        .order_by_expr(of_found(EmailKey).eq(exact.as_str()), sea_orm::Order::Desc)
        .limit(1)
        .take();
    // It may have moved while this waited for the lock.
    Id.into_simple_expr().eq(owner).and(EmailKey.is_in([plain.as_str(), exact.as_str()]))
}

/// Deletes what counts against the address with a key, and the log of it.
pub(crate) fn clear_attempts(call: &Call<'_>, key: &Expr) -> [DeleteStatement; 2] {
    let counted = lockouts::Column::EmailKey.into_simple_expr().eq(key.clone());
    let logged = failed_login_attempts::Column::Email.into_simple_expr().eq(key.clone());
    [
        delete::<lockouts::Entity>(call).and_where(counted).take(),
        delete::<failed_login_attempts::Entity>(call).and_where(logged).take(),
    ]
}

/// Writes that a statement does along, on a dialect that has that. None of them sees what another one did. They follow the
/// statement itself in this order, so that those who lock the same rows do not meet half-way.
pub(crate) fn along(writes: impl IntoIterator<Item = DeleteStatement>) -> WithClause {
    let mut with = WithClause::new();
    let names = (0_usize..).map(|index| Alias::new(format!("along_{index}")));
    let mut writes: Vec<_> = writes.into_iter().zip(names).collect();
    // PostgreSQL runs the last one first.
    writes.reverse();
    for (write, name) in writes {
        with.cte(CommonTableExpression::new().table_name(name).query(write).to_owned());
    }
    with
}

/// The key under which attempts on an address count: the owner's. An adopted account that is found by its exact address has a
/// counter of its own.
pub(crate) fn attempts_key(call: &Call<'_>, (plain, exact): &(String, String)) -> Expr {
    let owner = stored::<users::Entity>(call)
        .column((users::Entity, users::Column::EmailKey))
        .and_where(users::Column::EmailKey.eq(exact.as_str()))
        .take();
    Func::coalesce([Expr::from(owner), Expr::val(plain.as_str())]).into()
}
