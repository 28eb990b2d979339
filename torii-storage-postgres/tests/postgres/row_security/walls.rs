//! What the database shows and accepts when a statement has no predicate, as the application's role.

use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::*;

const TABLES: [&str; 10] = [
    "tenants",
    "users",
    "sessions",
    "oauth_accounts",
    "oauth_states",
    "passkeys",
    "passkey_challenges",
    "secure_tokens",
    "lockouts",
    "failed_login_attempts",
];

fn key(table: &str) -> &'static str {
    if table == "tenants" { "id" } else { "tenant_id" }
}

const A: &str = "BEGIN; SET LOCAL torii.tenant_id = 'a'";

/// Two tenants with a row in every table.
async fn two_tenants() -> Walled {
    let w = Walled::new().await;
    for tenant in ["a", "b"] {
        furnish(&w.tenant(tenant)).await;
    }
    w
}

/// Runs a statement put together of `parts`. Returns the rows it wrote or read, or the SQLSTATE.
async fn run(connection: &mut PgConnection, parts: &[&str]) -> Result<u64, String> {
    let mut statement = QueryBuilder::<Postgres>::new("");
    for part in parts {
        statement.push(part);
    }
    let done = statement.build().persistent(false).execute(connection).await;
    done.map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

/// Runs it in a transaction that begins with `begin` and is rolled back.
async fn run_in(w: &Walled, begin: &'static str, parts: &[&str]) -> Result<u64, String> {
    let mut transaction = w.app.begin_with(begin).await.unwrap();
    let done = run(&mut transaction, parts).await;
    transaction.rollback().await.unwrap();
    done
}

#[tokio::test]
async fn every_table_with_a_tenant_is_tested_here() {
    let w = two_tenants().await;
    let mut tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class AS c WHERE relkind = 'r' AND relnamespace = 'torii'::regnamespace \
         AND (relname = 'tenants' OR EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id'))",
    )
    .fetch_all(&w.admin)
    .await
    .unwrap();
    tables.sort_unstable();
    let mut tested = TABLES;
    tested.sort_unstable();
    assert_eq!(tables, tested);
    for table in TABLES {
        let mut admin = w.admin.acquire().await.unwrap();
        assert_eq!(
            run(&mut admin, &["SELECT 1 FROM ", table, " WHERE ", key(table), " = 'b'"]).await,
            Ok(1),
            "{table}"
        );
    }
}

#[tokio::test]
async fn without_a_tenant_there_are_no_rows() {
    let w = two_tenants().await;
    for begin in ["BEGIN", "BEGIN; SET LOCAL torii.tenant_id = ''", "BEGIN; SET LOCAL torii.tenant_id = 'c'"] {
        for table in TABLES {
            assert_eq!(run_in(&w, begin, &["SELECT 1 FROM ", table]).await, Ok(0), "{begin}: {table}");
            assert_eq!(run_in(&w, begin, &["DELETE FROM ", table]).await, Ok(0), "{begin}: {table}");
        }
    }
    // Not even on a connection that never heard of the setting.
    let fresh = w.app.options().clone().connect_lazy_with((*w.app.connect_options()).clone());
    for table in TABLES {
        assert_eq!(run(&mut fresh.acquire().await.unwrap(), &["SELECT 1 FROM ", table]).await, Ok(0), "{table}");
    }
}

#[tokio::test]
async fn without_a_predicate_only_the_tenants_rows_are_there() {
    let w = two_tenants().await;
    for table in TABLES {
        let key = key(table);
        assert_eq!(run_in(&w, A, &["SELECT 1 FROM ", table]).await, Ok(1), "{table}");
        assert_eq!(run_in(&w, A, &["SELECT 1 FROM ", table, " WHERE ", key, " <> 'a'"]).await, Ok(0), "{table}");
        assert_eq!(run_in(&w, A, &["UPDATE ", table, " SET ", key, " = ", key]).await, Ok(1), "{table}");
        assert_eq!(run_in(&w, A, &["DELETE FROM ", table]).await, Ok(1), "{table}");
        let theirs = [" WHERE ", key, " = 'b'"].concat();
        assert_eq!(run_in(&w, A, &["UPDATE ", table, " SET ", key, " = 'a'", &theirs]).await, Ok(0), "{table}");
        assert_eq!(run_in(&w, A, &["DELETE FROM ", table, &theirs]).await, Ok(0), "{table}");
    }
}

#[tokio::test]
async fn a_row_of_another_tenant_is_refused() {
    let refused = Err("42501".to_owned());
    let w = two_tenants().await;
    for table in TABLES {
        let key = key(table);
        // The tenant's own rows once more, under the other one's name.
        let copy = [
            "INSERT INTO ",
            table,
            " OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(",
            table,
            ", jsonb_build_object('",
            key,
            "', 'b'))).* FROM ",
            table,
        ]
        .concat();
        let update = [" ON CONFLICT ON CONSTRAINT ", table, "_pkey DO UPDATE SET ", key, " = excluded.", key].concat();
        for end in ["", " ON CONFLICT DO NOTHING", &update] {
            assert_eq!(run_in(&w, A, &[&copy, end]).await, refused, "{table}{end}");
        }
        assert_eq!(run_in(&w, A, &["UPDATE ", table, " SET ", key, " = 'b'"]).await, refused, "{table}");
    }
}

/// What goes with a user goes, though nobody may see the rows as they go.
#[tokio::test]
async fn deletes_cascade() {
    let w = two_tenants().await;
    for (table, left) in [("users", 0), ("tenants", 0)] {
        let mut transaction = w.app.begin_with(A).await.unwrap();
        assert_eq!(run(&mut transaction, &["DELETE FROM ", table]).await, Ok(1));
        for dependent in ["sessions", "oauth_accounts", "passkeys", "secure_tokens"] {
            assert_eq!(run(&mut transaction, &["SELECT 1 FROM ", dependent]).await, Ok(left), "{dependent}");
        }
        transaction.rollback().await.unwrap();
    }
    let mut transaction = w.app.begin_with(A).await.unwrap();
    assert_eq!(run(&mut transaction, &["DELETE FROM tenants"]).await, Ok(1));
    transaction.commit().await.unwrap();
    for table in TABLES {
        let (here, there) = (["SELECT 1 FROM ", table, " WHERE ", key(table)].concat(), [" = 'a'", " = 'b'"]);
        let mut admin = w.admin.acquire().await.unwrap();
        assert_eq!(run(&mut admin, &[&here, there[0]]).await, Ok(0), "{table}");
        assert_eq!(run(&mut admin, &[&here, there[1]]).await, Ok(1), "{table}");
    }
}

/// Listing tenants and sweeping reach across tenants; whoever does that can do nothing else.
#[tokio::test]
async fn across_tenants_there_is_a_list_and_a_broom() {
    const ALL: &str = "BEGIN; SET LOCAL torii.all_tenants = 'on'";
    let refused = Err("42501".to_owned());
    let w = two_tenants().await;
    for table in TABLES {
        let swept = !["tenants", "users", "oauth_accounts", "passkeys"].contains(&table);
        let key = key(table);
        let (read, deleted) = match table {
            "tenants" => (3, 0),
            _ if swept => (2, 2),
            _ => (0, 0),
        };
        assert_eq!(run_in(&w, ALL, &["SELECT 1 FROM ", table]).await, Ok(read), "{table}");
        assert_eq!(
            run_in(&w, ALL, &["SELECT 1 FROM ", table, " FOR UPDATE SKIP LOCKED"]).await,
            Ok(deleted),
            "{table}"
        );
        assert_eq!(run_in(&w, ALL, &["DELETE FROM ", table]).await, Ok(deleted), "{table}");
        // Nothing is written: neither what is seen, nor anything new.
        let update = run_in(&w, ALL, &["UPDATE ", table, " SET ", key, " = ", key]).await;
        assert_eq!(update, if swept { refused.clone() } else { Ok(0) }, "{table}");
        for word in ["true", "1", "ON", ""] {
            let begin = ["SELECT set_config('torii.all_tenants', '", word, "', true)"].concat();
            let mut transaction = w.app.begin().await.unwrap();
            run(&mut transaction, &[&begin]).await.unwrap();
            assert_eq!(run(&mut transaction, &["SELECT 1 FROM ", table]).await, Ok(0), "{table} {word}");
            transaction.rollback().await.unwrap();
        }
    }
    let new = "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES ('a', 'x', 1, now())";
    assert_eq!(run_in(&w, ALL, &[new]).await, refused);
}
