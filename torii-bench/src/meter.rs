//! How long ways take that have their turns one after the other.

use std::{
    hint::black_box,
    ops::Range,
    time::{Duration, Instant},
};

use crate::{
    Result,
    report::{Row, micros},
};

#[cfg(test)]
mod tests;

/// One way of doing something, and what each of its calls took.
#[derive(Debug)]
struct Way {
    name: &'static str,
    against: Option<&'static str>,
    rounds: Vec<Vec<Duration>>,
}

/// The ways of doing one thing.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    ways: Vec<Way>,
    warm: bool,
}

impl Meter {
    /// Counts from now on. What comes before is done, and forgotten: statements are prepared, caches filled.
    pub(crate) fn start(&mut self) {
        self.warm = true;
    }

    /// Gives one way its turn: `call` for each of `indices`. `against` is the way that it is compared with.
    pub(crate) async fn turn<T>(
        &mut self,
        name: &'static str,
        against: Option<&'static str>,
        indices: Range<usize>,
        mut call: impl AsyncFnMut(usize) -> Result<T>,
    ) -> Result<()> {
        let mut took = Vec::with_capacity(indices.len());
        for index in indices {
            let began = Instant::now();
            let answer = call(index).await?;
            took.push(began.elapsed());
            black_box(answer);
        }
        self.took(name, against, took);
        Ok(())
    }

    /// The turn of a way that measures itself.
    pub(crate) fn took(&mut self, name: &'static str, against: Option<&'static str>, took: Vec<Duration>) {
        if !self.warm {
            return;
        }
        match self.ways.iter_mut().find(|way| way.name == name) {
            Some(way) => way.rounds.push(took),
            None => self.ways.push(Way { name, against, rounds: vec![took] }),
        }
    }

    /// What came out, by the order of `names`.
    pub(crate) fn rows(&self, group: &'static str, what: &'static str, names: &[&'static str]) -> Vec<Row> {
        let ways = names.iter().filter_map(|name| self.ways.iter().find(|way| way.name == *name));
        ways.map(|way| self.row(group, what, way)).collect()
    }

    fn row(&self, group: &'static str, what: &'static str, way: &Way) -> Row {
        let all: Vec<Duration> = way.rounds.concat();
        let other = way.against.and_then(|name| self.ways.iter().find(|other| other.name == name));
        let ratio = other.and_then(|other| Ratio::of(way, other));
        Row {
            group,
            what,
            way: way.name,
            calls: all.len(),
            p50_us: micros(percentile(&all, 50)),
            p99_us: micros(percentile(&all, 99)),
            against: way.against,
            ratio: ratio.map(|ratio| ratio.all),
            ratio_low: ratio.map(|ratio| ratio.low),
            ratio_high: ratio.map(|ratio| ratio.high),
        }
    }
}

/// A way's median by another way's: over all calls, and the range of the middle half of the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio {
    all: f64,
    low: f64,
    high: f64,
}

impl Ratio {
    fn of(way: &Way, other: &Way) -> Option<Self> {
        let median = |took: &[Duration]| percentile(took, 50).as_secs_f64();
        let mut rounds: Vec<f64> =
            way.rounds.iter().zip(&other.rounds).map(|(way, other)| median(way) / median(other)).collect();
        rounds.sort_unstable_by(f64::total_cmp);
        let last = rounds.len().checked_sub(1)?;
        let (all, others) = (median(&way.rounds.concat()), median(&other.rounds.concat()));
        Some(Self { all: all / others, low: rounds[last / 4], high: rounds[last - last / 4] })
    }
}

/// What `percent` of the calls took at most. Zero of no calls.
pub(crate) fn percentile(took: &[Duration], percent: usize) -> Duration {
    let mut took = took.to_vec();
    took.sort_unstable();
    let rank = (took.len() * percent).div_ceil(100).saturating_sub(1);
    took.get(rank).copied().unwrap_or_default()
}
