//! The laws on every backend of this workspace, and the saboteurs that show that the laws see what they forbid.

torii_testkit::laws!(sqlite, torii_testkit::backend::Sqlite);

torii_testkit::laws!(postgres, torii_testkit::backend::Postgres);

torii_testkit::laws!(postgres_rls, torii_testkit::backend::PostgresRls);

torii_testkit::saboteurs!(torii_testkit::backend::Sqlite);
