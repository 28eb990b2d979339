//! What many tenants of very different sizes come to: arithmetic on a few measured numbers, not a measurement.

use clap::Args;
use serde::Serialize;

use crate::report::{Fact, Report};

mod btree;
mod measured;
mod nodes;
mod zipf;

#[cfg(test)]
mod tests;

use nodes::Load;
use zipf::Zipf;

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Model {
    /// Tenants
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) tenants: u32,
    /// Users of all tenants together
    #[arg(long, default_value_t = 100_000_000)]
    pub(crate) users: u64,
    /// How unequal tenants are: the tenant of rank k has a share in proportion to k to the power of minus this. 0 is equal
    #[arg(long, default_value_t = 1.0)]
    pub(crate) skew: f64,
    /// Sessions of a user that are not over
    #[arg(long, default_value_t = 1.5)]
    pub(crate) sessions_per_user: f64,
    /// Requests of a user in a day, each of which checks a session
    #[arg(long, default_value_t = 40.0)]
    pub(crate) checks_per_day: f64,
    /// Sign-ins of a user in a day
    #[arg(long, default_value_t = 0.1)]
    pub(crate) sign_ins_per_day: f64,
    /// The busiest second by the average one
    #[arg(long, default_value_t = 4.0)]
    pub(crate) peak: f64,
    /// Database nodes that tenants are spread over, by a hash of their id
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64")]
    pub(crate) nodes: Vec<u32>,
    /// Statements that a node does in a second. Put what `limit` shows on yours: cores by its p50, less what you keep back
    #[arg(long, default_value_t = measured::ASSUMED_STATEMENTS_PER_NODE)]
    pub(crate) statements_per_node: f64,
}

pub(crate) fn run(model: &Model) -> Report {
    let zipf = Zipf::new(model.tenants, model.skew);
    let mut facts = model.tenant_sizes(&zipf);
    facts.extend(model.rows_and_bytes());
    facts.extend(model.index_levels(&zipf));
    facts.extend(model.statements(&zipf));
    let settings = serde_json::to_value(model).unwrap_or_default();
    Report { command: "model", settings, rows: Vec::new(), facts }
}

impl Model {
    fn sessions(&self) -> f64 {
        self.users as f64 * self.sessions_per_user
    }

    fn tenant_sizes(&self, zipf: &Zipf) -> Vec<Fact> {
        let users = self.users as f64;
        let mut facts = Vec::new();
        let ranks =
            [("the largest", 1), ("number 10", 10), ("number 1,000", 1000), ("the middle one", self.tenants / 2)];
        for (name, rank) in ranks.into_iter().filter(|(_, rank)| (1..=self.tenants).contains(rank)) {
            facts.push(Fact::new("Users of a tenant", name, users * zipf.share(rank), "users"));
        }
        let first = zipf.share_of_first(self.tenants.div_ceil(100));
        facts.push(Fact::new("Users of a tenant", "of the largest 1 %, all together", first * 100.0, "% of all users"));
        facts
    }

    fn rows_and_bytes(&self) -> Vec<Fact> {
        let (tenants, users, sessions) = (f64::from(self.tenants), self.users as f64, self.sessions());
        let mut facts = Vec::new();
        let mut total = 0.0;
        for (name, rows, bytes) in [
            ("tenants", tenants, measured::BYTES_PER_TENANT),
            ("users", users, measured::BYTES_PER_USER),
            ("sessions", sessions, measured::BYTES_PER_SESSION),
        ] {
            facts.push(Fact::new("Rows and bytes with indexes, PostgreSQL", format!("{name}: rows"), rows, ""));
            facts.push(Fact::new("Rows and bytes with indexes, PostgreSQL", name, gib(rows * bytes), "GiB"));
            total += rows * bytes;
        }
        facts.push(Fact::new("Rows and bytes with indexes, PostgreSQL", "together", gib(total), "GiB"));
        for nodes in &self.nodes {
            let name = format!("on each of {nodes} nodes, on average");
            let bytes = total / f64::from(*nodes);
            facts.push(Fact::new("Rows and bytes with indexes, PostgreSQL", name, gib(bytes), "GiB"));
        }
        facts
    }

    /// A key that begins with the tenant is as deep as all its rows make it; a tenant of its own would have these levels.
    fn index_levels(&self, zipf: &Zipf) -> Vec<Fact> {
        const GROUP: &str = "Levels of the index that a session check descends, PostgreSQL";
        let sessions = self.sessions();
        let levels = |rows: f64, key| f64::from(btree::levels(rows, key));
        vec![
            Fact::new(GROUP, "all tenants in one table", levels(sessions, measured::SESSION_KEY), "pages read"),
            Fact::new(
                GROUP,
                "the same without a tenant in the key",
                levels(sessions, measured::BARE_KEY),
                "pages read",
            ),
            Fact::new(
                GROUP,
                "the largest tenant alone",
                levels(sessions * zipf.share(1), measured::SESSION_KEY),
                "pages read",
            ),
        ]
    }

    fn statements(&self, zipf: &Zipf) -> Vec<Fact> {
        const DAY: f64 = 24.0 * 60.0 * 60.0;
        let users = self.users as f64;
        let checks = users * self.checks_per_day / DAY * self.peak;
        let sign_ins = users * self.sign_ins_per_day / DAY * self.peak;
        let statements = checks * measured::STATEMENTS_PER_CHECK + sign_ins * measured::STATEMENTS_PER_SIGN_IN;
        let mut facts = vec![
            Fact::new("Busiest second", "session checks", checks, "per second"),
            Fact::new(
                "Busiest second",
                "sign-ins (each also an Argon2 hash, in the application)",
                sign_ins,
                "per second",
            ),
            Fact::new("Busiest second", "statements", statements, "per second"),
            Fact::new(
                "Busiest second",
                "nodes, if they were equally busy",
                (statements / self.statements_per_node).ceil(),
                "",
            ),
        ];
        for nodes in self.nodes.iter().filter(|nodes| **nodes > 0) {
            let load = Load::by_hash(zipf, *nodes);
            let group = format!("Statements on {nodes} nodes, tenants spread by hash");
            let (average, busiest) = (statements / f64::from(*nodes), statements * load.busiest);
            facts.push(Fact::new(&group, "average node", average, "per second"));
            facts.push(Fact::new(&group, "busiest node", busiest, "per second"));
            facts.push(Fact::new(&group, "busiest by average", busiest / average, "times"));
            facts.push(Fact::new(&group, "of the busiest, its largest tenant", load.largest_tenant * 100.0, "%"));
            facts.push(Fact::new(&group, "busiest by what a node does", busiest / self.statements_per_node, "times"));
        }
        facts
    }
}

fn gib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 30)
}
