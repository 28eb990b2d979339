use super::*;

const METADATA: &str = r#"{
    "packages": [
        {
            "name": "torii-mailer",
            "features": { "default": ["smtp"], "smtp": [], "native-tls": ["lettre/tokio1-native-tls"] },
            "targets": [{ "kind": ["lib"], "name": "torii_mailer" }]
        },
        {
            "name": "torii",
            "features": {
                "default": ["password", "sqlite"],
                "mailer-tls": ["torii-mailer/native-tls"],
                "oauth": [],
                "password": [],
                "sqlite": ["dep:sqlx"]
            },
            "targets": [{ "kind": ["lib"], "name": "torii" }, { "kind": ["test"], "name": "facade" }]
        },
        { "name": "torii-core", "features": { "default": [], "passkey": [] }, "targets": [{ "kind": ["lib"] }] },
        { "name": "torii-storage-sqlite", "features": {}, "targets": [{ "kind": ["lib"] }] },
        { "name": "demo", "features": { "extra": [] }, "targets": [{ "kind": ["bin"] }] },
        {
            "name": "torii-cli",
            "features": { "default": ["mysql", "sqlite", "tls"], "mysql": [], "sqlite": [], "tls": [] },
            "targets": [{ "kind": ["bin"] }]
        }
    ],
    "workspace_members": [],
    "version": 1
}"#;

fn workspace(openssl: bool) -> Workspace {
    Workspace::parse(METADATA.as_bytes(), openssl).unwrap()
}

/// The sets of one package, as `a,b`; `-` for none.
fn sets(workspace: &Workspace, package: &str) -> Vec<String> {
    let sets = workspace.sets().into_iter().filter(|arguments| arguments[2] == package);
    sets.map(|arguments| {
        assert_eq!(arguments[..2], ["check", "-p"]);
        assert_eq!(arguments[3], "--no-default-features");
        match &arguments[4..] {
            [] => "-".to_owned(),
            [flag, features] => {
                assert_eq!(flag, "--features");
                features.clone()
            }
            other => panic!("unexpected arguments: {other:?}"),
        }
    })
    .collect()
}

#[test]
fn every_feature_of_a_library_is_built_alone_and_with_the_others() {
    let with = workspace(true);
    assert_eq!(sets(&with, "torii-mailer"), ["-", "default", "native-tls", "native-tls,smtp", "smtp"]);
    assert_eq!(with.everything(), ["--all-features"]);
}

#[test]
fn sign_in_methods_are_also_built_with_a_database() {
    let expected = [
        "-",
        "default",
        "mailer-tls",
        "mailer-tls,oauth,password,sqlite",
        "oauth",
        "oauth,sqlite",
        "password",
        "password,sqlite",
        "sqlite",
    ];
    assert_eq!(sets(&workspace(true), "torii"), expected);
}

#[test]
fn the_command_is_built_with_each_database_alone_and_with_all() {
    assert_eq!(sets(&workspace(true), "torii-cli"), ["mysql", "sqlite", "mysql,sqlite,tls"]);
}

#[test]
fn an_empty_default_is_no_set_of_its_own() {
    assert_eq!(sets(&workspace(true), "torii-core"), ["-", "passkey"]);
}

#[test]
fn crates_without_features_and_programs_need_no_checks_of_their_own() {
    assert!(sets(&workspace(true), "torii-storage-sqlite").is_empty());
    assert!(sets(&workspace(true), "demo").is_empty());
}

#[test]
fn without_openssl_only_what_needs_it_is_left_out_and_it_is_named() {
    let without = workspace(false);
    assert_eq!(without.left_out(), ["torii/mailer-tls", "torii-mailer/native-tls"]);
    assert_eq!(sets(&without, "torii-mailer"), ["-", "default", "smtp"]);
    let everything = "demo/extra,torii/default,torii/oauth,torii/password,torii/sqlite,torii-cli/default,\
                      torii-cli/mysql,torii-cli/sqlite,torii-cli/tls,torii-core/default,\
                      torii-core/passkey,torii-mailer/default,torii-mailer/smtp";
    assert_eq!(without.everything(), ["--features", everything]);
    assert!(workspace(true).left_out().is_empty());
}

#[test]
fn text_that_is_not_metadata_is_an_error() {
    assert!(matches!(Workspace::parse(b"error: no", true), Err(Failure::Metadata(_))));
}
