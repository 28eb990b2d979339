//! Runs a law.

use std::{
    env,
    io::{self, Write},
};

use tokio::sync::Mutex;

use crate::{
    backend::{Backend, OpenOptions},
    world::{ScopeUnderTest, World},
};

/// The environment variable that narrows what runs, such as `sqlite,postgres`. A column that it leaves out says so.
pub const BACKENDS_VARIABLE: &str = "TORII_TEST_BACKENDS";

/// Statements are counted for the whole process, so those who count take turns.
static COUNTING: Mutex<()> = Mutex::const_new(());

/// Runs a law on a fresh database of `B`, and checks that the neighbour is as it was. What [`laws!`](macro@crate::laws) makes of each
/// law is a test that calls this.
///
/// # Panics
/// If the law, or the neighbour's peace, is broken.
pub fn run<B: Backend>(scope: ScopeUnderTest, noun: &str, law: impl AsyncFnOnce(&World<B::Provider>)) {
    if !is_wanted(B::NAME) {
        return;
    }
    on_a_runtime(async {
        let options = OpenOptions::for_laws_of(noun);
        let _turn = if options.log_statements { Some(COUNTING.lock().await) } else { None };
        let world = World::open::<B>(scope, options).await;
        law(&world).await;
        world.assert_neighbour_unchanged().await;
    });
}

/// The columns that this project has.
const COLUMNS: [&str; 7] = [
    "sqlite",
    "postgres",
    "postgres_rls",
    "seaorm_sqlite",
    "seaorm_postgres",
    "seaorm_mysql",
    "seaorm_mysql_partitioned",
];

/// Whether a column runs. One that was left out on purpose says so.
pub(crate) fn is_wanted(column: &str) -> bool {
    let Ok(list) = env::var(BACKENDS_VARIABLE) else { return true };
    let wanted = list_has(&list, column);
    if !wanted {
        // A closed standard output is no reason to fail.
        let _ = writeln!(io::stdout(), "not run: {BACKENDS_VARIABLE} leaves {column} out");
    }
    wanted
}

/// Whether a list of columns has `column`. A name that is none is a failure: it would leave out more than was meant.
fn list_has(list: &str, column: &str) -> bool {
    let names: Vec<_> = list.split(',').map(str::trim).collect();
    for name in &names {
        let known = COLUMNS.contains(name) || *name == column;
        assert!(known, "{BACKENDS_VARIABLE} names {name:?}, which is none of {COLUMNS:?}");
    }
    names.contains(&column)
}

/// Blocks on `future` with a few threads, so that what the law spawns runs in parallel.
pub(crate) fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime can be made").block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_narrows_to_what_it_names() {
        assert!(list_has("sqlite, postgres", "postgres"));
        assert!(!list_has("sqlite,postgres", "seaorm_mysql"));
        assert!(list_has("my_database", "my_database"));
    }

    #[test]
    #[should_panic(expected = "which is none of")]
    fn a_list_with_a_typing_error_is_a_failure() {
        list_has("sqllite", "sqlite");
    }
}
