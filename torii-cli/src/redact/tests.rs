use super::*;

#[test]
fn a_url_is_shown_without_its_password() {
    for (text, shown) in [
        ("postgres://app:hunter22@db.example:5432/app", "postgres://app:***@db.example:5432/app"),
        ("postgres://app@db.example/app", "postgres://app@db.example/app"),
        (
            "postgres://app:hunter22@localhost/app?sslmode=require&sslpassword=hunter22",
            "postgres://app:***@localhost/app?sslmode=require&sslpassword=***",
        ),
        (
            "postgres:///app?host=/run/postgres&user=app&password=hunter22",
            "postgres:///app?host=%2Frun%2Fpostgres&user=app&password=***",
        ),
        ("mysql://app:hunter22@localhost/app?ssl-mode=required", "mysql://app:***@localhost/app?ssl-mode=required"),
        ("sqlite:///var/lib/app.db?mode=rwc", "sqlite:///var/lib/app.db?mode=rwc"),
        ("sqlite://app.db?key=hunter22", "sqlite://app.db?key=***"),
    ] {
        assert_eq!(url(text), shown);
    }
}

/// What follows is how people write passwords that they should have escaped.
#[test]
fn a_password_that_breaks_the_url_is_not_shown() {
    for text in [
        "postgres://app:hunter/22@localhost/app",
        "postgres://app:12/hunter@localhost/app",
        "postgres://app:12?hunter@localhost/app",
        "postgres://app:12#hunter@localhost/app",
        "postgres://app:hunter#22@localhost/app",
        "postgres://app:hunter?22@localhost/app",
        "postgres://app:hun[ter]22@local host/app",
        "postgres:app:hunter@localhost/app",
        "mysql://app:12/hunter%40localhost",
        "hunter",
        "",
    ] {
        assert!(!url(text).contains("hunter"), "{text}: {}", url(text));
    }
}

#[test]
fn a_password_in_somebody_elses_message_is_hidden() {
    let secrets = secrets("postgres://app:hunter%2122@localhost/app");
    assert_eq!(message("hunter!22 and hunter%2122 are wrong", &secrets), "*** and *** are wrong");
    assert_eq!(message("cannot use postgres://app:hunter%2122@localhost/app", &secrets), "cannot use ***");
    // Too short to be told from words.
    assert_eq!(message("a day", &super::secrets("postgres://app:a@localhost/app")), "a day");
}

#[test]
fn a_complaint_about_arguments_repeats_no_password() {
    let arguments = ["torii", "status", "postgres://app:hunter22@localhost/app"].map(str::to_owned);
    let text = usage("unexpected argument 'postgres://app:hunter22@localhost/app' found", arguments);
    assert_eq!(text, "unexpected argument 'postgres://app:***@localhost/app' found");
    let arguments = ["--databse-url=postgres://app:hunter22@localhost/app".to_owned()];
    let text = usage("unexpected argument '--databse-url=postgres://app:hunter22@localhost/app'", arguments);
    assert!(!text.contains("hunter22"), "{text}");
}
