use super::*;

fn step(body: Body<()>) -> Step<()> {
    Step { version: 1, name: "step", body, checks: &[] }
}

#[test]
fn line_endings_do_not_count() {
    assert_eq!(
        step(Body::InTransaction("CREATE\r\nTABLE\r\n")).checksum(),
        step(Body::InTransaction("CREATE\nTABLE\n")).checksum()
    );
}

#[test]
fn every_other_difference_counts() {
    let checksum = step(Body::InTransaction("CREATE TABLE a")).checksum();
    for other in [
        Body::InTransaction("CREATE TABLE b"),
        Body::InTransaction("CREATE  TABLE a"),
        Body::OutsideTransaction("CREATE TABLE a"),
        Body::Index { name: "a", create: "CREATE TABLE a", drop: "DROP TABLE a" },
        Body::SqliteRebuild("CREATE TABLE a"),
        Body::Rust { text: "CREATE TABLE a", run: |_, _| Box::pin(async { Ok(()) }) },
    ] {
        assert_ne!(step(other).checksum(), checksum);
    }
}
