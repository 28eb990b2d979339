//! No statement reads a whole table, or a whole tenant, however many tenants and users there are.
//!
//! Every operation is run once, through the library. What it asked of the database is taken from the driver's log, prepared again with
//! the same types on a database of a thousand tenants, and planned for parameters that are not known, as a server plans a
//! statement that it has seen a few times.

use sqlx::{Connection, Executor, PgConnection, Postgres, QueryBuilder, Row};
use torii::postgres::PostgresRepositoryProvider;
use torii_testkit::{
    backend::{self, Backend, OpenOptions},
    statements::StatementBudget,
    world::{ScopeUnderTest, World},
};

use self::{
    plan::Plan,
    runs::{Prepared, Runs},
};

mod fill;
mod operations;
mod plan;
mod runs;

type W = World<PostgresRepositoryProvider>;

async fn open<B: Backend<Provider = PostgresRepositoryProvider>>() -> W {
    World::open::<B>(ScopeUnderTest::NamedTenant, OpenOptions::for_laws_of("statements")).await
}

/// The statement inside a function of torii that one of the statements calls: plans show the call alone.
async fn body(connection: &mut PgConnection, called: &Prepared) -> Option<Prepared> {
    let functions: Vec<(String, String)> = sqlx::query_as(
        "SELECT proname::text, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prolang = \
         (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let (name, source) = functions.into_iter().find(|(name, _)| called.statement.contains(name.as_str()))?;
    let (_, rest) = source.split_once("RETURN QUERY").unwrap_or_else(|| panic!("{name} returns a query"));
    let (statement, _) = rest.split_once(';').unwrap();
    Some(Prepared { statement: statement.trim().to_owned(), types: called.types.clone() })
}

/// How the server runs a statement whatever is bound.
async fn generic_plan(connection: &mut PgConnection, prepared: &Prepared) -> Plan {
    let Prepared { statement, types } = prepared;
    let mut prepare = QueryBuilder::<Postgres>::new("PREPARE planned");
    let mut explain = QueryBuilder::<Postgres>::new("EXPLAIN (FORMAT JSON) EXECUTE planned");
    if !types.is_empty() {
        prepare.push(" (").push(types.join(", ")).push(")");
        explain.push(" (").push(vec!["NULL"; types.len()].join(", ")).push(")");
    }
    prepare.push(" AS ").push(statement);
    prepare
        .build()
        .persistent(false)
        .execute(&mut *connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    let row = explain.build().persistent(false).fetch_one(&mut *connection).await;
    let row = row.unwrap_or_else(|error| panic!("{statement}: {error}"));
    (&mut *connection).execute("DEALLOCATE planned").await.unwrap();
    row.try_get_unchecked::<String, _>(0).unwrap().parse().unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// What is for all that a tenant has.
const FOR_WHOLE_TENANTS: [&str; 3] = ["cleanup", "count_users", "purge"];

/// Which statements of `runs` read whole tables, or all that a tenant has without being for that, with the operations that run
/// them and the plan.
async fn scans(w: &W, runs: &Runs<'_>) -> Vec<String> {
    // Planning is no business of the library's pool.
    let mut connection = PgConnection::connect_with(&w.provider.pool().connect_options()).await.unwrap();
    connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let mut found = Vec::new();
    for (statement, by) in runs.operations() {
        let prepared = runs.prepared(statement);
        let inside = body(&mut connection, prepared).await;
        for prepared in [Some(prepared), inside.as_ref()].into_iter().flatten() {
            let plan = generic_plan(&mut connection, prepared).await;
            let mut tables = plan.whole_tables();
            if !by.iter().all(|operation| FOR_WHOLE_TENANTS.contains(operation)) {
                tables.extend(plan.whole_tenants());
            }
            if !tables.is_empty() {
                let (by, tables) = (by.join(", "), tables.join(", "));
                found.push(format!("{by}: reads too much of {tables}\n{}\n{plan}", prepared.statement));
            }
        }
    }
    found
}

/// The foreign keys whose rows are not found by an index when what they refer to is deleted: the server's own statements for that
/// are in no log.
const KEYS_WITHOUT_INDEX: &str = "SELECT COUNT(*) FROM pg_constraint WHERE contype = 'f' \
     AND connamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_index \
     WHERE indrelid = conrelid AND indpred IS NULL \
     AND (string_to_array(indkey::text, ' ')::smallint[])[1:cardinality(conkey)] = conkey)";

async fn fill(w: &W) {
    for statement in fill::STATEMENTS {
        w.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Indexes, and an operation that shows that they are gone.
const NEEDED: [(&str, &str); 5] = [
    ("DROP INDEX secure_tokens_expires", "cleanup"),
    ("DROP INDEX sessions_tenant_user", "session_list"),
    ("DROP INDEX failed_login_attempts_tenant_email", "authenticate_right"),
    ("ALTER TABLE passkeys DROP CONSTRAINT passkeys_pkey", "passkey_known"),
    ("ALTER TABLE secure_tokens DROP CONSTRAINT secure_tokens_pkey", "magic_link_redeem"),
];

async fn no_statement_reads_a_whole_table<B: Backend<Provider = PostgresRepositoryProvider>>() {
    let w = open::<B>().await;
    let runs = operations::run(&w).await;
    for (operation, _) in StatementBudget::POSTGRES.rows() {
        assert!(runs.has(operation), "{operation} was run");
    }
    fill(&w).await;
    let found = scans(&w, &runs).await;
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    assert!(w.count("SELECT COUNT(*) FROM pg_constraint WHERE contype = 'f'").await > 0);
    assert_eq!(w.count(KEYS_WITHOUT_INDEX).await, 0);
    // Without an index it is seen.
    for (drop, operation) in NEEDED {
        w.execute(drop).await.unwrap();
        let found = scans(&w, &runs).await;
        assert!(found.iter().any(|found| found.contains(operation)), "{drop}: {}", found.join("\n\n"));
    }
    assert!(w.count(KEYS_WITHOUT_INDEX).await > 0);
}

#[tokio::test]
async fn on_postgres() {
    no_statement_reads_a_whole_table::<backend::Postgres>().await;
}

#[tokio::test]
async fn on_postgres_rls() {
    no_statement_reads_a_whole_table::<backend::PostgresRls>().await;
}
