//! How to mend a table.

use super::fact::{Fact, Kind};
use crate::{problem::Problem, target::Engine};

const REBUILD: &str = "SQLite cannot alter this. Restore a copy, or build the table anew as \
    https://www.sqlite.org/lang_altertable.html#otheralter says; `torii migrate --dry-run` on an empty database prints its definition.";
const POLICIES: &str = "Have torii make its policies and functions again: `disable_row_level_security`, then \
    `enable_row_level_security` of torii_migration::postgres, as the owner of the tables.";
const PARTITIONS: &str = "Call `partition` of torii-storage-seaorm's SeaORMRepositoryProvider again: it makes the triggers that \
    are missing. An account without the right TRIGGER sees none.";
const DEFINITION: &str = "`torii migrate --dry-run` on an empty database prints the definition.";

/// A name from the database, for a statement.
pub(super) fn quoted(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Sqlite | Engine::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Engine::Mysql => format!("`{}`", name.replace('`', "``")),
    }
}

/// Makes the name free that something is to get, if another thing of the table has it.
fn freeing(engine: Engine, expected: &Fact, all: &[Fact]) -> String {
    let Fact { kind, table, name, .. } = expected;
    let is_of =
        |fact: &&Fact| !name.is_empty() && fact.name == *name && (fact.table == *table || engine != Engine::Mysql);
    let keys = [Kind::Index, Kind::Unique, Kind::PrimaryKey, Kind::ForeignKey, Kind::Check];
    let Some(other) = all.iter().filter(is_of).find(|fact| keys.contains(&fact.kind)) else { return String::new() };
    match (engine, kind, other.kind) {
        // An index of MySQL may have the name of a constraint that is none.
        (Engine::Mysql, Kind::Index | Kind::Unique, Kind::Index | Kind::Unique) => {
            format!("DROP INDEX {name} ON {table};\n")
        }
        (Engine::Mysql, Kind::ForeignKey | Kind::Check, Kind::ForeignKey | Kind::Check) => {
            format!("ALTER TABLE {table} DROP CONSTRAINT {name};\n")
        }
        (Engine::Mysql, ..) => String::new(),
        (Engine::Sqlite, _, Kind::Index | Kind::Unique) => format!("DROP INDEX {name};\n"),
        (Engine::Postgres, _, Kind::Index) => format!("DROP INDEX CONCURRENTLY {name};\n"),
        (Engine::Postgres, Kind::Index, Kind::Unique) => {
            format!(
                "-- DROP INDEX instead, if it is no constraint:\nALTER TABLE {} DROP CONSTRAINT {name};\n",
                other.table
            )
        }
        (Engine::Postgres, ..) if other.table == *table => format!("ALTER TABLE {table} DROP CONSTRAINT {name};\n"),
        _ => String::new(),
    }
}

/// Switches a foreign key's own triggers on, in both of its tables, and no others.
fn enabling(table: &str, found: &Fact) -> String {
    format!(
        "DO $$ DECLARE it record; BEGIN\n    \
             FOR it IN SELECT tgrelid::regclass AS of_table, tgname FROM pg_trigger\n        \
                 JOIN pg_constraint ON pg_constraint.oid = tgconstraint\n        \
                 WHERE conrelid = '{table}'::regclass AND conname = '{}' AND tgenabled NOT IN ('O', 'A')\n    \
             LOOP EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', it.of_table, it.tgname); END LOOP;\n\
         END $$;",
        found.name.replace('\'', "''")
    )
}

/// `problem` with how to mend it. `all` is what is true of the tables.
pub(super) fn add(problem: Problem, engine: Engine, expected: &Fact, found: Option<&Fact>, all: &[Fact]) -> Problem {
    let Fact { kind, table, object, value, name } = expected;
    if matches!(kind, Kind::Policy | Kind::Function) {
        return problem.remedy(POLICIES);
    }
    if *kind == Kind::Trigger {
        return problem.remedy(PARTITIONS);
    }
    if *kind == Kind::Table && engine == Engine::Mysql && found.is_some_and(|found| found.value.contains("partitioned"))
    {
        return problem
            .remedy("These are no partitions that torii makes. Put the table together again, and give it the keys that are missing.")
            .sql(format!("ALTER TABLE {table} REMOVE PARTITIONING;"));
    }
    let sql = match (engine, kind, found) {
        (Engine::Sqlite, Kind::Index, _) => format!("CREATE INDEX {name} ON {table} {object};"),
        (Engine::Sqlite, ..) => return problem.remedy(REBUILD),
        (Engine::Postgres, Kind::Index, None) => format!("CREATE INDEX CONCURRENTLY {name} ON {table} USING {object};"),
        (Engine::Postgres, Kind::Index, Some(found)) => format!(
            "DROP INDEX CONCURRENTLY {};\nCREATE INDEX CONCURRENTLY {name} ON {table} USING {object};",
            quoted(engine, &found.name)
        ),
        (_, Kind::Index, _) => format!("CREATE INDEX {name} ON {table} {object};"),
        (_, Kind::PrimaryKey, None) => format!("ALTER TABLE {table} ADD PRIMARY KEY {object};"),
        (_, Kind::Unique, None) => format!("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE {object};"),
        (Engine::Postgres, Kind::ForeignKey, None) => format!(
            "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY {object} NOT VALID;\n\
             ALTER TABLE {table} VALIDATE CONSTRAINT {name};"
        ),
        (_, Kind::ForeignKey, None) => format!("ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY {object};"),
        (Engine::Postgres, Kind::ForeignKey, Some(found)) if found.value.contains("disabled") => enabling(table, found),
        (Engine::Postgres, Kind::ForeignKey | Kind::Check, Some(found)) => {
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {};", quoted(engine, &found.name))
        }
        (Engine::Mysql, Kind::Check, Some(found)) if found.value == "not enforced" => {
            format!("ALTER TABLE {table} ALTER CHECK {name} ENFORCED;")
        }
        (Engine::Mysql, Kind::Check, None) if !value.is_empty() => {
            format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({value});")
        }
        (Engine::Postgres, Kind::Type, Some(_)) => format!("ALTER TABLE {table} ALTER COLUMN {object} TYPE {value};"),
        (Engine::Postgres, Kind::Null, _) => {
            let verb = if value == "not null" { "SET" } else { "DROP" };
            format!("ALTER TABLE {table} ALTER COLUMN {object} {verb} NOT NULL;")
        }
        (Engine::Postgres, Kind::Default, _) if value.is_empty() => {
            format!("ALTER TABLE {table} ALTER COLUMN {object} DROP DEFAULT;")
        }
        (Engine::Postgres, Kind::Default, _) if !value.starts_with("generated") => {
            format!("ALTER TABLE {table} ALTER COLUMN {object} SET DEFAULT {value};")
        }
        _ => return problem.remedy(DEFINITION),
    };
    let freed = if found.is_none() { freeing(engine, expected, all) } else { String::new() };
    let problem = problem.sql(format!("{freed}{sql}"));
    match kind {
        Kind::ForeignKey | Kind::Unique | Kind::PrimaryKey => problem
            .remedy("Rows that break the rule have to be mended first; those of tenants and users are named below."),
        _ => problem,
    }
}
