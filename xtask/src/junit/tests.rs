use super::*;

const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="4" failures="1" errors="1" uuid="0b1c" time="0.012">
    <testsuite name="torii-core" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="tenant::tests::valid_ids" classname="torii-core" time="0.004">
        </testcase>
    </testsuite>
    <testsuite name="torii-testkit::laws" tests="3" disabled="0" errors="1" failures="1">
        <testcase name="sqlite::default_tenant::a_link_works_once" classname="torii-testkit::laws" time="0.005"/>
        <testcase name="sqlite::named_tenant::a_link_works_once" classname="torii-testkit::laws" time="0.005">
            <failure message="assertion `left == right` failed" type="test failure with exit code 101">left: 2 &lt; 3</failure>
            <system-out>running 1 test</system-out>
        </testcase>
        <testcase name="saboteurs::forgets_the_tenant" classname="torii-testkit::laws" time="0.005">
            <error type="execution failure"/>
        </testcase>
    </testsuite>
</testsuites>"#;

#[test]
fn every_test_has_its_binary_its_path_and_its_result() {
    let outcomes = parse(REPORT).unwrap();
    let outcomes: Vec<_> =
        outcomes.iter().map(|outcome| (outcome.binary.as_str(), outcome.test.as_str(), outcome.passed)).collect();
    let expected = [
        ("torii-core", "tenant::tests::valid_ids", true),
        ("torii-testkit::laws", "sqlite::default_tenant::a_link_works_once", true),
        ("torii-testkit::laws", "sqlite::named_tenant::a_link_works_once", false),
        ("torii-testkit::laws", "saboteurs::forgets_the_tenant", false),
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn half_a_report_is_an_error() {
    assert!(parse(&REPORT[..REPORT.len() / 2]).is_err());
}
