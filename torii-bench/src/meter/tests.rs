use super::*;

fn micros_each(values: &[u64]) -> Vec<Duration> {
    values.iter().map(|value| Duration::from_micros(*value)).collect()
}

#[test]
fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
    let took = micros_each(&(1..=200).rev().collect::<Vec<_>>());
    assert_eq!(percentile(&took, 50), Duration::from_micros(100));
    assert_eq!(percentile(&took, 99), Duration::from_micros(198));
    assert_eq!(percentile(&took, 100), Duration::from_micros(200));
    assert_eq!(percentile(&micros_each(&[7]), 1), Duration::from_micros(7));
    assert_eq!(percentile(&[], 50), Duration::ZERO);
}

#[test]
fn a_ratio_is_one_of_medians_and_its_spread_leaves_the_outer_rounds_out() {
    let mut meter = Meter::default();
    meter.took("a", None, micros_each(&[9_999]));
    meter.start();
    // One round of five met something else on the machine.
    for (a, b) in [(100, 110), (100, 120), (100, 130), (100, 120), (100, 900)] {
        meter.took("a", None, micros_each(&[a; 3]));
        meter.took("b", Some("a"), micros_each(&[b; 3]));
    }
    let rows = meter.rows("group", "what", &["a", "b", "never ran"]);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].calls, rows[0].p50_us, rows[0].ratio), (15, 100.0, None));
    assert_eq!((rows[1].p50_us, rows[1].p99_us), (120.0, 900.0));
    let ratios = [rows[1].ratio, rows[1].ratio_low, rows[1].ratio_high];
    let rounded = ratios.map(|ratio| ratio.map(|ratio| (ratio * 1e6).round() / 1e6));
    assert_eq!(rounded, [Some(1.2), Some(1.2), Some(1.3)]);
}
