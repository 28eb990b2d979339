//! How deep a b-tree of PostgreSQL is.

/// Bytes of a page, of its header, and of the special space at its end.
const PAGE: f64 = 8192.0 - 24.0 - 16.0;
/// An entry's pointer in the page, and its header.
const ENTRY: f64 = 4.0 + 8.0;
/// Random keys leave pages that were split between half and wholly full: ln 2 of them on average.
const FULL: f64 = std::f64::consts::LN_2;

/// Pages from the root to a leaf, both counted, of an index over `rows` keys of `key` bytes. Pages above the leaves are taken to
/// hold whole keys: PostgreSQL cuts off what is not needed to tell two apart, so the truth is at most this.
pub(super) fn levels(rows: f64, key: f64) -> u32 {
    // Entries begin at multiples of eight.
    let entry = ENTRY + (key / 8.0).ceil() * 8.0;
    let in_page = (PAGE * FULL / entry).floor().max(2.0);
    let mut levels = 1;
    let mut pages = (rows / in_page).ceil();
    while pages > 1.0 {
        pages = (pages / in_page).ceil();
        levels += 1;
    }
    levels
}
