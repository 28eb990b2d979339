//! The files are what a new database is like. When a step changes the schema, the failing test prints the new file.

use sqlx::Connection as _;
use torii_testkit::servers::{MysqlServer, PostgresServer};

use super::*;
use crate::schema::{Kind, facts};

fn lines(facts: &[Fact]) -> Vec<String> {
    let line = |fact: &Fact| {
        [fact.kind.name(), &fact.table, &fact.object, &fact.value, &fact.name].join("\t").trim_end().to_owned()
    };
    facts.iter().map(line).collect()
}

fn assert_same(found: &[Fact], file: &str) {
    let found = lines(found);
    assert!(found.len() > 100);
    assert!(found == file.lines().collect::<Vec<_>>(), "the file has to be:\n{}\n", found.join("\n"));
}

#[tokio::test]
async fn the_file_of_postgres_is_what_a_new_database_with_row_level_security_is_like() {
    let database = PostgresServer::shared().database().await;
    let pool = database.pool();
    torii_migration::postgres::enable_row_level_security(&pool).await.unwrap();
    let mut connection = Connection::Postgres(pool.acquire().await.unwrap().detach());
    assert_same(&facts(&mut connection).await.unwrap(), POSTGRES);
}

#[tokio::test]
async fn the_file_of_mysql_is_what_a_new_database_is_like() {
    let database = MysqlServer::shared().database().await;
    let connection = sqlx::MySqlConnection::connect_with(&database.options()).await.unwrap();
    assert_same(&facts(&mut Connection::Mysql(connection)).await.unwrap(), MYSQL);
}

#[test]
fn every_line_of_the_files_is_a_fact() {
    for file in [POSTGRES, MYSQL] {
        assert_eq!(of_file(file).len(), file.lines().count());
        assert!(of_file(file).iter().any(|fact| fact.kind == Kind::ForeignKey));
    }
}
