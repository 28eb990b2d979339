use super::*;

const KNOWN: Known = Known { engine: Engine::Postgres, adopted: false, row_level_security: false };

fn fact(line: &str) -> Fact {
    Fact::parse(&line.split('|').collect::<Vec<_>>()).unwrap()
}

fn table() -> Vec<Fact> {
    [
        "table|users||table|",
        "type|users|email|text|",
        "collation|users|email|C|",
        "null|users|email|not null|",
        "default|users|email||",
        "unique|users|(tenant_id, email_key)||users_tenant_email",
        "foreign key|users|(tenant_id) REFERENCES tenants(id)||users_fkey",
        "policy|users|torii_tenant|all|",
    ]
    .map(fact)
    .to_vec()
}

fn codes(found: &[Fact], known: Known) -> Vec<&'static str> {
    compare(&table(), found, known).iter().map(|problem| problem.code).collect()
}

fn without(kind: Kind) -> Vec<Fact> {
    table().into_iter().filter(|fact| fact.kind != kind).collect()
}

fn with(kind: Kind, value: &str) -> Vec<Fact> {
    let mut facts = table();
    facts.iter_mut().filter(|fact| fact.kind == kind).for_each(|fact| fact.value = value.to_owned());
    facts
}

#[test]
fn the_same_is_well() {
    assert!(codes(&table(), KNOWN).is_empty());
    let expecting = Known { row_level_security: true, ..KNOWN };
    assert!(codes(&table(), expecting).is_empty());
    // Not asked for.
    assert!(codes(&without(Kind::Policy), KNOWN).is_empty());
    assert_eq!(codes(&without(Kind::Policy), expecting), ["missing_policy"]);
    assert_eq!(codes(&with(Kind::Policy, "select"), expecting), ["altered_policy"]);
}

/// Of MySQL's conditions the names are known, and whether they hold.
#[test]
fn a_condition_that_is_not_enforced_is_noticed() {
    let known = Known { engine: Engine::Mysql, ..KNOWN };
    let facts = |value: &str| [fact("table|users||table|"), fact(&format!("check|users|valid|{value}|valid"))];
    assert!(compare(&facts("`a` > 0"), &facts(""), known).is_empty());
    let problems = compare(&facts("`a` > 0"), &facts("not enforced"), known);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, "altered_check");
    assert!(problems[0].message.ends_with("is not enforced."), "{problems:?}");
    assert_eq!(problems[0].sql.as_deref(), Some("ALTER TABLE users ALTER CHECK valid ENFORCED;"));
}

#[test]
fn what_is_missing_is_named_once() {
    assert_eq!(codes(&[], KNOWN), ["missing_table"]);
    let no_column: Vec<Fact> = table().into_iter().filter(|fact| !fact.kind.is_of_column()).collect();
    assert_eq!(codes(&no_column, KNOWN), ["missing_column"]);
    assert_eq!(codes(&without(Kind::Unique), KNOWN), ["missing_unique_key"]);
    assert_eq!(codes(&without(Kind::ForeignKey), KNOWN), ["missing_foreign_key"]);
}

#[test]
fn what_differs_is_named() {
    for (kind, code) in [
        (Kind::Type, "altered_type"),
        (Kind::Collation, "altered_collation"),
        (Kind::Null, "altered_nullability"),
        (Kind::Default, "altered_default"),
        (Kind::Unique, "unusable_index"),
        (Kind::ForeignKey, "unenforced_foreign_key"),
        (Kind::Table, "altered_table"),
    ] {
        assert_eq!(codes(&with(kind, "other"), KNOWN), [code]);
    }
}

#[test]
fn the_old_columns_of_a_database_that_was_taken_over_may_differ_a_little() {
    let adopted = Known { adopted: true, ..KNOWN };
    assert!(codes(&with(Kind::Type, "character varying"), adopted).is_empty());
    assert!(codes(&with(Kind::Collation, "default"), adopted).is_empty());
    assert!(codes(&with(Kind::Default, "''::text"), adopted).is_empty());
    assert_eq!(codes(&with(Kind::Type, "bigint"), adopted), ["altered_type"]);
    // Times without a zone, and without their fraction, are other times.
    for (expected, found) in [
        ("timestamp with time zone", "timestamp without time zone"),
        ("timestamp with time zone", "text"),
        ("datetime(6)", "datetime"),
    ] {
        let with_type = |value: &str| [fact("table|users||table|"), fact(&format!("type|users|created_at|{value}|"))];
        let problems = compare(&with_type(expected), &with_type(found), adopted);
        assert!(problems.len() == 1 && problems[0].code == "altered_type", "{problems:?}");
    }
    assert_eq!(codes(&with(Kind::Null, "nullable"), adopted), ["altered_nullability"]);
}

#[test]
fn what_is_not_toriis_is_a_problem_only_where_it_is_one() {
    let with_more = |lines: &[&str]| {
        let mut facts = table();
        facts.extend(lines.iter().map(|line| fact(line)));
        facts
    };
    let column = ["type|users|nick|text|", "null|users|nick|nullable|", "default|users|nick||"];
    assert_eq!(codes(&with_more(&column), KNOWN), ["foreign_column"]);
    let required = ["type|users|nick|text|", "null|users|nick|not null|", "default|users|nick||"];
    assert_eq!(codes(&with_more(&required), KNOWN), ["required_column"]);
    for value in ["''", " generated"] {
        let default = format!("default|users|nick|{value}|");
        let written = ["type|users|nick|text|", "null|users|nick|not null|", &default];
        assert_eq!(codes(&with_more(&written), KNOWN), ["foreign_column"], "{value}");
    }
    assert_eq!(codes(&with_more(&["unique|users|(email)||mine"]), KNOWN), ["unique_across_tenants"]);
    assert_eq!(codes(&with_more(&["unique|users|(tenant_id, name)||mine"]), KNOWN), ["foreign_unique_key"]);
    assert!(codes(&with_more(&["index|users|btree (email)||mine", "unique|users|(id)||mine"]), KNOWN).is_empty());
    let policy = ["policy|users|mine|all;permissive|"];
    assert!(codes(&with_more(&policy), KNOWN).is_empty());
    assert_eq!(codes(&with_more(&policy), Known { row_level_security: true, ..KNOWN }), ["foreign_policy"]);
}

/// A new table of sessions and one of the log, and both in torii's partitions.
fn in_parts() -> (Vec<Fact>, Vec<Fact>) {
    let new = [
        "table|sessions||InnoDB|",
        "primary key|sessions|(tenant_id, token_digest)||PRIMARY",
        "foreign key|sessions|(tenant_id) REFERENCES tenants (id)||sessions_tenant_fkey",
        "table|failed_login_attempts||InnoDB|",
        "primary key|failed_login_attempts|(id)||PRIMARY",
        "table|tenants||InnoDB|",
        "table|users||InnoDB|",
        "table|secure_tokens||InnoDB|",
    ]
    .map(fact);
    let mut found = partitions::expected(&new, &[fact("table|sessions||InnoDB, partitioned by KEY tenant_id|")]);
    found.retain(|fact| fact.table != "failed_login_attempts" || fact.kind == Kind::Trigger);
    found.push(fact("table|failed_login_attempts||InnoDB, partitioned by KEY tenant_id|"));
    found.push(fact("primary key|failed_login_attempts|(id, tenant_id)||PRIMARY"));
    (new.to_vec(), found)
}

#[test]
fn of_a_table_in_toriis_partitions_only_what_they_change_may_differ() {
    let known = Known { engine: Engine::Mysql, ..KNOWN };
    let (new, found) = in_parts();
    let codes = |found: &[Fact]| compare(&new, found, known).iter().map(|problem| problem.code).collect::<Vec<_>>();
    assert_eq!(codes(&found), ["partitioned"; 2]);
    for index in 0..found.len() {
        let mut damaged = found.clone();
        let removed = damaged.remove(index);
        let code = match removed.kind {
            Kind::Trigger => "missing_trigger",
            Kind::PrimaryKey => "missing_primary_key",
            Kind::Table => "missing_table",
            kind => panic!("{kind:?}"),
        };
        assert!(codes(&damaged).contains(&code), "{removed:?}: {:?}", codes(&damaged));
    }
    // A key that is only fine in partitions, a trigger of another moment, and other partitions.
    let with = |kind: Kind, table: &str, change: fn(&mut Fact)| {
        let mut damaged = found.clone();
        damaged.iter_mut().filter(|fact| fact.kind == kind && fact.table == table).for_each(change);
        codes(&damaged)
    };
    let whole = with(Kind::Table, "failed_login_attempts", |fact| "InnoDB".clone_into(&mut fact.value));
    assert_eq!(whole, ["missing_primary_key", "partitioned"]);
    let late = with(Kind::Trigger, "users", |fact| "AFTER INSERT".clone_into(&mut fact.value));
    assert!(late.contains(&"altered_trigger"), "{late:?}");
    let other = with(Kind::Table, "sessions", |fact| "InnoDB, partitioned by HASH id".clone_into(&mut fact.value));
    assert_eq!(other, ["altered_table", "missing_foreign_key", "partitioned"]);
    let other = with(Kind::Table, "users", |fact| "InnoDB, partitioned by KEY tenant_id".clone_into(&mut fact.value));
    assert!(other.contains(&"altered_table"), "{other:?}");
}
