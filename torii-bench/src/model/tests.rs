use super::*;

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[test]
fn shares_add_up_and_fall_with_rank() {
    for skew in [0.0, 0.8, 1.0, 1.5] {
        let zipf = Zipf::new(10_000, skew);
        assert!(near(zipf.share_of_first(10_000), 1.0));
        assert!(near(zipf.share(1) / zipf.share(10), 10_f64.powf(skew)));
        assert!(near(zipf.share(10_001) + zipf.share(0), 0.0));
    }
}

#[test]
fn a_tree_has_one_level_more_when_a_level_is_full() {
    // 8152 * ln 2 / (12 + 48) = 94.2 entries in a page.
    assert_eq!(btree::levels(94.0, 45.0), 1);
    assert_eq!(btree::levels(95.0, 45.0), 2);
    assert_eq!(btree::levels(94.0 * 94.0, 45.0), 2);
    assert_eq!(btree::levels(94.0 * 94.0 + 1.0, 45.0), 3);
    assert!(btree::levels(1e12, 45.0) > btree::levels(1e12, 5.0));
}

#[test]
fn the_busiest_node_has_at_least_its_share_and_the_largest_tenant() {
    let zipf = Zipf::new(100_000, 1.0);
    let alone = Load::by_hash(&zipf, 1);
    assert!(near(alone.busiest, 1.0) && near(alone.largest_tenant, zipf.share(1)), "{alone:?}");
    for nodes in [4, 16, 64] {
        let load = Load::by_hash(&zipf, nodes);
        assert!(load.busiest >= 1.0 / f64::from(nodes) && load.busiest >= zipf.share(1), "{load:?}");
    }
}

#[test]
fn equal_tenants_are_spread_evenly() {
    let load = Load::by_hash(&Zipf::new(1_000_000, 0.0), 16);
    assert!(load.busiest * 16.0 < 1.02, "{load:?}");
}
