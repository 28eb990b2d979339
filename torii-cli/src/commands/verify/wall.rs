//! Row-level security.

use sqlx::PgConnection;
use torii_migration::postgres::{RowLevelSecurity, row_level_security};

use crate::{failure::Failure, problem::Problem, schema::tables};

const MAKE_AGAIN: &str = "Have torii make its policies and functions again: `enable_row_level_security` of \
    torii_migration::postgres, as the owner of the tables.";

/// Row-level security, as the role of the connection meets it.
pub(super) struct Wall {
    found: RowLevelSecurity,
    owns: Option<String>,
}

impl Wall {
    pub(super) async fn look(connection: &mut PgConnection) -> Result<Self, Failure> {
        const OWNED: &str = concat!(
            "SELECT string_agg(name, ', ') FROM unnest(ARRAY[",
            tables!(),
            "]) AS name JOIN pg_class ON oid = to_regclass(name) WHERE pg_has_role(relowner, 'USAGE')"
        );
        let owns = sqlx::query_scalar(OWNED).fetch_one(&mut *connection).await;
        let owns = owns.map_err(Failure::database("ask who owns the tables"))?;
        Ok(Self { found: row_level_security(connection).await?, owns })
    }

    /// Whether it was switched on, as a whole or in part.
    pub(super) fn is_there(&self) -> bool {
        !self.found.is_gone()
    }

    pub(super) fn hides_rows(&self) -> bool {
        self.found.applies
    }

    /// What is wrong with it, but for what `known` problems say already. What it is to the role matters only if it `is_expected`.
    pub(super) fn check(&self, is_expected: bool, known: &[Problem]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let found = &self.found;
        if !self.is_there() && is_expected {
            problems.push(Problem::new("row_level_security_off", "Row-level security is off.").remedy(
                "Switch it on as the owner of the tables: `row_level_security(true)` with `apply_migrations(true)`, or \
                     `enable_row_level_security` of torii_migration::postgres.",
            ));
            return problems;
        }
        // A table whose policy is missing or another one is unprotected, too.
        let is_named = |table: &str| {
            known.iter().any(|problem| {
                matches!(problem.code, "missing_policy" | "altered_policy") && problem.table.as_deref() == Some(table)
            })
        };
        let unprotected: Vec<&str> =
            found.unprotected.iter().map(String::as_str).filter(|table| !is_named(table)).collect();
        if self.is_there() && !unprotected.is_empty() {
            let tables = unprotected.join(", ");
            let forced: Vec<String> = unprotected
                .iter()
                .map(|table| format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"))
                .collect();
            problems.push(
                Problem::new(
                    "unprotected_tables",
                    format!("Row-level security is on, but not for {tables}: it is not enabled, not forced, or policies are missing."),
                )
                .remedy(MAKE_AGAIN)
                .sql(forced.join("\n")),
            );
        }
        let are_named = known.iter().any(|problem| problem.code == "missing_function");
        if self.is_there() && !found.missing_functions.is_empty() && !are_named {
            problems.push(
                Problem::new(
                    "missing_function",
                    format!("Functions are missing: {}.", found.missing_functions.join(", ")),
                )
                .remedy(MAKE_AGAIN),
            );
        }
        if is_expected {
            problems.extend(self.check_role());
        }
        problems
    }

    fn check_role(&self) -> Vec<Problem> {
        const OTHER_ROLE: &str = "Run the application as a role that owns nothing and has neither right; migrations/README.md \
            lists what it needs.";
        let role = &self.found.role;
        let mut problems = Vec::new();
        let mut add = |code, message| problems.push(Problem::new(code, message).remedy(OTHER_ROLE));
        if self.found.superuser {
            add("role_is_superuser", format!("The role {role} is a superuser, whom no policy binds."));
        }
        if self.found.bypasses && !self.found.superuser {
            add("role_bypasses", format!("The role {role} has BYPASSRLS: no policy binds it."));
        }
        if let Some(tables) = self.owns.as_ref().filter(|_| !self.found.superuser) {
            add("role_is_owner", format!("The role {role} owns {tables}, and can switch policies off."));
        }
        for function in &self.found.forbidden_functions {
            problems.push(
                Problem::new("forbidden_function", format!("The role {role} may not run the function {function}."))
                    .sql(format!("GRANT EXECUTE ON FUNCTION {function} TO \"{}\";", role.replace('"', "\"\""))),
            );
        }
        problems
    }
}
