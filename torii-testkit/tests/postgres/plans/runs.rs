//! What operations asked of the database.

use std::collections::{BTreeMap, HashMap};

use torii_testkit::statements::Statements;

use super::W;

/// A statement as it was prepared, with the types of its parameters.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) statement: String,
    pub(super) types: Vec<String>,
}

/// The operations that were run, and their statements.
pub(super) struct Runs<'a> {
    pub(super) w: &'a W,
    /// An operation has the name that the budget gives it, or another one if the budget does not have it.
    list: Vec<(&'static str, Statements)>,
    /// By the text with single spaces, which the log has.
    prepared: HashMap<String, Prepared>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(w: &'a W) -> Self {
        Self { w, list: Vec::new(), prepared: HashMap::new() }
    }

    /// Keeps what `operation` ran, and returns what it answered.
    pub(super) async fn note<T>(&mut self, operation: &'static str, (statements, answer): (Statements, T)) -> T {
        self.list.push((operation, statements));
        // At once: a connection forgets the statements that were not used for longest.
        self.learn().await;
        answer
    }

    /// Looks what is prepared on the connections of the library's pool.
    async fn learn(&mut self) {
        let pool = self.w.provider.pool();
        let mut connections = Vec::new();
        for _ in 0..pool.size() {
            connections.push(pool.acquire().await.unwrap());
        }
        for connection in &mut connections {
            let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
                "SELECT statement, ARRAY(SELECT type::text FROM unnest(parameter_types) AS type) \
                 FROM pg_prepared_statements",
            )
            .fetch_all(&mut **connection)
            .await
            .unwrap();
            for (statement, types) in rows {
                self.prepared.insert(words(&statement), Prepared { statement, types });
            }
        }
    }

    pub(super) fn has(&self, operation: &str) -> bool {
        self.list.iter().any(|(run, statements)| *run == operation && statements.count() > 0)
    }

    /// Every statement once, with the operations that ran it.
    pub(super) fn operations(&self) -> BTreeMap<&str, Vec<&'static str>> {
        let mut operations: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for (operation, statements) in &self.list {
            for statement in statements.iter() {
                let by = operations.entry(statement).or_default();
                if !by.contains(operation) {
                    by.push(*operation);
                }
            }
        }
        operations
    }

    /// How a statement was prepared.
    pub(super) fn prepared(&self, statement: &str) -> &Prepared {
        self.prepared.get(statement).unwrap_or_else(|| panic!("it was prepared: {statement}"))
    }
}

fn words(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}
