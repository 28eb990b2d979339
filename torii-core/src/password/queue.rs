//! A bounded queue that is fair between tenants.

use std::collections::VecDeque;

use crate::tenant::TenantId;

#[cfg(test)]
mod tests;

/// One line of waiting items for each tenant, served in turn.
///
/// A tenant that floods the queue delays itself: others are served after at most one of its items, and when
/// the queue is full it is its places that are taken away.
pub(super) struct FairQueue<T> {
    capacity: usize,
    len: usize,
    /// In the order in which they are served next; none is empty.
    lines: VecDeque<Line<T>>,
}

struct Line<T> {
    tenant: TenantId,
    items: VecDeque<T>,
}

/// What became of an item that wanted a place.
pub(super) enum Admission<T> {
    /// It waits.
    Queued,
    /// It waits in the place of this one, the newest of the tenant that holds the most.
    Displaced(T),
    /// The queue is full and nobody holds more places than its own tenant would. It comes back.
    Refused(T),
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, len: 0, lines: VecDeque::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= self.capacity
    }

    pub(super) fn push(&mut self, tenant: &TenantId, item: T) -> Admission<T> {
        let displaced = if self.is_full() {
            match self.displace_for(tenant) {
                None => return Admission::Refused(item),
                displaced => displaced,
            }
        } else {
            None
        };
        match self.lines.iter_mut().find(|line| line.tenant == *tenant) {
            Some(line) => line.items.push_back(item),
            None => self.lines.push_back(Line { tenant: tenant.clone(), items: VecDeque::from([item]) }),
        }
        self.len += 1;
        displaced.map_or(Admission::Queued, Admission::Displaced)
    }

    /// Makes room by taking the newest item of the tenant that holds the most, unless `tenant` would then hold
    /// as many as that one did.
    fn displace_for(&mut self, tenant: &TenantId) -> Option<T> {
        let held = self.lines.iter().find(|line| line.tenant == *tenant).map_or(0, |line| line.items.len());
        let longest = self.lines.iter_mut().max_by_key(|line| line.items.len())?;
        if longest.items.len() <= held + 1 {
            return None;
        }
        // More than one item, so the line does not become empty.
        let newest = longest.items.pop_back()?;
        self.len -= 1;
        Some(newest)
    }

    /// The next item that is still `wanted`. The unwanted ones before it are dropped and cost their tenant no turn.
    pub(super) fn pop(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<(TenantId, T)> {
        while let Some(mut line) = self.lines.pop_front() {
            while let Some(item) = line.items.pop_front() {
                self.len -= 1;
                if wanted(&item) {
                    let tenant = line.tenant.clone();
                    if !line.items.is_empty() {
                        self.lines.push_back(line);
                    }
                    return Some((tenant, item));
                }
            }
        }
        None
    }

    /// Drops every item that is no longer `wanted`.
    pub(super) fn sweep(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.lines.retain_mut(|line| {
            line.items.retain(&mut wanted);
            !line.items.is_empty()
        });
        self.len = self.lines.iter().map(|line| line.items.len()).sum();
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.lines.iter().flat_map(|line| &line.items)
    }
}
