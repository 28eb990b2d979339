use std::{fs, path::Path};

/// The list of calls is only worth something while it is complete.
#[test]
fn every_public_call_of_the_facade_is_in_the_list() {
    let facade = Path::new(env!("CARGO_MANIFEST_DIR")).join("../torii/src");
    let list = include_str!("../invalid_tenants.rs");
    // These are of all tenants, or ask nothing of one.
    let others = [
        "build",
        "find_tenant",
        "flush_mail",
        "health_check",
        "migrate",
        "purge_tenant",
        "register_tenant",
        "resume_tenant",
        "suspend_tenant",
        "tenants_page",
        "with_postgres",
        "with_seaorm",
        "with_sqlite",
    ];
    let mut calls = 0;
    for file in fs::read_dir(facade).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some(rest) = line.trim_start().strip_prefix("pub async fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            calls += 1;
            assert!(
                others.contains(&name) || list.contains(&format!(".{name}(")),
                "{name} of {} is not in the list",
                path.display()
            );
        }
    }
    assert!(calls > 60, "the facade was found: {calls} calls");
}
