use super::*;

fn broken_by(kind: io::ErrorKind) -> sqlx::Error {
    sqlx::Error::Io(kind.into())
}

#[test]
fn what_passes_is_told_from_what_stays() {
    let request_lost = failed("create user")(broken_by(io::ErrorKind::BrokenPipe));
    assert_eq!(passing(&request_lost), Some(Passing::Broken { ran: false }));
    let answer_lost = failed("create user")(broken_by(io::ErrorKind::UnexpectedEof));
    assert_eq!(passing(&answer_lost), Some(Passing::Broken { ran: true }));
    assert_eq!(passing(&failed("create user")(sqlx::Error::PoolTimedOut)), None);
    assert_eq!(passing(&StorageError::NotFound.into()), None);
}

#[test]
fn a_commit_that_may_have_happened_is_not_repeated() {
    let lost = unconfirmed("update user")(broken_by(io::ErrorKind::ConnectionReset));
    assert_eq!(passing(&lost), None);
    assert!(is(&lost, StorageErrorKind::Unavailable));
    let not_sent = unconfirmed("update user")(broken_by(io::ErrorKind::BrokenPipe));
    assert_eq!(passing(&not_sent), Some(Passing::Broken { ran: false }));
}

#[test]
fn states_have_kinds() {
    for (state, kind) in [
        ("23505", StorageErrorKind::UniqueViolation),
        ("23503", StorageErrorKind::ForeignKeyViolation),
        ("23502", StorageErrorKind::ConstraintViolation),
        ("23514", StorageErrorKind::ConstraintViolation),
        ("22021", StorageErrorKind::ConstraintViolation),
        ("42P01", StorageErrorKind::SchemaMissing),
        ("42703", StorageErrorKind::SchemaMissing),
        ("40P01", StorageErrorKind::Locked),
        ("55P03", StorageErrorKind::Locked),
        ("57014", StorageErrorKind::Locked),
        ("57P01", StorageErrorKind::Unavailable),
        ("57P03", StorageErrorKind::Unavailable),
        ("08006", StorageErrorKind::Unavailable),
        ("28P01", StorageErrorKind::Unavailable),
        ("53300", StorageErrorKind::Unavailable),
        ("53100", StorageErrorKind::Full),
        ("25006", StorageErrorKind::ReadOnly),
        ("XX001", StorageErrorKind::Corrupt),
        ("XX000", StorageErrorKind::Other),
        ("42601", StorageErrorKind::Other),
        ("", StorageErrorKind::Other),
    ] {
        assert_eq!(kind_of_state(state), kind, "{state}");
    }
}

#[test]
fn a_connection_error_names_the_place_and_no_secret() {
    let options: PgConnectOptions = "postgres://app:secret@db.example.com:6543/shop".parse().unwrap();
    let error = connect_error("connect to database", &options, broken_by(io::ErrorKind::ConnectionRefused));
    let StorageError::Failed { source, .. } = &error else { unreachable!("{error}") };
    let cause = source.downcast_ref::<ConnectError>().unwrap();
    assert_eq!(cause.problem(), ConnectProblem::Unreachable);
    assert_eq!(cause.place(), "the database shop at db.example.com:6543");
    assert!(cause.to_string().contains("as app"));
    assert!(!format!("{error:?} {cause}").contains("secret"));
}

#[test]
fn what_keeps_from_connecting_has_a_name() {
    let options: PgConnectOptions = "postgres://app@localhost/shop".parse().unwrap();
    for (error, expected) in [
        (no_answer(), ConnectProblem::NoAnswer),
        (broken_by(io::ErrorKind::ConnectionRefused), ConnectProblem::Unreachable),
        (sqlx::Error::Tls("the server speaks no TLS".into()), ConnectProblem::Encryption),
        (sqlx::Error::Protocol("this is a web server".into()), ConnectProblem::Other),
    ] {
        let error = connect_error("connect to database", &options, error);
        let StorageError::Failed { source, .. } = &error else { unreachable!("{error}") };
        assert_eq!(source.downcast_ref::<ConnectError>().unwrap().problem(), expected);
    }
}
