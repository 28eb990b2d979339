use proptest::prelude::*;
use serde_json::json;

use super::*;

fn metadata(value: Value) -> UserMetadata {
    UserMetadata::new(value).unwrap()
}

fn patch(value: Value) -> MetadataPatch {
    MetadataPatch::new(value).unwrap()
}

fn refusal<T: fmt::Debug>(result: Result<T, ValidationError>) -> MetadataError {
    match result {
        Err(ValidationError::InvalidMetadata(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// `levels` objects and arrays inside each other.
fn nested(levels: usize, inner: Value) -> Value {
    (0..levels)
        .fold(inner, |inner, level| if (levels - level) % 2 == 1 { json!({ "a": inner }) } else { json!([inner]) })
}

#[test]
fn only_an_object_is_metadata() {
    for value in [json!(null), json!(true), json!(1), json!("text"), json!([]), json!([{"a": 1}])] {
        assert_eq!(refusal(UserMetadata::new(value.clone())), MetadataError::NotAnObject);
        assert_eq!(refusal(MetadataPatch::new(value.clone())), MetadataError::NotAnObject);
        assert_eq!(refusal(value.to_string().parse::<UserMetadata>()), MetadataError::NotAnObject);
        assert!(serde_json::from_value::<UserMetadata>(value.clone()).is_err());
        assert!(serde_json::from_value::<MetadataPatch>(value).is_err());
    }
    assert!(matches!(refusal("{".parse::<UserMetadata>()), MetadataError::NotJson(_)));
    assert_eq!(metadata(json!({})), UserMetadata::default());
    assert!(UserMetadata::default().is_empty());
}

#[test]
fn the_size_is_that_of_compact_json() {
    // {"a":"…"} has eight bytes around the text.
    let fits = json!({"a": "x".repeat(UserMetadata::MAX_BYTES - 8)});
    assert_eq!(metadata(fits.clone()).to_string().len(), UserMetadata::MAX_BYTES);
    let spaced = serde_json::to_string_pretty(&fits).unwrap();
    assert_eq!(spaced.parse::<UserMetadata>().unwrap(), metadata(fits));
    let too_large = json!({"a": "x".repeat(UserMetadata::MAX_BYTES - 7)});
    assert_eq!(refusal(UserMetadata::new(too_large.clone())), MetadataError::TooLarge);
    assert_eq!(refusal(MetadataPatch::new(too_large.clone())), MetadataError::TooLarge);
    assert!(serde_json::from_value::<UserMetadata>(too_large).is_err());
    // One character that is six bytes as an escape.
    assert_eq!(refusal(UserMetadata::new(json!({"a": "\u{1}".repeat(3000)}))), MetadataError::TooLarge);
    let endless = format!("{{\"a\": {}1}}", " ".repeat(2 << 20));
    assert_eq!(refusal(endless.parse::<UserMetadata>()), MetadataError::TooLarge);
}

#[test]
fn the_depth_counts_objects_and_arrays() {
    metadata(nested(UserMetadata::MAX_DEPTH, json!(1)));
    for value in [nested(UserMetadata::MAX_DEPTH + 1, json!(1)), nested(UserMetadata::MAX_DEPTH, json!({}))] {
        assert_eq!(refusal(UserMetadata::new(value.clone())), MetadataError::TooDeep);
        assert_eq!(refusal(MetadataPatch::new(value)), MetadataError::TooDeep);
    }
}

#[test]
fn no_text_exhausts_the_stack() {
    for (open, levels) in [("[", 500_000), ("{\"a\":", 100_000)] {
        let text = format!("{{\"a\":{}", open.repeat(levels));
        assert!(matches!(refusal(text.parse::<UserMetadata>()), MetadataError::NotJson(_)));
        assert!(serde_json::from_str::<UserMetadata>(&text).is_err());
        assert!(serde_json::from_str::<MetadataPatch>(&text).is_err());
    }
}

#[test]
fn a_nul_is_refused_wherever_it_is() {
    for value in [json!({"a": "\0"}), json!({"\0": 1}), json!({"a": [{"b": "c\0d"}]}), json!({"a": {"b\0": null}})] {
        assert_eq!(refusal(UserMetadata::new(value.clone())), MetadataError::Nul);
        assert_eq!(refusal(value.to_string().parse::<UserMetadata>()), MetadataError::Nul);
        assert_eq!(refusal(MetadataPatch::new(value)), MetadataError::Nul);
    }
    metadata(json!({"\\u0000": "\\u0000 \u{1} \u{ffff} \u{10ffff}"}));
}

#[test]
fn equal_numbers_have_one_form() {
    let forms = [
        ("1.0", "1"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("1e15", "1000000000000000"),
        ("100e-2", "1"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-9223372036854775808.0", "-9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("9223372036854775808.0", "9223372036854775808"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-9223372036854775809", "-9223372036854775808"),
        ("1e19", "10000000000000000000"),
        ("0.1", "0.1"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"),
        ("2.2250738585072011e-308", "2.225073858507201e-308"),
    ];
    for (written, kept) in forms {
        let read: UserMetadata = format!("{{\"n\":{written}}}").parse().unwrap();
        assert_eq!(read.to_string(), format!("{{\"n\":{kept}}}"));
        assert_eq!(read.to_string().parse::<UserMetadata>().unwrap(), read, "{written}");
    }
    for beyond in ["1e400", "-1e400", "1e99999"] {
        assert!(matches!(refusal(format!("{{\"n\":{beyond}}}").parse::<UserMetadata>()), MetadataError::NotJson(_)));
    }
    assert_eq!(metadata(json!({"n": 1.0})), metadata(json!({"n": 1})));
}

/// As PostgreSQL writes numbers: in full.
#[test]
fn numbers_are_read_in_full_too() {
    for number in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e300, 1.1e-5, 123_456_789.123_456_79] {
        let set = metadata(json!({"n": number, "m": -number}));
        let text = format!("{{\"n\": {number:.400}, \"m\": -{number:.400}}}");
        assert_eq!(text.parse::<UserMetadata>().unwrap(), set, "{number}");
    }
}

#[test]
fn what_is_kept_at_most_can_be_read_in_full() {
    let many = metadata(json!({"n": vec![1e308; 2339]}));
    assert!(many.to_string().len() > UserMetadata::MAX_BYTES - 50);
    let text = many.to_string().replace("1e+308", &format!("{:.0}", 1e308));
    assert_eq!(text.parse::<UserMetadata>().unwrap(), many);
}

/// The cases of RFC 7396, appendix A, in which target and patch are objects.
#[test]
fn the_examples_of_the_standard_hold() {
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (json!({"a": "foo"}), json!({"a": {"b": [null]}}), json!({"a": {"b": [null]}})),
    ];
    for (target, change, expected) in cases {
        assert_eq!(metadata(target.clone()).merge(&patch(change.clone())), Ok(metadata(expected)), "{target} {change}");
    }
}

#[test]
fn a_merge_keeps_the_bounds() {
    let half = "x".repeat(UserMetadata::MAX_BYTES / 2);
    let first = metadata(json!({ "a": half }));
    assert_eq!(refusal(first.merge(&patch(json!({ "b": half })))), MetadataError::TooLarge);
    assert_eq!(first.merge(&patch(json!({"a": null, "b": half}))).unwrap(), metadata(json!({ "b": half })));
    let deep = nested(UserMetadata::MAX_DEPTH, json!(1));
    let merged = metadata(json!({"a": 1})).merge(&patch(deep.clone())).unwrap();
    assert_eq!(merged, metadata(deep));
}

#[test]
fn containment_is_that_of_jsonb() {
    let cases = [
        (json!({"a": 1, "b": 2}), json!({"a": 1}), true),
        (json!({"a": 1}), json!({"a": 1.0}), true),
        (json!({"a": 1}), json!({"a": "1"}), false),
        (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
        (json!({"a": null}), json!({"a": null}), true),
        (json!({}), json!({"a": null}), false),
        (json!({"a": {"b": {"c": 1, "d": 2}}}), json!({"a": {"b": {"d": 2}}}), true),
        (json!({"a": {"b": {"c": 1}}}), json!({"a": {"c": 1}}), false),
        (json!({"a": {"b": 1}}), json!({"a": {}}), true),
        (json!({"a": []}), json!({"a": {}}), false),
        (json!({"a": [1, 2, 3]}), json!({"a": [3, 1]}), true),
        (json!({"a": [1, 2]}), json!({"a": [1, 1, 1]}), true),
        (json!({"a": [1, 2]}), json!({"a": []}), true),
        (json!({"a": [1, 2]}), json!({"a": [1, 4]}), false),
        (json!({"a": [{"b": 1, "c": 2}]}), json!({"a": [{"c": 2}]}), true),
        (json!({"a": [{"b": 1}, {"c": 2}]}), json!({"a": [{"b": 1, "c": 2}]}), false),
        (json!({"a": [1, [2, 3]]}), json!({"a": [[3]]}), true),
        (json!({"a": [1, [2, 3]]}), json!({"a": [3]}), false),
        // An array contains a bare element only where it is the whole document, which metadata never are.
        (json!({"a": [1, 2]}), json!({"a": 1}), false),
    ];
    for (value, filter, expected) in cases {
        assert_eq!(metadata(value.clone()).contains(&metadata(filter.clone())), expected, "{value} {filter}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i8..3).prop_map(f64::from).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(10, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,2}|.{0,4}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

fn any_metadata() -> impl Strategy<Value = UserMetadata> {
    json_value().prop_filter_map("metadata", |value| UserMetadata::new(json!({ "a": value })).ok())
}

proptest! {
    #[test]
    fn any_json_is_refused_or_comes_back(value in json_value()) {
        let text = value.to_string();
        let read = text.parse::<UserMetadata>();
        prop_assert_eq!(serde_json::from_str::<UserMetadata>(&text).ok(), read.clone().ok());
        prop_assert_eq!(UserMetadata::new(value).ok(), read.clone().ok());
        if let Ok(metadata) = read {
            let written = metadata.to_string();
            prop_assert!(written.len() <= UserMetadata::MAX_BYTES);
            prop_assert_eq!(&serde_json::to_string(&metadata).unwrap(), &written);
            prop_assert_eq!(written.parse(), Ok(metadata.clone()));
            prop_assert_eq!(UserMetadata::new(metadata.clone().into_value()), Ok(metadata));
        }
    }

    #[test]
    fn metadata_contain_themselves_and_their_parts(one in any_metadata(), other in any_metadata()) {
        prop_assert!(one.contains(&one));
        prop_assert!(one.contains(&UserMetadata::default()));
        // Contained in each other they differ at most in how often an array has an element, and in which order.
        if one.contains(&other) && one.to_string().len() < other.to_string().len() {
            prop_assert!(other.to_string().contains('['));
        }
    }

    #[test]
    fn merging_a_patch_again_changes_nothing(one in any_metadata(), change in any_metadata()) {
        let change = MetadataPatch::new(change.into_value()).unwrap();
        let once = one.merge(&change).unwrap();
        prop_assert_eq!(once.merge(&change), Ok(once.clone()));
        prop_assert_eq!(one.merge(&MetadataPatch::default()), Ok(one));
    }
}
