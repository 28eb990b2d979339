//! The laws on every backend of this workspace, and the saboteurs that show that the laws see what they forbid.

torii_testkit::laws!(sqlite, torii_testkit::backend::Sqlite);

torii_testkit::laws!(postgres, torii_testkit::backend::Postgres);

torii_testkit::laws!(postgres_rls, torii_testkit::backend::PostgresRls);

torii_testkit::laws!(seaorm_sqlite, torii_testkit::backend::SeaormSqlite);

torii_testkit::laws!(seaorm_postgres, torii_testkit::backend::SeaormPostgres);

torii_testkit::laws!(seaorm_mysql, torii_testkit::backend::SeaormMysql);

torii_testkit::laws!(seaorm_mysql_partitioned, torii_testkit::backend::SeaormMysqlPartitioned);

mod saboteurs {
    torii_testkit::saboteurs!(sqlite, torii_testkit::backend::Sqlite);

    torii_testkit::saboteurs!(postgres, torii_testkit::backend::Postgres);

    torii_testkit::saboteurs!(postgres_rls, torii_testkit::backend::PostgresRls);

    torii_testkit::saboteurs!(seaorm_sqlite, torii_testkit::backend::SeaormSqlite);

    torii_testkit::saboteurs!(seaorm_postgres, torii_testkit::backend::SeaormPostgres);

    torii_testkit::saboteurs!(seaorm_mysql, torii_testkit::backend::SeaormMysql);
}
