use super::*;

const A: TenantId = TenantId::from_static("tenant-a");
const B: TenantId = TenantId::from_static("tenant-b");
const C: TenantId = TenantId::from_static("tenant-c");

fn all(_: &u32) -> bool {
    true
}

fn filled(capacity: usize, items: &[(TenantId, u32)]) -> FairQueue<u32> {
    let mut queue = FairQueue::new(capacity);
    for (tenant, item) in items {
        assert!(matches!(queue.push(tenant, *item), Admission::Queued));
    }
    queue
}

fn drain(queue: &mut FairQueue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop(all)).map(|(_, item)| item).collect()
}

#[test]
fn tenants_take_turns_and_each_is_served_in_order() {
    let mut queue = filled(8, &[(A, 1), (A, 2), (A, 3), (B, 10), (B, 11), (C, 20)]);
    assert_eq!(drain(&mut queue), [1, 10, 20, 2, 11, 3]);
    assert!(queue.pop(all).is_none());
}

#[test]
fn a_tenant_that_comes_back_waits_for_its_turn() {
    let mut queue = filled(8, &[(A, 1), (A, 2), (B, 10)]);
    assert_eq!(queue.pop(all), Some((A, 1)));
    assert_eq!(queue.pop(all), Some((B, 10)));
    assert!(matches!(queue.push(&B, 11), Admission::Queued));
    assert_eq!(drain(&mut queue), [2, 11]);
}

#[test]
fn the_newest_item_of_the_greediest_tenant_makes_room() {
    let mut queue = filled(4, &[(A, 1), (A, 2), (A, 3), (B, 10)]);
    assert!(matches!(queue.push(&C, 20), Admission::Displaced(3)));
    assert_eq!(drain(&mut queue), [1, 10, 20, 2]);
}

#[test]
fn nobody_is_displaced_for_a_tenant_that_would_hold_as_much() {
    let mut queue = filled(4, &[(A, 1), (A, 2), (B, 10), (B, 11)]);
    assert!(matches!(queue.push(&A, 3), Admission::Refused(3)));
    assert!(matches!(queue.push(&B, 12), Admission::Refused(12)));
    assert!(matches!(queue.push(&C, 20), Admission::Displaced(11)));
    assert!(matches!(queue.push(&C, 21), Admission::Refused(21)));
    assert_eq!(drain(&mut queue), [1, 10, 20, 2]);
}

#[test]
fn single_items_are_never_displaced() {
    let mut queue = filled(2, &[(A, 1), (B, 10)]);
    assert!(matches!(queue.push(&C, 20), Admission::Refused(20)));
    assert_eq!(drain(&mut queue), [1, 10]);
}

#[test]
fn unwanted_items_cost_no_turn() {
    let mut queue = filled(8, &[(A, 1), (A, 2), (A, 3), (B, 10)]);
    assert_eq!(queue.pop(|&item| item != 1), Some((A, 2)));
    assert_eq!(drain(&mut queue), [10, 3]);
}

#[test]
fn a_sweep_frees_the_places_of_unwanted_items() {
    let mut queue = filled(3, &[(A, 1), (A, 2), (B, 10)]);
    assert!(queue.is_full());
    queue.sweep(|&item| item != 10 && item != 1);
    assert_eq!(queue.items().copied().collect::<Vec<_>>(), [2]);
    assert!(matches!(queue.push(&C, 20), Admission::Queued));
    assert!(matches!(queue.push(&C, 21), Admission::Queued));
    assert!(queue.is_full());
    assert_eq!(drain(&mut queue), [2, 20, 21]);
}
