use super::*;

fn law(test: &str, passed: bool) -> Outcome {
    Outcome { binary: BINARY.to_owned(), test: test.to_owned(), passed }
}

#[test]
fn shows_every_column_and_scope_and_the_saboteurs() {
    let outcomes = [
        law("sqlite::default_tenant::once", true),
        law("sqlite::default_tenant::twice", true),
        law("sqlite::named_tenant::once", true),
        law("sqlite::named_tenant::twice", false),
        law("seaorm_sqlite::default_tenant::once", true),
        law("seaorm_sqlite::default_tenant::twice", true),
        law("seaorm_sqlite::named_tenant::once", true),
        law("seaorm_sqlite::named_tenant::twice", true),
        law("saboteurs::sqlite::forgets_the_tenant", true),
        law("saboteurs::seaorm_sqlite::forgets_the_tenant", true),
    ];
    let expected = "\
laws              default_tenant          named_tenant            saboteurs
seaorm_sqlite     2 passed, 0 failed      2 passed, 0 failed      1 passed, 0 failed
sqlite            2 passed, 0 failed      1 passed, 1 failed      1 passed, 0 failed
failed:
  sqlite::named_tenant::twice
";
    assert_eq!(Matrix::new(&outcomes).to_string(), expected);
}

#[test]
fn names_the_law_that_did_not_run_in_one_place() {
    let outcomes = [
        law("sqlite::default_tenant::once", true),
        law("sqlite::default_tenant::races::twice", true),
        law("sqlite::named_tenant::once", true),
    ];
    let text = Matrix::new(&outcomes).to_string();
    assert!(text.ends_with("did not run everywhere, missing:\n  sqlite::named_tenant::races::twice\n"), "{text}");
}

#[test]
fn a_scope_that_ran_nothing_is_named_once() {
    let outcomes = [law("sqlite::default_tenant::once", true), law("sqlite::default_tenant::twice", true)];
    let text = Matrix::new(&outcomes).to_string();
    assert!(text.ends_with("missing:\n  sqlite::named_tenant: all 2\n"), "{text}");
}

#[test]
fn a_saboteur_that_was_not_caught_is_listed() {
    let outcomes = [law("saboteurs::sqlite::reads_then_writes", false)];
    assert_eq!(Matrix::new(&outcomes).failed(), ["saboteurs::sqlite::reads_then_writes"]);
}

#[test]
fn a_column_has_all_saboteurs_or_none() {
    let outcomes = [
        law("saboteurs::sqlite::reads_then_writes", true),
        law("saboteurs::sqlite::forgets_the_tenant", true),
        law("saboteurs::postgres::forgets_the_tenant", true),
        law("postgres_rls::default_tenant::once", true),
        law("postgres_rls::named_tenant::once", true),
    ];
    let missing = Matrix::new(&outcomes).missing();
    assert!(missing.contains(&"saboteurs::postgres::reads_then_writes".to_owned()), "{missing:?}");
    assert!(!missing.iter().any(|place| place.contains("saboteurs::postgres_rls")), "{missing:?}");
}

#[test]
fn tests_that_are_no_laws_are_not_counted() {
    let elsewhere = Outcome { binary: "torii-core".to_owned(), ..law("sqlite::default_tenant::once", true) };
    let outcomes =
        [elsewhere, law("world::seeds_a_neighbour", true), law("sqlite::helpers::open", true), law("alone", true)];
    assert_eq!(Matrix::new(&outcomes).to_string(), "no law of torii-testkit ran\n");
}
